"""The controller over tasks that move by the clock: deployments, failures, load balancers, events."""

from __future__ import annotations

import itertools

import pytest
from tests.unit.ecs_scheduler.playground import BALANCER, GROUP, KEY, SCOPE, World, address, play

from cloudarium.services.ecs.resources import ServiceDeployment, Task, TaskSet
from cloudarium.services.ecs.scheduler.members import Member

ALLOWED = [(low, high) for low in (0, 50, 100) for high in (100, 150, 200) if (low, high) != (100, 100)]


def test_a_service_comes_up_and_says_so() -> None:
    """Tasks are spread over the zones; after forty seconds of running they count, and the deployment completes."""

    async def scene(world: World) -> None:
        world.service(world.definition())
        await world.pass_time(20)
        assert len(world.running()) == 4
        assert sorted(t.availability_zone for t in world.running()) == ["us-east-1a"] * 2 + ["us-east-1b"] * 2
        assert world.now().deployments[0].rollout_state == "IN_PROGRESS"
        await world.pass_time(60)
        primary = world.now().deployments[0]
        assert (primary.rollout_state, primary.desired_count) == ("COMPLETED", 4)
        assert primary.rollout_state_reason == f"ECS deployment {primary.id} completed."
        started, *rest = world.events()
        assert started.startswith("(service web) has started 4 tasks: (task ")
        assert rest == [
            f"(service web) (deployment {primary.id}) deployment completed.",
            "(service web) has reached a steady state.",
        ]
        names = [detail["eventName"] for detail in world.told("ECS Deployment State Change")]
        assert names == ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]
        steady = world.told("ECS Service Action")[-1]
        assert (steady["eventType"], steady["eventName"]) == ("INFO", "SERVICE_STEADY_STATE")
        record = world.cloud.store.table(ServiceDeployment).all(SCOPE)[0]
        assert record.status == "SUCCESSFUL"

    play(scene)


def test_steady_state_is_repeated_every_six_hours() -> None:
    """A day has four repetitions, and nothing else happens in it."""

    async def scene(world: World) -> None:
        world.service(world.definition())
        await world.pass_time(100)
        before = len(world.events())
        await world.pass_time(86_400)
        assert world.events()[before:] == ["(service web) has reached a steady state."] * 4

    play(scene)


@pytest.mark.parametrize(("low", "high"), ALLOWED)
def test_an_update_stays_within_the_lines(low: int, high: int) -> None:
    """Behind a load balancer: tasks that serve and tasks that exist, at every change of any record."""

    async def scene(world: World) -> None:
        world.service(world.definition(), low=low, high=high, load_balancers=(BALANCER,))
        await world.pass_time(60)
        assert len(world.serving()) == 4
        world.observed.clear()
        second = world.definition()
        world.deploy(second)
        await world.pass_time(600)
        assert {t.task_definition_arn for t in world.live()} == {second}
        assert len(world.serving()) == 4 and len(world.now().deployments) == 1
        lower, upper = world.bounds(low, high)
        assert min(serving for _, serving in world.observed) >= lower
        assert max(live for live, _ in world.observed) <= upper

    play(scene)


def test_the_words_of_an_update_behind_a_load_balancer() -> None:
    """In AWS's order: started, registered, stopped, deregistered, draining, completed, steady."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired=1, load_balancers=(BALANCER,))
        await world.pass_time(60)
        before = len(world.events())
        old = world.running()[0].id
        first = world.now().deployments[0].id
        world.deploy(world.definition())
        await world.pass_time(120)
        new = world.running()[0].id
        assert world.events()[before:] == [
            f"(service web) has started 1 tasks: (task {new}).",
            f"(service web) registered 1 targets in (target-group {GROUP})",
            f"(service web) has stopped 1 running tasks: (task {old}).",
            f"(service web) deregistered 1 targets in (target-group {GROUP})",
            f"(service web, taskSet {first}) has begun draining connections on 1 tasks.",
            f"(service web) (deployment {world.now().deployments[0].id}) deployment completed.",
            "(service web) has reached a steady state.",
        ]
        task = world.tasks.get(SCOPE, old)
        assert task is not None
        assert task.stop_code == "ServiceSchedulerInitiated"
        assert task.stopped_reason.startswith("Scaling activity initiated by (deployment ecs-svc/")

    play(scene)


def test_connections_drain_before_containers_stop() -> None:
    """Whoever stops the task, it stays DEACTIVATING until its target group has let go of it."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired=1, load_balancers=(BALANCER,))
        await world.pass_time(60)
        task = world.running()[0]
        from cloudarium.services.ecs.launch import stop_task

        stop_task(world.cloud, SCOPE, task, "enough", "UserInitiated")
        await world.pass_time(1)
        assert (address(task), 80) in world.outside.draining
        states = []
        for _ in range(30):
            now = world.tasks.get(SCOPE, task.id)
            assert now is not None
            states.append((now.last_status, (address(task), 80) in world.outside.draining))
            await world.pass_time(1)
        assert states[0] == ("DEACTIVATING", True)
        assert all(status == "DEACTIVATING" for status, draining in states if draining)
        assert states[-1][0] == "STOPPED"
        assert len(world.serving()) == 1

    play(scene)


@pytest.mark.parametrize("family", ["broken", "crashing", "ill", "sick"])
def test_the_circuit_breaker_rolls_back(family: str) -> None:
    """Images that cannot be had, programs that end, targets and containers that fail their checks."""

    async def scene(world: World) -> None:
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        good = world.definition()
        world.service(good, desired=2, load_balancers=(BALANCER,), configuration=breaker)
        await world.pass_time(60)
        first = world.now().deployments[0].id
        world.observed.clear()
        if family == "ill":
            watch = world.outside.ill
            world.tasks.watch(lambda s, k, old, new: new.family == "ill" and watch.add(address(new)))
        world.deploy(world.definition(family))
        second = world.now().deployments[0].id
        await world.pass_time(900)
        now = world.now()
        assert [d.id for d in now.deployments] == [first]
        assert (now.task_definition, now.deployments[0].rollout_state) == (good, "COMPLETED")
        assert min(serving for _, serving in world.observed) >= 2
        assert max(live for live, _ in world.observed) <= 4
        told = world.events()
        assert f"(service web) (deployment {second}) deployment failed: tasks failed to start." in told
        assert f"(service web) rolling back to deployment {first}." in told
        details = {(d["eventName"], d["reason"]) for d in world.told("ECS Deployment State Change")}
        assert ("SERVICE_DEPLOYMENT_FAILED", "ECS deployment circuit breaker: tasks failed to start.") in details
        back = f"ECS deployment circuit breaker: rolling back to deploymentId {first}."
        assert ("SERVICE_DEPLOYMENT_IN_PROGRESS", back) in details
        record = world.cloud.store.table(ServiceDeployment).all(SCOPE)[1]
        assert (record.status, record.circuit_breaker["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
        assert record.circuit_breaker["failureCount"] >= record.circuit_breaker["threshold"] == 3
        assert world.cloud.store.table(Member).count(SCOPE) == 2

    play(scene)


def test_without_rollback_a_failed_deployment_stalls() -> None:
    """It launches nothing more, and what served before goes on serving."""

    async def scene(world: World) -> None:
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
        world.service(world.definition(), desired=2, load_balancers=(BALANCER,), configuration=breaker)
        await world.pass_time(60)
        world.deploy(world.definition("broken"))
        await world.pass_time(300)
        primary = world.now().deployments[0]
        assert primary.rollout_state == "FAILED" and primary.failed_tasks >= 3
        assert primary.rollout_state_reason == "ECS deployment circuit breaker: tasks failed to start."
        count = len(world.tasks.all(SCOPE))
        await world.pass_time(3600)
        assert len(world.tasks.all(SCOPE)) == count
        assert len(world.serving()) == 2

    play(scene)


def test_a_service_that_cannot_start_tries_less_and_less_often() -> None:
    """Up to 27 minutes between attempts; a new deployment starts at once."""

    async def scene(world: World) -> None:
        world.service(world.definition("broken"), desired=1)
        await world.pass_time(3600)
        attempts = sorted(t.created for t in world.tasks.all(SCOPE))
        gaps = [b - a for a, b in itertools.pairwise(attempts)]
        assert gaps == sorted(gaps)
        assert 5 <= len(attempts) <= 12
        said = [m for m in world.events() if "unable to consistently start tasks successfully" in m]
        assert len(said) == 1
        assert {"SERVICE_TASK_START_IMPAIRED"} <= {d["eventName"] for d in world.told("ECS Service Action")}
        world.deploy(world.definition())
        await world.pass_time(10)
        assert len(world.running()) == 1

    play(scene)


def test_a_task_that_ends_is_replaced() -> None:
    """At once, when it had served before."""

    async def scene(world: World) -> None:
        world.service(world.definition(), load_balancers=(BALANCER,))
        await world.pass_time(60)
        victim = world.running()[0]
        world.tasks.put(SCOPE, victim.replace(desired_status="STOPPED", stop_code="EssentialContainerExited"))
        world.cloud.enqueue("ecs.tasks", (SCOPE, victim.id))
        await world.pass_time(30)
        assert len(world.serving()) == 4
        assert victim.id not in {t.id for t in world.live()}

    play(scene)


def test_failing_health_checks_are_ignored_during_the_grace_period() -> None:
    """And afterwards lead to a replacement, in AWS's words."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired=1, load_balancers=(BALANCER,), health_check_grace=120)
        await world.pass_time(5)
        task = world.running()[0]
        world.outside.ill.add(address(task))
        await world.pass_time(100)
        assert [t.id for t in world.running()] == [task.id]
        await world.pass_time(120)
        assert task.id not in {t.id for t in world.running()}
        assert len(world.serving()) == 1
        text = f"(service web) (task {task.id}) (port 80) is unhealthy in (target-group {GROUP}) due to (reason "
        assert any(m.startswith(text) for m in world.events())
        assert any("Amazon ECS replaced 1 tasks due to an unhealthy status." in m for m in world.events())
        old = world.tasks.get(SCOPE, task.id)
        assert old is not None and old.stopped_reason == f"Task failed ELB health checks in (target-group {GROUP})"

    play(scene)


def test_scaling_out_and_in() -> None:
    """In keeps the zones even and spares what is protected; no deployment is made for it."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired=2)
        await world.pass_time(60)
        world.change(desired_count=6)
        await world.pass_time(60)
        assert len(world.running()) == 6
        keep = world.running()[-1]
        world.tasks.put(SCOPE, keep.replace(protection_expires=world.cloud.clock.now() + 600))
        world.change(desired_count=2)
        await world.pass_time(30)
        assert len(world.running()) == 2 and keep.id in {t.id for t in world.running()}
        assert len({t.availability_zone for t in world.running()}) == 2
        assert len(world.now().deployments) == 1

    play(scene)


def test_deleting_stops_everything_and_then_it_is_inactive() -> None:
    """Targets are let go of first."""

    async def scene(world: World) -> None:
        world.service(world.definition(), load_balancers=(BALANCER,))
        await world.pass_time(60)
        world.change(status="DRAINING", desired_count=0)
        await world.pass_time(10)
        assert (world.now().status, world.outside.targets) == ("DRAINING", {})
        await world.pass_time(60)
        assert world.now().status == "INACTIVE" and world.now().ended is not None
        assert not world.live() and not world.cloud.store.table(Member).count(SCOPE)

    play(scene)


def test_alarms_fail_a_deployment() -> None:
    """One that begins to ring; not one that rang before."""

    async def scene(world: World) -> None:
        settings = {"alarms": {"enable": True, "rollback": True, "alarmNames": ["slow", "errors"]}}
        world.outside.alarms = {"slow": "ALARM", "errors": "OK"}
        good = world.definition()
        world.service(good, desired=2, configuration=settings)
        await world.pass_time(300)
        first = world.now().deployments[0]
        assert first.rollout_state == "COMPLETED"
        world.deploy(world.definition())
        await world.pass_time(60)
        assert world.now().deployments[0].rollout_state == "IN_PROGRESS"
        world.outside.alarms["errors"] = "ALARM"
        await world.pass_time(400)
        assert world.now().task_definition == good
        assert world.now().deployments[0].rollout_state == "COMPLETED"
        assert sum(m.endswith("deployment failed: alarm detected.") for m in world.events()) == 1
        record = world.cloud.store.table(ServiceDeployment).all(SCOPE)[1]
        assert record.alarms["triggeredAlarmNames"] == ["errors"]

    play(scene)


def test_task_sets_have_their_share() -> None:
    """EXTERNAL: rounded up, stable when healthy; a draining one vanishes with its last task."""

    async def scene(world: World) -> None:
        world.service(world.definition(), desired=3, deployment_controller="EXTERNAL")
        table = world.cloud.store.table(TaskSet)
        network = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}
        made = TaskSet(
            arn="arn:task-set/1",
            id="ecs-svc/1",
            service_key=KEY,
            service_arn="arn:service",
            created=0.0,
            updated=0.0,
            cluster_arn=world.cluster.arn,
            task_definition=world.definition(),
            scale=50.0,
            launch_type="FARGATE",
            network_configuration=network,
        )
        table.put(SCOPE, made)
        await world.pass_time(1)
        now = table.get(SCOPE, made.arn)
        assert now is not None and (now.computed_desired_count, now.stability_status) == (2, "STABILIZING")
        await world.pass_time(60)
        now = table.get(SCOPE, made.arn)
        assert now is not None and now.stability_status == "STEADY_STATE"
        assert [t.task_set for t in world.running()] == ["ecs-svc/1"] * 2
        assert "(service web, taskSet ecs-svc/1) has reached a steady state." in world.events()
        table.put(SCOPE, now.replace(status="DRAINING"))
        await world.pass_time(30)
        assert table.get(SCOPE, made.arn) is None and not world.live()

    play(scene)


def test_stopping_a_deployment_rolls_it_back() -> None:
    """StopServiceDeployment asks through the record."""

    async def scene(world: World) -> None:
        good = world.definition()
        world.service(good, desired=2)
        await world.pass_time(60)
        world.deploy(world.definition())
        await world.pass_time(10)
        table = world.cloud.store.table(ServiceDeployment)
        record = table.all(SCOPE)[1]
        table.put(SCOPE, record.replace(status="ROLLBACK_REQUESTED"))
        await world.pass_time(120)
        assert world.now().task_definition == good
        stopped = table.get(SCOPE, record.arn)
        assert stopped is not None and stopped.status == "ROLLBACK_SUCCESSFUL"
        assert {t.task_definition_arn for t in world.live()} == {good}

    play(scene)


def test_a_refused_registration_is_told_and_tried_again() -> None:
    """The task does not count meanwhile."""

    async def scene(world: World) -> None:
        from cloudarium.kernel.errors import AwsError

        world.outside.refuse["register_targets"] = AwsError("InvalidTarget", "no such address")
        world.service(world.definition(), desired=1, load_balancers=(BALANCER,))
        await world.pass_time(120)
        expected = f"(service web) failed to register targets in (target-group {GROUP}) with (error no such address)"
        assert world.events().count(expected) == 1
        assert world.now().deployments[0].rollout_state == "IN_PROGRESS"
        world.outside.refuse.clear()
        await world.pass_time(120)
        assert world.now().deployments[0].rollout_state == "COMPLETED"

    play(scene)


@pytest.mark.parametrize("every", [1, 3, 7])
def test_killed_again_and_again_in_the_middle_of_an_update(every: int) -> None:
    """Nothing starts twice, the lines hold, and it arrives."""

    async def scene(world: World) -> None:
        world.service(world.definition(), low=50, high=150, load_balancers=(BALANCER,))
        await world.pass_time(60)
        world.observed.clear()
        before = len(world.tasks.all(SCOPE))
        second = world.definition()
        world.deploy(second)
        for _ in range(120 // every):
            await world.pass_time(every)
            await world.restart()
        await world.pass_time(300)
        assert {t.task_definition_arn for t in world.live()} == {second}
        assert len(world.tasks.all(SCOPE)) == before + 4
        lower, upper = world.bounds(50, 150)
        assert min(serving for _, serving in world.observed) >= lower
        assert max(live for live, _ in world.observed) <= upper

    play(scene)


def test_records_of_tasks_keep_their_index() -> None:
    """Members are gone with their tasks: nothing accumulates over many replacements."""

    async def scene(world: World) -> None:
        world.service(world.definition("crashing"), desired=1)
        await world.pass_time(7200)
        assert world.cloud.store.table(Member).count(SCOPE) <= 1
        assert len(world.now().events) <= 100
        assert isinstance(world.tasks.all(SCOPE)[0], Task)

    play(scene)


def test_more_tasks_are_not_asked_about_more_often() -> None:
    """Health is read once per look, however many tasks join or drain; new tasks still spread over zones."""
    asked = []

    for count in (4, 60):

        async def scene(world: World, count: int = count) -> None:
            world.service(world.definition(), desired=count, load_balancers=(BALANCER,))
            await world.pass_time(100)
            world.deploy(world.definition())
            await world.pass_time(200)
            live = world.live()
            assert len(live) == count and len({task.task_definition_arn for task in live}) == 1
            zones = [task.availability_zone for task in live]
            assert zones.count("us-east-1a") == zones.count("us-east-1b") == count // 2
            asked.append(world.outside.calls.count("describe_target_health"))

        play(scene)
    assert asked[1] <= 1.5 * asked[0], asked


def test_targets_that_are_checked_anew_still_count() -> None:
    """After a restart of the load balancer all are ``initial``: nothing is stopped as if it served nobody."""

    async def scene(world: World) -> None:
        world.service(world.definition(), low=50, high=100, load_balancers=(BALANCER,))
        await world.pass_time(100)
        now = world.cloud.clock.now()
        world.outside.targets = dict.fromkeys(world.outside.targets, now)
        world.deploy(world.definition())
        await world.pass_time(5)
        stopping = [task for task in world.live() if task.desired_status == "STOPPED"]
        assert len(stopping) == 2 and len(world.running()) == 2
        await world.pass_time(300)
        assert len(world.running()) == 4

    play(scene)
