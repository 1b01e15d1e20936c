"""The work behind each step of a task: network, containers, and taking all of it away again.

Every function may be repeated: after a crash it is done again from the start, and finds what the first try left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import Session
from cloudarium.services.ecs import overrides
from cloudarium.services.ecs.agent import identities
from cloudarium.services.ecs.agent.documents import Extras, Network
from cloudarium.services.ecs.agent.server import Agent
from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks import environment, interfaces, logs, spec
from cloudarium.services.ecs.tasks.book import Book
from cloudarium.services.ecs.tasks.live import Key, Live
from cloudarium.services.ecs.tasks.preparing import Preparing
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.roles import Roles
from cloudarium.services.ecs.tasks.runtime_ids import group_name, runtime_id
from cloudarium.services.ecs.tasks.sites import READY_TIMEOUT, Sites, mode_of
from cloudarium.services.ecs.tasks.volumes import Volumes
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ContainerSpec
from cloudarium.substrate.images.errors import ImageError

log = logging.getLogger(__name__)

DEFAULT_STOP_TIMEOUT = 30.0
_LOGS_GRACE = 5.0
"""Host seconds for the last output of an ended container to be delivered."""


class Runner:
    """Does what ``machine`` decided."""

    def __init__(self, cloud: Cloud, book: Book) -> None:
        self._cloud = cloud
        self._book = book
        self.roles = Roles(cloud)
        self.sites = Sites(cloud)
        self.agent = Agent(cloud, self)
        self._preparing = Preparing(cloud, book, self.roles)
        self._volumes: Volumes | None = None
        self._said = False

    @property
    def volumes(self) -> Volumes:
        """Folders of tasks and instances."""
        if self._volumes is None:
            self._volumes = Volumes(self._cloud.images.root / "ecs")
        return self._volumes

    # -- the network ---------------------------------------------------------------------------------------------------

    async def provision(self, key: Key, live: Live) -> None:
        """The task's interface, its namespace, and the agent in it."""
        task = self._book.task(key)
        if task is None or self._cloud.fabric is None:
            return
        if not interfaces.interface_id(task):
            changes = await interfaces.create(self._cloud, key[0], task)
            self._book.change(key, **changes)
            task = self._book.task(key) or task
        eni_id = interfaces.interface_id(task)
        try:
            await self._cloud.fabric.ready(eni_id, READY_TIMEOUT)
        except TimeoutError:
            raise CannotRun(f"ResourceInitializationError: the network of {eni_id} was not made in time") from None
        await self.agent.open(eni_id)
        live.networked = True

    async def join_instance(self, key: Key, task: Task, mode: str) -> None:
        """The agent in the network of the task's instance."""
        eni_id = self.sites.interface_id(key, task, mode)
        if eni_id:
            await self._cloud.fabric.ready(eni_id, READY_TIMEOUT)
            await self.agent.open(eni_id)

    async def deprovision(self, key: Key, live: Live) -> None:
        """Delete the task's interface."""
        task = self._book.task(key)
        if task is not None and (eni_id := await interfaces.find(self._cloud, key[0], task)):
            self.agent.close_interface(eni_id)
            await interfaces.delete(self._cloud, key[0], eni_id)
        if task is not None:
            self._book.change(key, attachments=interfaces.with_status(task, "DELETED"))
        live.networked = False

    # -- before the first container ------------------------------------------------------------------------------------

    async def prepare(self, key: Key, live: Live) -> None:
        """Images and secrets; raises CannotRun."""
        if not self._cloud.compute.capabilities.available:
            reason = self._cloud.compute.capabilities.reason
            raise CannotRun(f"ResourceInitializationError: containers cannot run on this machine: {reason}")
        self._say_what_is_missing()
        await self._preparing.prepare(key, live)
        task = self._book.task(key)
        if task is None:
            return
        live.litter = True
        if (limits := spec.task_resources(task)) is not None:
            await self._cloud.compute.group(group_name(task), limits)
        mode = mode_of(self._book.definition(key, task))
        if mode in ("host", "bridge"):
            await self.join_instance(key, task, mode)
        for record in task.containers:
            name = runtime_id(task, record.name)
            self._book.change_container(key, record.name, runtime_id=name)
            live.container(task, record).runtime_id = name
        self.introduce(key)

    def _say_what_is_missing(self) -> None:
        """Once: what definitions ask for and this machine cannot enforce (limits, where a user has no cgroups)."""
        if not self._said:
            self._said = True
            for reason in self._cloud.compute.capabilities.reasons.values():
                log.warning("containers on this machine: %s", reason)
                if (limit := f"containers: {reason}") not in self._cloud.limits:
                    self._cloud.limits.append(limit)

    def introduce(self, key: Key) -> None:
        """Let the agent answer for the task's containers."""
        task = self._book.task(key)
        if task is not None:
            known = identities.identity(self._cloud.store, key[0], task.id)
            ids = {each.runtime_id: each.name for each in task.containers if each.runtime_id}
            self.agent.know(key, known.credentials_id, ids)

    # -- containers ----------------------------------------------------------------------------------------------------

    async def start(self, key: Key, live: Live, name: str) -> bool:
        """Make and start a container; False when the task is gone. Raises CannotRun."""
        task = self._book.task(key)
        record = self._book.container(key, name)
        if task is None or record is None or live.prepared is None:
            return False
        definition = self._book.definition(key, task)
        containers = {each["name"]: each for each in overrides.containers(definition, task.overrides)}
        container = live.containers[name]
        container.image = live.prepared.images[name]
        if "task" in (definition.get("pidMode"), definition.get("ipcMode")):
            async with live.starting:
                await self._start(key, live, task, definition, containers, name)
        else:
            await self._start(key, live, task, definition, containers, name)
        return True

    async def _start(
        self,
        key: Key,
        live: Live,
        task: Task,
        definition: Mapping[str, Any],
        containers: Mapping[str, dict[str, Any]],
        name: str,
    ) -> None:
        compute = self._cloud.compute
        wanted, bindings = await self._spec(key, live, task, definition, containers, name)
        try:
            try:
                await compute.create(wanted)
            except ComputeError as error:
                if error.kind != "conflict":
                    raise
                # A former run of it: before a restart, or before a crash that left it made but not started.
                await live.last_output(_LOGS_GRACE, name)
                live.containers[name].replacing = True
                try:
                    await compute.delete(wanted.id)
                finally:
                    live.containers[name].replacing = False
                await compute.create(wanted)
        except ComputeError as error:
            raise CannotRun(f"CannotCreateContainerError: {error.message}", name) from error
        session = await self.roles.execution_session(key[0], task, definition)
        live.containers[name].log_task = await logs.begin(
            self._cloud,
            key[0],
            task,
            containers[name],
            self._book.container(key, name),
            session.principal if session is not None else None,
        )
        try:
            await compute.start(wanted.id)
        except ComputeError as error:
            raise CannotRun(f"CannotStartContainerError: {error.message}", name) from error
        if bindings:
            self._book.change_container(key, name, network_bindings=bindings)

    async def _spec(
        self,
        key: Key,
        live: Live,
        task: Task,
        definition: Mapping[str, Any],
        containers: Mapping[str, dict[str, Any]],
        name: str,
    ) -> tuple[ContainerSpec, tuple[dict[str, Any], ...]]:
        assert live.prepared is not None
        record = self._book.container(key, name)
        assert record is not None
        image = live.prepared.images[name]
        mounts = self.volumes.mounts(task, definition, containers[name], containers)
        if containers[name].get("firelensConfiguration"):
            aws = await self.roles.execution(key[0], task, definition)
            mounts += await logs.router_mounts(self._cloud, aws, task, definition, list(containers.values()))
        try:
            rootfs = await self._cloud.images.rootfs(image, record.runtime_id)
        except ImageError as error:
            raise CannotRun(f"CannotCreateContainerError: {error}", name) from error
        place, bindings = await self.sites.place(key, task, definition, containers[name], record.runtime_id)
        owner = _first_running(live, name)
        place = place._replace(
            share_pid_with=owner if definition.get("pidMode") == "task" else None,
            share_ipc_with=owner if definition.get("ipcMode") == "task" else None,
        )
        known = identities.identity(self._cloud.store, key[0], task.id)
        own = identities.environment(
            known.credentials_id,
            record.runtime_id,
            has_role=bool(self.roles.task_role(key[0], task, definition)),
            fargate=task.launch_type == "FARGATE",
            region=key[0].region,
        )
        if mode_of(definition) == "none":
            own = {each: value for each, value in own.items() if each.startswith("AWS_EX")}
        if logs.driver_of(containers[name]) == "awsfirelens" and mode_of(definition) == "awsvpc":
            own |= {"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": "24224"}
        env = environment.merge(
            image.config.env, live.prepared.environments.get(name, {}), own, hostname=place.hostname
        )
        grouped = spec.task_resources(task) is not None
        made = spec.container_spec(
            key[0], task, containers[name], record, image, rootfs, place, env, mounts, grouped=grouped
        )
        return made, bindings

    async def relog(self, key: Key, live: Live, name: str) -> None:
        """Deliver the output of a container that an earlier cloud process started."""
        task, record = self._book.task(key), self._book.container(key, name)
        if task is None or record is None:
            return
        definition = self._book.definition(key, task)
        found = next(each for each in overrides.containers(definition, task.overrides) if each["name"] == name)
        session = await self.roles.execution_session(key[0], task, definition)
        principal = session.principal if session is not None else None
        live.containers[name].log_task = await logs.begin(self._cloud, key[0], task, found, record, principal)

    async def stop(self, key: Key, live: Live, name: str) -> None:
        """Stop a container: its signal, then after its stop timeout the last one."""
        task = self._book.task(key)
        if task is None:
            return
        definition = self._book.definition(key, task)
        definitions: list[dict[str, Any]] = definition["containerDefinitions"]
        found = next((each for each in definitions if each["name"] == name), {})
        try:
            await self._cloud.compute.stop(
                live.containers[name].runtime_id, float(found.get("stopTimeout") or DEFAULT_STOP_TIMEOUT)
            )
        except ComputeError as error:
            if error.kind not in ("not-found", "exited"):
                raise

    async def sweep(self, key: Key, live: Live) -> None:
        """Remove all there is of a task on this machine, its network excepted."""
        # Real processes and streams: host time.
        await live.last_output(_LOGS_GRACE)
        for each in live.containers.values():
            each.unfollow()
        task = self._book.task(key)
        definition = self._book.definition(key, task) if task is not None else {}
        bridged = task is not None and mode_of(definition) == "bridge"
        await asyncio.gather(
            *(self._remove(key, task if bridged else None, each.runtime_id) for each in live.containers.values())
        )
        if task is not None and (task.cpu or task.memory):
            await self._cloud.compute.ungroup(group_name(task))
        await asyncio.to_thread(self.volumes.forget, key[1])
        await asyncio.to_thread(logs.forget_router, self._cloud, key[1])
        self.agent.forget(key)
        self.roles.forget(key[1])
        identities.forget(self._cloud.store, *key)
        if task is not None and mode_of(definition) in ("host", "bridge"):
            self._leave_instance(key, task)
        live.litter = False

    def _leave_instance(self, key: Key, task: Task) -> None:
        """The last task of an instance takes the agent's listener there with it."""
        others = self._cloud.store.table(Task).find(key[0], "live_instance", task.container_instance)
        instance = self.sites.instance(key, task)
        if instance is not None and all(each.id == task.id for each in others):
            self.agent.close_interface(instance.eni_id)

    async def _remove(self, key: Key, bridged: Task | None, container_id: str) -> None:
        if not container_id:
            return
        await self._cloud.compute.delete(container_id)
        await self._cloud.images.discard(container_id)
        if bridged is not None and (eni_id := self.sites.interface_id(key, bridged, "bridge")):
            await self.sites.unplace(eni_id, container_id)

    # -- for the agent -------------------------------------------------------------------------------------------------

    def extras(self, key: Key) -> dict[str, Extras]:
        """What the agent shows beside the record."""
        task = self._book.task(key)
        if task is None:
            return {}
        definition = self._book.definition(key, task)
        found = {}
        for each in overrides.containers(definition, task.overrides):
            mounts = tuple(
                (point.get("sourceVolume") or "", point["containerPath"])
                for point in each.get("mountPoints") or ()
                if "containerPath" in point
            )
            found[each["name"]] = Extras(spec.docker_labels(task, each), each, mounts, logs.stream_name(task, each))
        return found

    def networks(self, key: Key) -> dict[str, Network]:
        """The network of each container."""
        task = self._book.task(key)
        if task is None:
            return {}
        definition = self._book.definition(key, task)
        return {each.name: self.sites.shown(key, task, definition, each.runtime_id) for each in task.containers}

    async def role_session(self, key: Key) -> Session:
        """A session of the task role; raises CannotRun."""
        task = self._book.task(key)
        role = self.roles.task_role(key[0], task, self._book.definition(key, task)) if task is not None else ""
        if task is None or not role:
            raise CannotRun("the task has no role")
        return await self.roles.session(key[0], task, role)


def _first_running(live: Live, but: str) -> str | None:
    return next(
        (each.runtime_id for each in live.containers.values() if each.state == "running" and each.name != but), None
    )
