"""The runtime on an engine: see ``runtime.Runtime`` for what each operation promises, and the package for how.

What is remembered of containers is in the engine (labels) and, of what was read of their output, in their folders.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import time
from pathlib import Path

from cloudarium.kernel.clock import Clock
from cloudarium.substrate.compute.docker import engine, figures
from cloudarium.substrate.compute.docker.body import create_body
from cloudarium.substrate.compute.docker.container import Container
from cloudarium.substrate.compute.docker.engine import Engine
from cloudarium.substrate.compute.docker.labels import Facts
from cloudarium.substrate.compute.docker.logs import Logs
from cloudarium.substrate.compute.docker.networks import Host, remove, why_not
from cloudarium.substrate.compute.docker.preparing import prepare
from cloudarium.substrate.compute.docker.recovery import find_again
from cloudarium.substrate.compute.docker.sessions import Session, open_session
from cloudarium.substrate.compute.docker.tools import Tools, make_tools, was_used
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runtime import Recovered, RuntimeCapabilities, State, Watcher
from cloudarium.substrate.compute.signals import signal_number
from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec, Exit, Resources, Stats

log = logging.getLogger(__name__)

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_STOP_GRACE = 2.0
"""Host seconds that programs have to end when the cloud stops, of the ten the agent gives the cloud."""
_RETRY = 1.0
"""Host seconds until an engine that went away is asked again."""
_PAUSE = 5.0
"""Host seconds until an engine that never answered is asked again."""
_SLOW = 15
"""How often a slow engine is asked, each time waiting for its answer, before what runs in it is given up."""


class DockerRuntime:
    """Containers by an engine with Docker's API.

    Args:
        root: a folder for what is kept here of containers; the engine must see it.
        clock: for the patience of ``stop``.
        url: where the engine is, as DOCKER_HOST says it; "" for the usual place.
        host: the host agent, without which containers cannot join networks of the cloud.
        volatile: keep nothing over the end of the cloud process.
    """

    def __init__(self, root: Path, clock: Clock, url: str = "", host: Host | None = None, *, volatile: bool = False):
        self._root = root
        self._clock = clock
        self._url = url
        self._host = host
        self._volatile = volatile
        self._engine: Engine | None = None
        self._ask_again = 0.0
        self._tools: Tools | None = None
        self._containers: dict[str, Container] = {}
        self._watchers: list[Watcher] = []
        self._recovered: list[Recovered] = []
        self._looked = False

    # -- the engine ------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> RuntimeCapabilities:
        """What can be done here. An engine that does not answer is asked again after a while."""
        return self._find().capabilities(why_not(self._host))

    def _find(self) -> Engine:
        # Host time: the engine is a real process beside the cloud, and one that hangs must not be waited for often.
        now = time.monotonic()
        if self._engine is None or (self._engine.reason and now >= self._ask_again):
            self._ask_again = now + _PAUSE
            try:
                self._engine = engine.probe(engine.socket_path(self._url))
            except ComputeError as error:
                self._engine = Engine(reason=error.message)
        return self._engine

    def _require(self) -> Tools:
        if self._tools is None:
            found = self._find()
            if found.reason:
                raise ComputeError("unavailable", f"containers cannot run here: {found.reason}")
            path = engine.socket_path(self._url)
            try:
                self._tools = make_tools(path, found, self._root, self._host)
            except OSError as error:
                raise ComputeError("failed", f"no folder for containers: {error}") from error
        return self._tools

    # -- recovery --------------------------------------------------------------------------------------------------

    async def recover(self) -> list[Recovered]:
        """Take over what an earlier cloud process left; the same list when asked again."""
        if not self._looked and was_used(self._root):
            await self._outlast_a_slow_engine()
            found = await find_again(self._require(), self._host, self._on_exit, forget=self._volatile)
            self._looked = True
            for container, told in found:
                self._containers[container.id] = container
                self._recovered.append(told)
                if container.state == "running":
                    self._follow(container)
        return self._recovered

    async def _outlast_a_slow_engine(self) -> None:
        """One that starts together with the cloud, or on a busy machine: its containers must not count as lost."""
        for _ in range(_SLOW):
            if not self._find().slow:
                return
            self._ask_again = 0.0
            await asyncio.sleep(0)  # each question waits by itself

    def recovered(self) -> list[Recovered]:
        """What ``recover`` found."""
        return self._recovered

    # -- groups ----------------------------------------------------------------------------------------------------

    async def group(self, name: str, resources: Resources) -> None:
        """A name for containers; its limits are not enforced (see ``capabilities``)."""
        if not _ID.fullmatch(name):
            raise ComputeError("invalid", f"not a name of a group: {name!r}")

    async def ungroup(self, name: str) -> None:
        """Nothing was made."""

    # -- life ------------------------------------------------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> None:
        """Prepare a container."""
        if not _ID.fullmatch(spec.id):
            raise ComputeError("invalid", f"not an id of a container: {spec.id!r}")
        if spec.id in self._containers:
            raise ComputeError("conflict", f"container {spec.id} exists already")
        if spec.host_network and spec.network is not None:
            raise ComputeError("invalid", "a network namespace and host_network exclude each other")
        tools = self._require()
        facts = Facts(
            id=spec.id,
            labels=spec.labels,
            network_key=spec.network_key,
            stop_signal=signal_number(spec.stop_signal),
            terminal=spec.terminal,
            logs=spec.logs.mode != "none",
        )
        pid, ipc = (
            self._running(other).engine_id if other is not None else ""
            for other in (spec.share_pid_with, spec.share_ipc_with)
        )
        container = self._containers[spec.id] = Container(facts, "", self._on_exit)
        try:
            place = await prepare(spec, facts, tools, pid, ipc)
            name = f"cloudarium-{tools.owner[:8]}-{spec.id}"
            made = await tools.api.call("POST", "/containers/create", {"name": name}, create_body(spec, place))
            container.engine_id = str(made["Id"])
        except BaseException as error:
            del self._containers[spec.id]
            await asyncio.shield(self._clock.spawn(self._clear(container), f"compute destroy {spec.id}"))
            if isinstance(error, OSError):
                raise ComputeError("failed", str(error)) from error
            raise

    async def start(self, id: str) -> None:
        """Run its program."""
        container = self._get(id)
        try:
            await self._require().api.call("POST", f"{container.path}/start")
        except ComputeError as error:
            if error.kind in ("invalid", "not-found") and container.id in self._containers:
                raise ComputeError("failed", error.message) from error  # a program that is not there is a 400 or 404
            raise
        if container.follower is None:
            container.started()
            self._follow(container)

    def _follow(self, container: Container) -> None:
        container.follower = self._clock.spawn(self._until_exit(container), f"compute follow {container.id}")

    async def _until_exit(self, container: Container) -> None:
        api, warn = self._require().api, log.warning
        while True:
            try:
                await api.call("POST", f"{container.path}/wait", {"condition": "not-running"}, patience=None)
                inspected = await api.call("GET", f"{container.path}/json")
                if figures.state_of(inspected) == "exited":
                    container.ended(figures.exit_of(inspected, time.time()))
                    return
            except ComputeError as error:
                if error.kind == "not-found":
                    lost = "the container was removed from the engine by someone else"
                    container.ended(Exit(error=lost, finished_at=time.time()))
                    return
                warn("container %s cannot be watched, trying again: %s", container.id, error)
                warn = log.debug
            await asyncio.sleep(_RETRY)

    async def signal(self, id: str, signal: int) -> None:
        """Send a signal to its first process."""
        container = self._get(id)
        try:
            await self._require().api.call("POST", f"{container.path}/kill", {"signal": signal})
        except ComputeError as error:
            # 409 of Docker, 500 of Podman.
            if error.kind == "conflict" or container.state != "running" or "not running" in error.message:
                raise ComputeError("exited", f"container {id} is not running") from error
            raise

    async def stop(self, id: str, timeout: float) -> None:
        """Its stop signal, then SIGKILL after ``timeout`` cloud seconds."""
        container = self._get(id)
        if container.state == "created":
            raise ComputeError("exited", f"container {id} is not running")
        with contextlib.suppress(ComputeError):
            await self.signal(id, container.facts.stop_signal)
            try:
                async with self._clock.timeout(timeout):
                    await asyncio.shield(container.exit)
            except TimeoutError:
                await self.signal(id, signal.SIGKILL)
        await asyncio.shield(container.exit)

    async def wait(self, id: str) -> Exit:
        """How it ended."""
        return await asyncio.shield(self._get(id).exit)

    async def delete(self, id: str) -> None:
        """Remove all there is of it."""
        if (container := self._containers.get(id)) is not None:
            await asyncio.shield(self._clock.spawn(self._destroy(container), f"compute delete {id}"))
            for each in self._recovered:
                if each.id == id and (fd := each.take_network()) is not None:
                    os.close(fd)
            self._recovered = [each for each in self._recovered if each.id != id]

    async def _destroy(self, container: Container) -> None:
        await self._clear(container)
        if self._containers.get(container.id) is container:
            del self._containers[container.id]

    async def _clear(self, container: Container) -> None:
        tools = self._require()
        if container.engine_id:
            await remove(tools.api, container.engine_id)
        container.gone(Exit(code=137, signal=9, error="the container was deleted", finished_at=time.time()))
        if container.facts.namespace:
            await tools.networks.leave(container.id, container.facts.namespace)
        shutil.rmtree(self._root / container.id, ignore_errors=True)

    # -- while it runs ---------------------------------------------------------------------------------------------

    async def exec(self, id: str, spec: ExecSpec) -> Session:
        """Run a further process in it."""
        container = self._running(id)
        tools = self._require()
        return await open_session(tools.api, container.path, spec, tools.networks.kill)

    async def stats(self, id: str) -> Stats:
        """Counters now. Of networks that containers share engines tell nothing."""
        container = self._running(id)
        query = {"stream": "false", "one-shot": "true"}
        answer = await self._require().api.call("GET", f"{container.path}/stats", query)
        return figures.stats_of(answer, time.time())

    def logs(self, id: str) -> Logs:
        """Its output."""
        container = self._get(id)
        return Logs(self._require().api, container, self._root / container.id)

    def state(self, id: str) -> State:
        """``unknown``: there is no such container."""
        container = self._containers.get(id)
        return "unknown" if container is None else container.state

    def watch(self, callback: Watcher) -> None:
        """Hear of every end."""
        self._watchers.append(callback)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def reset(self) -> None:
        """Delete every container, and the images that were brought."""
        await asyncio.gather(*(self.delete(id_) for id_ in list(self._containers)))
        self._watchers.clear()
        if self._tools is not None:
            await self._tools.networks.close()
            await self._tools.images.forget()

    async def close(self) -> None:
        """End every container. Those that ended stay in the engine, with exits and output, unless all is volatile."""
        if self._tools is None:
            return
        running = [each for each in self._containers.values() if each.state == "running"]
        await asyncio.gather(*(self._ask(each, each.facts.stop_signal) for each in running))
        if running:
            # Host time: the agent's patience with a stopping cloud is in host time.
            await asyncio.wait([each.exit for each in running], timeout=_STOP_GRACE)
            left = [each for each in running if not each.exit.done()]
            await asyncio.gather(*(self._ask(each, signal.SIGKILL) for each in left))
            await asyncio.wait([each.exit for each in running], timeout=_STOP_GRACE)
        for container in self._containers.values():
            if container.follower is not None:
                container.follower.cancel()
        with contextlib.suppress(ComputeError):
            if self._volatile:
                await self.reset()
            await self._tools.networks.close()

    async def _ask(self, container: Container, number: int) -> None:
        with contextlib.suppress(ComputeError):
            await self.signal(container.id, number)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _get(self, id_: str) -> Container:
        if (container := self._containers.get(id_)) is None or not container.engine_id:
            raise ComputeError("not-found", f"no such container: {id_}")
        return container

    def _running(self, id_: str) -> Container:
        container = self._get(id_)
        if container.state != "running":
            raise ComputeError("exited", f"container {id_} is not running")
        return container

    def _on_exit(self, container: Container, end: Exit) -> None:
        for watcher in self._watchers:
            try:
                watcher(container.id, end)
            except Exception:
                log.exception("a watcher of containers failed")
