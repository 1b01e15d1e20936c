"""The runtime on runc: see ``runtime.Runtime`` for what each operation promises.

Nothing is looked at, made or mounted before the first container. What is remembered of containers is what is on disk
and in their shims: a new cloud process learns it from there (``recover``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
from pathlib import Path

from cloudarium.kernel.clock import Clock
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc import link, stats
from cloudarium.substrate.compute.runc.cgroups import Cgroups
from cloudarium.substrate.compute.runc.container import (
    Container,
    Facts,
    Logs,
    dial,
    listen,
    read_facts,
    record_exit,
    write_json,
)
from cloudarium.substrate.compute.runc.executing import execute
from cloudarium.substrate.compute.runc.folders import Folders
from cloudarium.substrate.compute.runc.machine import Machine
from cloudarium.substrate.compute.runc.plan import make_plan
from cloudarium.substrate.compute.runc.sessions import Session
from cloudarium.substrate.compute.runtime import Recovered, RuntimeCapabilities, State, Watcher
from cloudarium.substrate.compute.signals import signal_number
from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec, Exit, Resources, Stats
from cloudarium.substrate.host.link import Link

log = logging.getLogger(__name__)

_SHIM = "cloudarium.substrate.compute.runc.shim.main:run"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_STOP_GRACE = 2.0
"""Host seconds that programs have to end when the cloud stops, of the ten the agent gives the cloud."""


class RuncRuntime:
    """Containers by runc.

    Args:
        root: where containers are kept.
        clock: for the patience of ``stop``.
        init_fd: socket to init (``Boot.init_fd``), or -1.
        name: tells this cloud's cgroups from others' (unique on the machine).
        reason: why there is no init to ask.
        volatile: keep nothing over the end of the tree, and do not know containers of an earlier cloud process.
        program: runc's path, for tests.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        init_fd: int,
        name: str,
        *,
        reason: str = "",
        volatile: bool = False,
        program: str | None = None,
    ) -> None:
        self._clock = clock
        self._folders = Folders(root, volatile)
        self._volatile = volatile
        self._init_fd = init_fd
        self._init: Link | None = None
        self._name = name
        self._reason = reason
        self._program = program
        self._found: Machine | None = None
        self._containers: dict[str, Container] = {}
        self._watchers: list[Watcher] = []
        self._recovered: list[Recovered] = []
        self._looked = False

    # -- the machine -----------------------------------------------------------------------------------------------

    @property
    def _machine(self) -> Machine:
        if self._found is None:
            cgroups = Cgroups(self._name)
            if self._init_fd >= 0:
                cgroups.prepare()
            self._found = Machine(cgroups, self._init_fd >= 0, self._reason, self._program)
        return self._found

    @property
    def capabilities(self) -> RuntimeCapabilities:
        """What can be done here."""
        return self._machine.capabilities()

    # -- recovery --------------------------------------------------------------------------------------------------

    async def recover(self) -> list[Recovered]:
        """Take over what an earlier cloud process left; the same list when asked again."""
        if not self._looked and self._folders.exist():
            self._looked = True
            for id_ in self._folders.ids():
                await self._recover_one(id_)
            if self._volatile:
                # The records of who wanted them were in the dead cloud's memory.
                await asyncio.gather(*(self.delete(each.id) for each in self._recovered))
                self._recovered.clear()
                if not self._folders.ids():
                    self._folders.close()
        return self._recovered

    async def _recover_one(self, id_: str) -> None:
        folder = self._folders.root / id_
        facts = read_facts(folder)
        sock = dial(self._folders.run / id_)
        container = self._containers[id_] = Container(
            facts or Facts(id=id_, labels={}, network_key="", stop_signal=15, cgroup="", pause=False),
            folder,
            self._on_exit,
        )
        network = None
        if sock is not None:
            container.connect(sock)
            with contextlib.suppress(ComputeError):
                network = await self._take_over(container)
        if facts is None:
            # Its creation never answered: whoever wanted it asks again.
            await self.delete(id_)
            return
        if container.link is None:
            container.lost_with_tree()
        self._recovered.append(
            Recovered(
                id=id_,
                state=container.state,
                labels=facts.labels,
                network_key=facts.network_key,
                network=network,
                exit=container.exit.result() if container.exit.done() else None,
            )
        )

    async def _take_over(self, container: Container) -> int | None:
        answer, fds = await container.ask("state")
        container.pid, container.namespaces = answer["pid"], answer["namespaces"]
        if answer["exit"] is not None:
            import msgspec

            container.ended(msgspec.convert(answer["exit"], Exit))
        elif answer["state"] == "running":
            container.state = "running"
        return fds[0] if fds else None

    def recovered(self) -> list[Recovered]:
        """What ``recover`` found."""
        return self._recovered

    # -- groups ----------------------------------------------------------------------------------------------------

    async def group(self, name: str, resources: Resources) -> None:
        """Make a group of containers or change its limits."""
        if not _ID.fullmatch(name):
            raise ComputeError("invalid", f"not a name of a group: {name!r}")
        self._machine.cgroups.make_group(name, resources)

    async def ungroup(self, name: str) -> None:
        """Remove a group."""
        self._machine.cgroups.remove_group(name)

    # -- life ------------------------------------------------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> None:
        """Prepare a container."""
        machine = self._machine
        program = machine.require()
        if not _ID.fullmatch(spec.id):
            raise ComputeError("invalid", f"not an id of a container: {spec.id!r}")
        if spec.id in self._containers:
            raise ComputeError("conflict", f"container {spec.id} exists already")
        if spec.image and not spec.merged:
            raise ComputeError("invalid", "this runtime takes file systems, not references of images")
        try:
            self._folders.prepare()
            folder, run = self._folders.make(spec.id)
        except FileExistsError:
            raise ComputeError("conflict", f"container {spec.id} exists already") from None
        except OSError as error:
            raise ComputeError("failed", f"no folder for containers: {error}") from None
        cgroup = machine.cgroups.path(spec.cgroup_parent, spec.id)
        facts = Facts(
            id=spec.id,
            labels=spec.labels,
            network_key=spec.network_key,
            stop_signal=signal_number(spec.stop_signal),
            cgroup=cgroup,
            pause=not spec.argv,
        )
        container = self._containers[spec.id] = Container(facts, folder, self._on_exit)
        try:
            pid = "" if spec.share_pid_with is None else self._namespace(spec.share_pid_with, "pid")
            ipc = "" if spec.share_ipc_with is None else self._namespace(spec.share_ipc_with, "ipc")
            root = str(self._folders.run / "runc")
            plan = make_plan(spec, machine, program, run, cgroup=cgroup, runc_root=root, pid=pid, ipc=ipc)
            write_json(folder / "create.json", plan)
            await self._spawn(spec, container, run)
            answer, _ = await container.ask("create")
            container.pid, container.namespaces = answer["pid"], answer["namespaces"]
            (folder / "container.json").write_bytes(_encode(facts))
        except BaseException as error:
            container.exit.cancel()
            await asyncio.shield(self._clock.spawn(self._destroy(container), f"compute destroy {spec.id}"))
            if isinstance(error, OSError):
                raise ComputeError("failed", str(error)) from error
            raise

    def _namespace(self, id_: str, kind: str) -> str:
        other = self._get(id_)
        if other.pid is None or other.state == "exited":
            raise ComputeError("exited", f"container {id_} is not running")
        return other.namespaces[kind]

    async def _spawn(self, spec: ContainerSpec, container: Container, run: Path) -> None:
        """Have init fork the shim."""
        if self._init is None:
            self._init = link.connect(socket.socket(fileno=self._init_fd), "init")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lock = self._machine.cgroups.lock
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        with theirs, listen(run) as listener:
            fds = [listener.fileno(), theirs.fileno(), null if lock is None else lock]
            if spec.network is not None:
                fds.append(spec.network)
            try:
                await self._init.ask(fds, entry=_SHIM, arguments=[str(container.folder), str(run)])
            except BaseException:
                ours.close()
                raise
            finally:
                os.close(null)
        container.connect(ours)

    async def start(self, id: str) -> None:
        """Run its program."""
        container = self._get(id)
        await container.ask("start")
        if container.state == "created":
            container.state = "running"

    async def signal(self, id: str, signal: int) -> None:
        """Send a signal to its first process."""
        await self._get(id).ask("signal", signal=signal)

    async def stop(self, id: str, timeout: float) -> None:
        """Its stop signal, then SIGKILL after ``timeout`` cloud seconds."""
        container = self._get(id)
        with contextlib.suppress(ComputeError):
            # Pid 1 of a pause has nothing to do at its end.
            number = signal.SIGKILL if container.facts.pause else container.facts.stop_signal
            await container.ask("signal", signal=number)
            try:
                async with self._clock.timeout(timeout):
                    await asyncio.shield(container.exit)
            except TimeoutError:
                await container.ask("signal", signal=signal.SIGKILL)
        await asyncio.shield(container.exit)

    async def wait(self, id: str) -> Exit:
        """How it ended."""
        return await asyncio.shield(self._get(id).exit)

    async def delete(self, id: str) -> None:
        """Remove all there is of it."""
        if (container := self._containers.get(id)) is not None:
            await asyncio.shield(self._clock.spawn(self._destroy(container), f"compute delete {id}"))
            self._recovered = [each for each in self._recovered if each.id != id or _close_network(each)]

    async def _destroy(self, container: Container) -> None:
        await self._dismiss(container)
        if self._containers.get(container.id) is container:
            self._machine.cgroups.kill(container.facts.cgroup)
            self._folders.remove(container.id)
            del self._containers[container.id]

    async def _dismiss(self, container: Container) -> None:
        """End the container and its shim; what is on disk stays."""
        with contextlib.suppress(ComputeError):
            await container.ask("delete")
        if container.link is not None:
            container.link.close()
            container.link = None

    # -- while it runs ---------------------------------------------------------------------------------------------

    async def exec(self, id: str, spec: ExecSpec) -> Session:
        """Run a further process in it."""
        return await execute(self._get(id), spec)

    async def stats(self, id: str) -> Stats:
        """Counters now."""
        container = self._get(id)
        if container.pid is None or container.state != "running":
            raise ComputeError("exited", "the container is not running")
        return stats.read(self._machine.cgroups, container.facts.cgroup, container.pid)

    def logs(self, id: str) -> Logs:
        """Its output."""
        return Logs(self._get(id))

    def state(self, id: str) -> State:
        """``unknown``: there is no such container."""
        container = self._containers.get(id)
        return "unknown" if container is None else container.state

    def watch(self, callback: Watcher) -> None:
        """Hear of every end."""
        self._watchers.append(callback)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def reset(self) -> None:
        """Delete every container and group."""
        await asyncio.gather(*(self.delete(id_) for id_ in list(self._containers)))
        self._watchers.clear()
        if self._found is not None:
            self._found.cgroups.close()
            self._found = None

    async def close(self) -> None:
        """End every container, keep their exits."""
        running = [each for each in self._containers.values() if not each.exit.done()]
        for container in running:
            with contextlib.suppress(ComputeError):
                await container.ask("signal", signal=container.facts.stop_signal)
        if running:
            # Host time: the agent's patience with a stopping cloud is in host time.
            await asyncio.wait([each.exit for each in running], timeout=_STOP_GRACE)
        for container in self._containers.values():
            await self._dismiss(container)
            if not container.exit.done():
                container.ended(Exit(code=137, signal=9, error="the cloud stopped"))
                record_exit(container.folder, container.exit.result())
        self._folders.close()
        if self._found is not None:
            self._found.cgroups.close()
        if self._init is not None:
            self._init.close()

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _get(self, id_: str) -> Container:
        if (container := self._containers.get(id_)) is None:
            raise ComputeError("not-found", f"no such container: {id_}")
        return container

    def _on_exit(self, container: Container, end: Exit) -> None:
        if end.error and container.link is None and self._found is not None:
            # Its shim was killed. Init kills the processes; what joined others' namespaces is found by its cgroup.
            asyncio.get_running_loop().call_soon(self._found.cgroups.kill, container.facts.cgroup)
        for watcher in self._watchers:
            try:
                watcher(container.id, end)
            except Exception:
                log.exception("a watcher of containers failed")


def _encode(facts: Facts) -> bytes:
    import msgspec

    return msgspec.json.encode(facts)


def _close_network(recovered: Recovered) -> bool:
    """Close what nobody took; False, so that it is forgotten."""
    if (fd := recovered.take_network()) is not None:
        os.close(fd)
    return False
