"""The controller of tasks: reads the record, looks at what is, does the next step that ``machine`` decides.

No step waits here. Work that takes time runs beside (``Live.run``) and wakes the controller when it has ended, so that
a task can be stopped in the middle of a pull.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterable
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import launch
from cloudarium.services.ecs.resources import ContainerInstance, ContainerState, Task
from cloudarium.services.ecs.tasks import gates, interfaces, reasons, recovery
from cloudarium.services.ecs.tasks.book import Book
from cloudarium.services.ecs.tasks.containers import Containers
from cloudarium.services.ecs.tasks.dependencies import with_router
from cloudarium.services.ecs.tasks.health import Health
from cloudarium.services.ecs.tasks.live import Key, Live
from cloudarium.services.ecs.tasks.machine import Facts, Step, decide
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.runner import Runner
from cloudarium.services.ecs.tasks.runtime_ids import runtime_id
from cloudarium.services.ecs.tasks.sites import mode_of
from cloudarium.substrate.compute.spec import Exit

log = logging.getLogger(__name__)

WORKERS = 64
_MOST_STEPS = 50
"""In one turn; each is a change of a record or the beginning of some work."""


_REJOIN_AFTER = 5.0
"""Cloud seconds after which a running task's network, or where its output goes, is looked for again."""


class Controller:
    """Every task of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._book = Book(cloud)
        self._runner = Runner(cloud, self._book)
        self._containers = Containers(cloud, self._book, self.wake)
        self._live: dict[Key, Live] = {}
        self._by_runtime_id: dict[str, tuple[Key, str]] = {}
        self._found: asyncio.Future[recovery.Found] | None = None
        self._watching = False
        self._stopping = False

    # -- the queue -----------------------------------------------------------------------------------------------------

    def keys(self) -> Iterable[Hashable]:
        """Every task that is not over."""
        return [(scope, task.id) for scope, task in self._cloud.store.table(Task).everywhere() if task.live]

    def wake(self, key: Key) -> None:
        """Reconcile a task soon."""
        if not self._stopping:
            self._cloud.enqueue(launch.TASKS, key)

    async def reconcile(self, key: Key) -> float | None:
        """Do what can be done for a task now."""
        live = await self._known(key)
        if live is None:
            return None
        for _ in range(_MOST_STEPS):
            task = self._book.task(key)
            if task is None:
                return await self._abandon(key, live)
            if live.error is not None:
                self._failed(key, live, task)
                continue
            pause = live.retry_at - self._cloud.clock.now()
            if pause > 0:
                return pause
            if task.desired_status == "STOPPED":
                # What was begun for a start would be in the way, and a pull may take long.
                await live.drop("provision", "prepare", "rejoin")
            self._rejoin(key, live, task)
            step = decide(self._facts(key, live, task))
            if step.action == "wait":
                if task.last_status == "STOPPED":
                    self._live.pop(key, None)
                return max(0.0, step.look_again - self._cloud.clock.now()) if step.look_again is not None else None
            if not self._do(key, live, task, step):
                return None
        self.wake(key)
        return None

    async def _known(self, key: Key) -> Live | None:
        live = self._live.get(key)
        if live is not None:
            return live
        found = await self._recovered()
        task = self._book.task(key)
        if key not in self._live and task is not None and task.live:
            live = self._live[key] = Live(self._cloud, key, lambda: self.wake(key))
            self._take_up(key, live, task, found.claimed.pop(key, {}))
        return self._live.get(key)

    async def _abandon(self, key: Key, live: Live) -> float | None:
        """The record is gone before the task was over: a reset."""
        await live.cancel()
        if live.litter:
            await self._runner.sweep(key, live)
        self._live.pop(key, None)
        return None

    # -- after a restart -----------------------------------------------------------------------------------------------

    async def _recovered(self) -> recovery.Found:
        """What an earlier cloud process left; found out once."""
        if self._found is None:
            self._found = asyncio.ensure_future(self._look_back())
        return await asyncio.shield(self._found)

    async def _look_back(self) -> recovery.Found:
        if not self._watching:
            self._watching = True
            self._cloud.compute.watch(self._exited)
            self._cloud.store.table(ContainerInstance).watch(self._instance_changed)
        try:
            found = await recovery.take_over(self._cloud, self._runner.sites)
            live = [(scope, task.id) for scope, task in self._cloud.store.table(Task).everywhere() if task.live]
            instances = {each.id for _, each in self._cloud.store.table(ContainerInstance).everywhere()}
            await asyncio.to_thread(self._runner.volumes.keep_only, {task_id for _, task_id in live}, instances)
            for scope in {scope for scope, _ in live}:
                await interfaces.delete_orphans(self._cloud, scope)
            return found
        except Exception:
            self._found = None
            raise

    def _take_up(self, key: Key, live: Live, task: Task, claimed: dict[str, Any]) -> None:
        """Go on from what the record and the runtime say."""
        definitions = {each["name"]: each for each in self._book.definition(key, task)["containerDefinitions"]}
        for record in task.containers:
            name = runtime_id(task, record.name)
            container = live.container(task, record)
            container.runtime_id = name
            self._by_runtime_id[name] = (key, record.name)
            recovered = claimed.get(record.name)
            live.litter = live.litter or recovered is not None or task.last_status not in ("PROVISIONING", "PENDING")
            if recovered is not None and recovered.state == "running":
                container.state = "running"
                container.health = Health(record.health_status, passed_once=record.health_status == "HEALTHY")
                if record.started is None:
                    self._containers.now_running(key, record.name)
                self._containers.follow(key, definitions.get(record.name, {}), container)
                self._relog(key, live, task, record.name)
            elif recovered is not None and recovered.exit is not None:
                self._relog(key, live, task, record.name)
                self._containers.ended(key, live, record.name, recovered.exit)
            elif record.last_status == "STOPPED":
                container.state = "ended"
            elif record.started_flag:
                self._containers.ended(key, live, record.name, Exit(error=reasons.VANISHED))
        if any(each.runtime_id for each in task.containers):
            self._runner.introduce(key)

    def _relog(self, key: Key, live: Live, task: Task, name: str) -> None:
        async def work() -> None:
            while live.containers[name].log_task is None:
                try:
                    await self._runner.relog(key, live, name)
                    return
                except Exception as error:
                    # The output waits meanwhile; a task that runs is not ended for it.
                    log.warning("output of container %s of task %s: %s", name, key[1], error)
                    await self._cloud.clock.sleep(_REJOIN_AFTER)

        live.run(f"log {name}", work())

    def _rejoin(self, key: Key, live: Live, task: Task) -> None:
        """After a restart: the agent listens again in the networks of running tasks."""
        if live.networked or task.last_status in ("PROVISIONING", "STOPPED", "DEPROVISIONING"):
            return
        mode = mode_of(self._book.definition(key, task))
        if mode == "awsvpc" and task.desired_status == "RUNNING":
            if task.last_status != "PENDING":
                live.run("rejoin", self._join_again(key, live))
        elif mode != "awsvpc":
            live.networked = True
            if mode in ("host", "bridge") and task.last_status != "PENDING":
                live.run("join", self._runner.join_instance(key, task, mode))

    async def _join_again(self, key: Key, live: Live) -> None:
        """A task that runs is not ended because its network takes long to come back."""
        try:
            await self._runner.provision(key, live)
        except CannotRun as error:
            log.warning("task %s: %s", key[1], error.reason)
            await self._cloud.clock.sleep(_REJOIN_AFTER)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _facts(self, key: Key, live: Live, task: Task) -> Facts:
        definition = self._book.definition(key, task)
        seen = {each.name: live.container(task, each).seen(each) for each in task.containers}
        return Facts(
            last_status=task.last_status,
            desired_status=task.desired_status,
            definitions=with_router(definition["containerDefinitions"]),
            seen=seen,
            awsvpc=mode_of(definition) == "awsvpc",
            networked=live.networked,
            prepared=live.prepared is not None,
            held=gates.held(self._cloud, key[0], task),
            litter=live.litter,
            now=self._cloud.clock.now(),
        )

    def _do(self, key: Key, live: Live, task: Task, step: Step) -> bool:
        """Do one step; whether to look for the next one at once."""
        runner = self._runner
        match step.action:
            case "enter":
                self._enter(key, task, step.status)
                return True
            case "end":
                launch.stop_task(self._cloud, key[0], task, step.reason, step.code)
                return True
            case "doom":
                self._containers.doom(key, live, step.names[0], step.reason)
                return True
            case "start":
                for name in step.names:
                    live.containers[name].state = "busy"
                    self._by_runtime_id[live.containers[name].runtime_id] = (key, name)
                    live.run(f"start {name}", self._start(key, live, name))
                return True
            case "stop":
                for name in step.names:
                    live.containers[name].state = "busy"
                    live.containers[name].unfollow()
                    live.run(f"stop {name}", self._stop(key, live, name))
                return True
            case "provision":
                live.run("provision", runner.provision(key, live))
            case "prepare":
                live.run("prepare", runner.prepare(key, live))
            case "deprovision":
                live.run("deprovision", self._deprovision(key, live))
            case "sweep" | "forget":
                live.run("sweep", self._sweep(key, live))
        return False

    def _enter(self, key: Key, task: Task, status: str) -> None:
        now = self._cloud.clock.now()
        changes: dict[str, Any] = {"last_status": status}
        if status in ("PENDING", "ACTIVATING", "RUNNING") and not task.connectivity:
            changes.update(connectivity="CONNECTED", connectivity_at=now)
        if status == "RUNNING" and task.started is None:
            changes["started"] = now
        if task.desired_status == "STOPPED" and task.stopping is None:
            changes["stopping"] = now
        if status in ("DEPROVISIONING", "STOPPED") and task.execution_stopped is None and task.pull_started is not None:
            changes["execution_stopped"] = now
        if status == "STOPPED":
            changes["stopped"] = now
            changes["containers"] = tuple(_stopped(each) for each in task.containers)
        self._book.change(key, **changes)

    async def _start(self, key: Key, live: Live, name: str) -> None:
        container = live.containers[name]
        try:
            await self._runner.start(key, live, name)
        except CannotRun as error:
            definition = self._containers.definition(key, name)
            container.state = "ended"
            self._book.change_container(
                key, name, last_status="STOPPED", reason=error.reason, finished=self._cloud.clock.now()
            )
            if definition.get("essential", True):
                raise CannotRun(error.reason, name) from error
            return
        except BaseException:
            container.state = "none"
            raise
        if container.state == "busy":
            container.state = "running"
            self._containers.now_running(key, name)
            self._containers.follow(key, self._containers.definition(key, name), container)

    async def _stop(self, key: Key, live: Live, name: str) -> None:
        try:
            await self._runner.stop(key, live, name)
        except BaseException:
            if live.containers[name].state == "busy":
                live.containers[name].state = "running"
            raise
        if live.containers[name].state == "busy":
            self._containers.ended(key, live, name, await self._cloud.compute.wait(live.containers[name].runtime_id))

    async def _deprovision(self, key: Key, live: Live) -> None:
        await self._runner.deprovision(key, live)
        if (task := self._book.task(key)) is not None:
            self._enter(key, task, "STOPPED")

    async def _sweep(self, key: Key, live: Live) -> None:
        await self._runner.sweep(key, live)
        for container in live.containers.values():
            self._by_runtime_id.pop(container.runtime_id, None)

    def _failed(self, key: Key, live: Live, task: Task) -> None:
        """Work has ended in a reason why the task cannot run."""
        error, live.error = live.error, None
        if error is None or task.desired_status == "STOPPED":
            return
        if error.container:
            self._book.change_container(key, error.container, reason=error.reason)
        shown = error.reason
        if task.launch_type != "FARGATE" and error.container:
            shown = "Task failed to start"
        launch.stop_task(self._cloud, key[0], task, shown, reasons.FAILED_TO_START)

    def _exited(self, container_id: str, exit_: Exit) -> None:
        """The runtime says that a container has ended."""
        key, name = self._by_runtime_id.get(container_id, (None, ""))
        live = self._live.get(key) if key is not None else None
        if key is None or live is None:
            return
        container = live.containers[name]
        if container.replacing or container.state in ("none", "ended"):
            return
        self._containers.ended(key, live, name, exit_)
        self.wake(key)

    def _instance_changed(
        self, scope: Scope, key: str, old: ContainerInstance | None, new: ContainerInstance | None
    ) -> None:
        if new is None:
            work = asyncio.to_thread(self._runner.volumes.forget_instance, key)
            self._cloud.clock.spawn(work, f"ecs forget instance {key}")

    # -- the end -------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """The cloud stops or is reset: containers are the runtime's to end."""
        self._stopping = True
        for live in self._live.values():
            await live.cancel()
        self._live.clear()
        await self._runner.agent.close()
        self._runner.sites.close()


def _stopped(container: ContainerState) -> ContainerState:
    return msgspec.structs.replace(container, last_status="STOPPED")
