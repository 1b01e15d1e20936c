"""Container instances: what they have, what is left, where tasks go."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cloudarium.services.ecs import instance_interfaces, instance_types


async def register(api: Any, net: Any, zone: int = 0, **attributes: str) -> str:
    """An instance in one of the subnets; its ARN."""
    given = [{"name": "ecs.subnet-id", "value": net.subnets[zone]}]
    given += [
        {"name": name.replace("_", "-").replace("ecs-", "ecs."), "value": value} for name, value in attributes.items()
    ]
    made = await api("register_container_instance", attributes=given)
    arn: str = made["containerInstance"]["containerInstanceArn"]
    return arn


def left(instance: dict[str, Any]) -> dict[str, Any]:
    """What remains on an instance, by name."""
    return {
        each["name"]: each["integerValue"] if each["type"] == "INTEGER" else each["stringSetValue"]
        for each in instance["remainingResources"]
    }


async def test_an_instance_has_an_interface_and_what_its_type_has(api: Any, net: Any) -> None:
    arn = await register(api, net, ecs_instance_type="m5.xlarge")
    instance = (await api("describe_container_instances", containerInstances=[arn]))["containerInstances"][0]
    assert left(instance)["CPU"] == 4096
    assert 15_000 < left(instance)["MEMORY"] < 16_384
    assert left(instance)["PORTS"] == ["22", "2375", "2376", "51678", "51679", "51680"]
    attributes = {each["name"]: each.get("value") for each in instance["attributes"]}
    assert attributes["ecs.availability-zone"] == "us-east-1a"
    assert attributes["ecs.vpc-id"] == net.vpc
    interfaces = await api.of(
        "ec2", "describe_network_interfaces", Filters=[{"Name": "subnet-id", "Values": [net.subnets[0]]}]
    )
    assert any(arn.rpartition("/")[2] in each["Description"] for each in interfaces["NetworkInterfaces"])
    resources = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 512},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 256},
    ]
    changed = await api("register_container_instance", containerInstanceArn=arn, totalResources=resources)
    assert changed["containerInstance"]["containerInstanceArn"] == arn
    assert left(changed["containerInstance"])["MEMORY"] == 256
    error = await api.error(
        "register_container_instance", attributes=[{"name": "ecs.subnet-id", "value": "subnet-0123456789abcdef0"}]
    )
    assert (error.code, "does not exist" in error.message) == ("ClientException", True)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("t3.micro", (2048, 967)),
        ("m5.xlarge", (4096, 15482)),
        ("c5.large", (2048, 3870)),
        ("r5.large", (2048, 15482)),
        ("t2.micro", (1024, 967)),
        ("m5.micro", None),
        ("x1.large", None),
        ("", None),
    ],
)
def test_instance_types(kind: str, found: tuple[int, int] | None) -> None:
    assert instance_types.capacity(kind) == found


async def test_tasks_take_and_give_back(api: Any, net: Any) -> None:
    container = {"name": "app", "image": "i", "memory": 300, "cpu": 100}
    container["portMappings"] = [{"containerPort": 80, "hostPort": 8080}]
    definition = await api.define("fixed", mode="bridge", containerDefinitions=[container])
    refused = await api.error("run_task", taskDefinition=definition)
    assert refused.message == "No Container Instances were found in your cluster."
    arn = await register(api, net, ecs_instance_type="t3.micro")
    ran = await api("run_task", taskDefinition=definition, count=2)
    assert [each["containerInstanceArn"] for each in ran["tasks"]] == [arn]
    assert ran["failures"] == [{"arn": arn, "reason": "RESOURCE:PORTS"}]
    instance = (await api("describe_container_instances", containerInstances=[arn]))["containerInstances"][0]
    assert (left(instance)["MEMORY"], left(instance)["CPU"], instance["pendingTasksCount"]) == (667, 1948, 1)
    assert "8080" in left(instance)["PORTS"]
    api.become(ran["tasks"][0]["taskArn"], last_status="STOPPED", desired_status="STOPPED")
    instance = (await api("describe_container_instances", containerInstances=[arn]))["containerInstances"][0]
    assert (left(instance)["MEMORY"], instance["pendingTasksCount"]) == (967, 0)

    big = await api.define("big", mode="bridge", containerDefinitions=[container | {"memory": 2000}])
    assert (await api("run_task", taskDefinition=big))["failures"] == [{"arn": arn, "reason": "RESOURCE:MEMORY"}]
    started = await api("start_task", taskDefinition=big, containerInstances=[arn, "0" * 32])
    assert [each["reason"] for each in started["failures"]] == ["RESOURCE:MEMORY", "MISSING"]
    started = await api("start_task", taskDefinition=definition, containerInstances=[arn])
    assert started["tasks"][0]["containerInstanceArn"] == arn
    assert (await api("list_tasks", containerInstance=arn))["taskArns"] == [started["tasks"][0]["taskArn"]]


async def test_awsvpc_tasks_go_where_their_subnets_are(api: Any, net: Any) -> None:
    definition = await api.define(requiresCompatibilities=["EC2"])
    arn = await register(api, net, 0)
    there = {"awsvpcConfiguration": {"subnets": [net.subnets[0]]}}
    other = {"awsvpcConfiguration": {"subnets": [net.subnets[1]]}}
    ran = await api("run_task", taskDefinition=definition, networkConfiguration=there)
    assert ran["tasks"][0]["attachments"][0]["details"] == [{"name": "subnetId", "value": net.subnets[0]}]
    assert (ran["tasks"][0]["containerInstanceArn"], ran["tasks"][0]["launchType"]) == (arn, "EC2")
    ran = await api("run_task", taskDefinition=definition, networkConfiguration=other)
    assert ran["failures"] == [{"arn": arn, "reason": "LOCATION"}]
    public = {"awsvpcConfiguration": {"subnets": [net.subnets[0]], "assignPublicIp": "ENABLED"}}
    error = await api.error("run_task", taskDefinition=definition, networkConfiguration=public)
    assert error.message == "Assign public IP is not supported for this launch type."


async def test_placement_obeys_constraints_and_strategies(api: Any, net: Any) -> None:
    definition = await api.define("job", mode="bridge", port=80)
    first, second = await register(api, net, 0, stack="a"), await register(api, net, 1, stack="b")
    spread = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
    ran = await api("run_task", taskDefinition=definition, count=4, placementStrategy=spread)
    assert Counter(each["containerInstanceArn"] for each in ran["tasks"]) == {first: 2, second: 2}
    member = [{"type": "memberOf", "expression": "attribute:stack == b"}]
    ran = await api("run_task", taskDefinition=definition, count=2, placementConstraints=member)
    assert {each["containerInstanceArn"] for each in ran["tasks"]} == {second}
    alone = [{"type": "distinctInstance"}]
    ran = await api("run_task", taskDefinition=definition, count=3, group="alone", placementConstraints=alone)
    assert len(ran["tasks"]) == 2
    assert {each["reason"] for each in ran["failures"]} == {"DistinctInstance placement constraint unsatisfied."}
    bad = [{"type": "memberOf", "expression": "attribute:stack =="}]
    error = await api.error("run_task", taskDefinition=definition, placementConstraints=bad)
    assert "Invalid placement constraint expression" in error.message


async def test_draining_attributes_and_listing(api: Any, net: Any) -> None:
    first, second = await register(api, net, 0), await register(api, net, 1)
    put = [{"name": "stack", "value": "prod", "targetId": first}, {"name": "ssd", "targetId": second}]
    await api("put_attributes", attributes=put)
    listed = await api("list_container_instances", filter="attribute:stack == prod")
    assert listed["containerInstanceArns"] == [first]
    shown = await api("list_attributes", targetType="container-instance", attributeName="ssd")
    assert shown["attributes"] == [{"name": "ssd", "targetId": second, "targetType": "container-instance"}]
    await api("delete_attributes", attributes=[{"name": "stack", "targetId": first}])
    assert (await api("list_container_instances", filter="attribute:stack exists"))["containerInstanceArns"] == []
    error = await api.error("delete_attributes", attributes=[{"name": "ecs.vpc-id", "targetId": first}])
    assert error.code == "InvalidParameterException"
    error = await api.error("put_attributes", attributes=[{"name": "a", "targetId": "0" * 32}])
    assert error.code == "TargetNotFoundException"
    assert (await api.error("list_container_instances", filter="what")).code == "InvalidParameterException"

    drained = await api("update_container_instances_state", containerInstances=[first], status="DRAINING")
    assert drained["containerInstances"][0]["status"] == "DRAINING"
    assert (await api("list_container_instances", status="DRAINING"))["containerInstanceArns"] == [first]
    definition = await api.define("job", mode="bridge")
    ran = await api("run_task", taskDefinition=definition, count=2)
    assert {each["containerInstanceArn"] for each in ran["tasks"]} == {second}
    events = [event for event in api.cloud.events.recent(api.ctx.scope) if event.source == "aws.ecs"]
    assert events[0].detail_type == "ECS Container Instance State Change"
    assert (events[0].detail["status"], events[0].resources) == ("DRAINING", (first,))


async def test_a_deregistered_instance_gives_its_interface_back_with_its_last_task(api: Any, net: Any) -> None:
    instance_interfaces.start(api.cloud)
    arn = await register(api, net)
    definition = await api.define("job", mode="bridge")
    task = (await api("run_task", taskDefinition=definition))["tasks"][0]["taskArn"]
    error = await api.error("deregister_container_instance", containerInstance=arn)
    assert error.message == "Found running tasks on the instance."
    gone = await api("deregister_container_instance", containerInstance=arn, force=True)
    assert gone["containerInstance"]["status"] == "INACTIVE"
    stopped = (await api("describe_tasks", tasks=[task]))["tasks"][0]
    assert stopped["desiredStatus"] == "STOPPED"
    where = {"Filters": [{"Name": "subnet-id", "Values": [net.subnets[0]]}]}
    await api.cloud.clock.advance(5)
    assert len((await api.of("ec2", "describe_network_interfaces", **where))["NetworkInterfaces"]) == 1
    api.become(task, last_status="STOPPED")
    await api.cloud.clock.advance(5)
    assert (await api.of("ec2", "describe_network_interfaces", **where))["NetworkInterfaces"] == []
    assert (await api("list_container_instances"))["containerInstanceArns"] == []
    assert (await api.error("deregister_container_instance", containerInstance=arn)).code == "InvalidParameterException"
    await api.cloud.stop_services()
