"""Anything may happen to a service at any moment; the lines hold for what the scheduler does, and it arrives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ecs_scheduler.playground import BALANCER, SCOPE, World, address, play

from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.scheduler.members import Member
from cloudarium.services.ecs.scheduler.observing import SCHEDULER

ALLOWED = [(low, high) for low in (0, 50, 100) for high in (100, 150, 200) if (low, high) != (100, 100)]

ACTIONS = st.lists(
    st.tuples(st.sampled_from(["wait", "wait", "kill", "ill", "user", "deploy", "restart"]), st.integers(0, 40)),
    max_size=14,
)


class Watch:
    """Looks at every change of a task."""

    def __init__(self, world: World, lower: int, upper: int) -> None:
        self._world, self._lower, self._upper = world, lower, upper
        self.problems: list[str] = []
        world.tasks.watch(self._changed)

    def _changed(self, scope: Any, key: str, old: Task | None, new: Task | None) -> None:
        world = self._world
        if old is None and len(world.live()) > self._upper:
            self.problems.append(f"{len(world.live())} tasks exist")
        stopped = old is not None and new is not None and old.desired_status != new.desired_status
        if stopped and new is not None and new.stop_code == SCHEDULER and world.outside.healthy(address(new)):
            member = world.cloud.store.table(Member).get(SCOPE, key)
            faulty = member is not None and member.fault
            if not faulty and len(world.serving()) < self._lower:
                self.problems.append(f"{len(world.serving())} tasks are left to serve")


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.sampled_from(ALLOWED), ACTIONS)
def test_whatever_happens(desired: int, percents: tuple[int, int], actions: list[tuple[str, int]]) -> None:
    """Tasks die, fall ill, are stopped by people; definitions change; the cloud is killed."""

    async def scene(world: World) -> None:
        low, high = percents
        world.service(world.definition(), desired, low, high, load_balancers=(BALANCER,))
        watch = Watch(world, *world.bounds(low, high))
        for action, number in actions:
            running = world.running()
            victim = running[number % len(running)] if running else None
            if action == "wait":
                await world.pass_time(number)
            elif action == "deploy":
                world.deploy(world.definition())
            elif action == "restart":
                await world.restart()
                watch = Watch(world, *world.bounds(low, high))
            elif victim is not None and action == "ill":
                world.outside.ill.add(address(victim))
            elif victim is not None:
                code = "EssentialContainerExited" if action == "kill" else "UserInitiated"
                world.tasks.put(SCOPE, victim.replace(desired_status="STOPPED", stop_code=code))
                world.cloud.enqueue("ecs.tasks", (SCOPE, victim.id))
            await world.pass_time(0)
            assert not watch.problems
        await world.pass_time(1500)
        assert not watch.problems
        assert {t.task_definition_arn for t in world.live()} == {world.now().task_definition}
        assert len(world.serving()) == len(world.live()) == desired
        assert len(world.now().deployments) == 1
        assert world.cloud.store.table(Member).count(SCOPE) == desired
        assert len(world.outside.targets) == desired

    play(scene)


@pytest.mark.parametrize("desired", [0, 1])
def test_the_smallest_services(desired: int) -> None:
    """None and one."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired)
        await world.pass_time(60)
        world.deploy(world.definition())
        await world.pass_time(120)
        assert len(world.running()) == desired and len(world.now().deployments) == 1
        assert world.now().deployments[0].rollout_state == "COMPLETED"

    play(scene)
