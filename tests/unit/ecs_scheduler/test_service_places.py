"""Where services put their tasks: instances, daemons, capacity providers, zones, and the names that follow them."""

from __future__ import annotations

from tests.unit.ecs_scheduler.playground import World, address, play

ALLOWED = [(low, high) for low in (0, 50, 100) for high in (100, 150, 200) if (low, high) != (100, 100)]


def test_instances_are_placed_on_and_emptied() -> None:
    """No instance: an event. A draining one: its tasks move within the deployment's lines."""

    async def scene(world: World) -> None:
        definition = world.definition(mode="bridge")
        world.service(definition, desired=2, launch_type="EC2", network_configuration={})
        await world.pass_time(1)
        said = [m for m in world.events() if "was unable to place a task" in m]
        assert said == [
            "(service web) was unable to place a task because no container instance met all of its requirements. "
            "Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting "
            "section of the Amazon ECS Developer Guide."
        ]
        failure = world.told("ECS Service Action")[-1]
        assert failure["eventName"] == "SERVICE_TASK_PLACEMENT_FAILURE" and failure["eventType"] == "ERROR"
        world.instance("one")
        await world.pass_time(60)
        assert {t.container_instance for t in world.running()} == {"one"}
        world.instance("two", zone="us-east-1b")
        world.instance("one", status="DRAINING")
        await world.pass_time(120)
        assert {t.container_instance for t in world.live()} == {"two"}
        assert len(world.running()) == 2

    play(scene)


def test_daemons_follow_the_instances() -> None:
    """One each; an update stops the old one first."""

    async def scene(world: World) -> None:
        world.instance("one")
        world.instance("two")
        fields = {"launch_type": "EC2", "network_configuration": {}, "scheduling_strategy": "DAEMON"}
        world.service(world.definition(mode="bridge"), desired=0, low=0, high=100, **fields)
        await world.pass_time(60)
        assert sorted(t.container_instance for t in world.running()) == ["one", "two"]
        world.instance("three")
        await world.pass_time(60)
        assert sorted(t.container_instance for t in world.running()) == ["one", "three", "two"]
        assert world.now().desired_count == 3
        world.deploy(world.definition(mode="bridge"))
        await world.pass_time(120)
        assert sorted(t.container_instance for t in world.running()) == ["one", "three", "two"]
        assert world.now().deployments[0].rollout_state == "COMPLETED" and len(world.now().deployments) == 1

    play(scene)


def test_failed_daemons_do_not_take_the_old_ones_with_them() -> None:
    """The circuit breaker stops the update; instances that still have their daemon keep it."""

    async def scene(world: World) -> None:
        for name in ("one", "two", "three"):
            world.instance(name)
        fields = {"launch_type": "EC2", "network_configuration": {}, "scheduling_strategy": "DAEMON"}
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
        world.service(world.definition(mode="bridge"), 0, 66, 100, configuration=breaker, **fields)
        await world.pass_time(60)
        world.deploy(world.definition("broken", mode="bridge"))
        await world.pass_time(900)
        assert world.now().deployments[0].rollout_state == "FAILED"
        assert {t.family for t in world.running()} == {"web"} and len(world.running()) >= 2

    play(scene)


def test_capacity_providers_share_by_base_and_weight() -> None:
    """Two on FARGATE first, then three of four on Spot."""

    async def scene(world: World) -> None:
        strategy = (
            {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        )
        world.service(world.definition(), desired=6, launch_type="", capacity_provider_strategy=strategy)
        await world.pass_time(60)
        providers = sorted(t.capacity_provider for t in world.running())
        assert providers == ["FARGATE"] * 3 + ["FARGATE_SPOT"] * 3

    play(scene)


def test_cloud_map_follows_the_tasks() -> None:
    """Registered when they run, told of container health, taken out before they stop."""

    async def scene(world: World) -> None:
        registry = {"registryArn": "arn:aws:servicediscovery:us-east-1:111122223333:service/srv-1"}
        world.service(world.definition("checked"), desired=1, service_registries=(registry,))
        await world.pass_time(60)
        task = world.running()[0]
        assert world.outside.instances[task.id]["AWS_INSTANCE_IPV4"] == address(task)
        assert world.outside.health == {task.id: "HEALTHY"}
        world.change(desired_count=0)
        await world.pass_time(1)
        assert world.outside.instances == {}

    play(scene)


def test_zones_are_rebalanced() -> None:
    """One task at a time is moved, started first and stopped afterwards."""

    async def scene(world: World) -> None:
        one = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}
        world.service(world.definition(), availability_zone_rebalancing="ENABLED", network_configuration=one)
        await world.pass_time(60)
        assert {t.availability_zone for t in world.running()} == {"us-east-1a"}
        from msgspec.structs import replace

        both = {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}}
        world.observed.clear()
        world.change(deployments=(replace(world.now().deployments[0], network_configuration=both),))
        await world.pass_time(300)
        assert sorted(t.availability_zone for t in world.live()) == ["us-east-1a"] * 2 + ["us-east-1b"] * 2
        assert max(live for live, _ in world.observed) == 5
        assert any("AZ Rebalancing in progress." in m for m in world.events())
        assert world.told("ECS Service Action")[-1]["eventName"] == "SERVICE_STEADY_STATE"

    play(scene)
