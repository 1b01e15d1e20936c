"""RunTask, StartTask, StopTask and what is asked about tasks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cloudarium.services.ecs.resources import ContainerState, Task


async def run(api: Any, net: Any, definition: str, **more: Any) -> dict[str, Any]:
    """RunTask on Fargate."""
    request = {"taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": net.configuration}
    answer: dict[str, Any] = await api("run_task", **(request | more))
    return answer


async def test_fargate_tasks_are_spread_over_the_subnets(api: Any, net: Any) -> None:
    definition = await api.define()
    made = (await run(api, net, definition, count=4))["tasks"]
    assert Counter(task["availabilityZone"] for task in made) == {"us-east-1a": 2, "us-east-1b": 2}
    first = made[0]
    assert (first["lastStatus"], first["desiredStatus"], first["platformVersion"]) == (
        "PROVISIONING",
        "RUNNING",
        "1.4.0",
    )
    assert (first["group"], first["cpu"], first["memory"]) == ("family:web", "256", "512")
    assert first["attachments"][0]["status"] == "PRECREATED"
    assert first["ephemeralStorage"] == {"sizeInGiB": 20}
    assert first["overrides"]["containerOverrides"] == [{"name": "app"}]
    described = await api("describe_tasks", tasks=[first["taskArn"], "0" * 32])
    assert described["tasks"][0]["taskArn"] == first["taskArn"]
    assert described["failures"][0]["reason"] == "MISSING"


async def test_overrides_change_the_task_and_nothing_else(api: Any, net: Any) -> None:
    definition = await api.define()
    given = {
        "cpu": "1 vCPU",
        "memory": "2GB",
        "ephemeralStorage": {"sizeInGiB": 30},
        "containerOverrides": [{"name": "app", "command": ["echo"], "memory": 256, "cpu": 64}],
    }
    task = (await run(api, net, definition, overrides=given, startedBy="batch", group="jobs"))["tasks"][0]
    assert (task["cpu"], task["memory"], task["group"], task["startedBy"]) == ("1024", "2048", "jobs", "batch")
    assert task["ephemeralStorage"] == {"sizeInGiB": 30}
    assert (task["containers"][0]["memory"], task["containers"][0]["cpu"]) == ("256", "64")
    again = await api("describe_task_definition", taskDefinition=definition)
    assert again["taskDefinition"]["cpu"] == "256"


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"count": 11}, "InvalidParameterException", "Count must be between 1 and 10."),
        ({"networkConfiguration": {}}, "InvalidParameterException", "Network Configuration must be provided when"),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ),
        ({"platformVersion": "9.9"}, "PlatformUnknownException", "The specified platform does not exist."),
        ({"placementStrategy": [{"type": "random"}]}, "InvalidParameterException", "not supported with FARGATE"),
        ({"group": "service:x"}, "InvalidParameterException", "Invalid namespace for group."),
        ({"enableExecuteCommand": True}, "InvalidParameterException", "valid taskRoleArn is not being used"),
        ({"taskDefinition": "ghost"}, "ClientException", "TaskDefinition not found."),
        ({"cluster": "ghost"}, "ClusterNotFoundException", "Cluster not found."),
        ({"launchType": "EXTERNAL"}, "NotImplemented", "EXTERNAL"),
        ({"propagateTags": "SERVICE"}, "InvalidParameterException", "SERVICE"),
        (
            {"overrides": {"containerOverrides": [{"name": "ghost"}]}},
            "InvalidParameterException",
            "Override for container named ghost is not a container in the TaskDefinition.",
        ),
        ({"overrides": {"cpu": "512"}}, "ClientException", "512 CPU, 512 memory"),
        (
            {"overrides": {"containerOverrides": [{"name": "app", "memory": 513}]}},
            "InvalidParameterException",
            "greater",
        ),
    ],
)
async def test_what_run_task_refuses(api: Any, net: Any, more: dict[str, Any], code: str, message: str) -> None:
    definition = await api.define()
    request = {"taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": net.configuration}
    error = await api.error("run_task", **(request | more))
    assert error.code == code
    assert message in error.message
    assert (await api("list_tasks"))["taskArns"] == []


async def test_the_network_is_checked_with_ec2(api: Any, net: Any) -> None:
    definition = await api.define()
    wrong = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
    error = await api.error("run_task", taskDefinition=definition, launchType="FARGATE", networkConfiguration=wrong)
    assert "The subnet ID 'subnet-0123456789abcdef0' does not exist" in error.message
    wrong = {"awsvpcConfiguration": {"subnets": net.subnets, "securityGroups": ["sg-0123456789abcdef0"]}}
    error = await api.error("run_task", taskDefinition=definition, launchType="FARGATE", networkConfiguration=wrong)
    assert "The security group 'sg-0123456789abcdef0' does not exist" in error.message
    other = (await api.of("ec2", "create_vpc", CidrBlock="10.9.0.0/16"))["Vpc"]["VpcId"]
    group = await api.of("ec2", "create_security_group", VpcId=other, GroupName="g", Description="g")
    wrong = {"awsvpcConfiguration": {"subnets": net.subnets, "securityGroups": [group["GroupId"]]}}
    error = await api.error("run_task", taskDefinition=definition, launchType="FARGATE", networkConfiguration=wrong)
    assert "same VPC" in error.message
    bridge = await api.define("b", mode="bridge")
    error = await api.error("run_task", taskDefinition=bridge, networkConfiguration=net.configuration)
    assert "not valid for the given networkMode" in error.message


async def test_a_strategy_deals_tasks_out_base_first(api: Any, net: Any) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    await api(
        "put_cluster_capacity_providers",
        cluster="default",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=strategy,
    )
    definition = await api.define()
    made = await api("run_task", taskDefinition=definition, count=10, networkConfiguration=net.configuration)
    assert Counter(each["capacityProviderName"] for each in made["tasks"]) == {"FARGATE": 4, "FARGATE_SPOT": 6}
    assert {each["launchType"] for each in made["tasks"]} == {"FARGATE"}


async def test_a_client_token_runs_once(api: Any, net: Any) -> None:
    definition = await api.define()
    first = await run(api, net, definition, clientToken="one", count=2)
    second = await run(api, net, definition, clientToken="one", count=2)
    assert [each["taskArn"] for each in first["tasks"]] == [each["taskArn"] for each in second["tasks"]]
    error = await api.error(
        "run_task",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=net.configuration,
        clientToken="one",
    )
    assert error.code == "ConflictException"
    assert error.members["resourceIds"] == [each["taskArn"] for each in first["tasks"]]
    assert len((await api("list_tasks"))["taskArns"]) == 2


async def test_lists_by_every_filter_and_page(api: Any, net: Any) -> None:
    web, job = await api.define(), await api.define("job")
    made = sorted(each["taskArn"] for each in (await run(api, net, web, count=3, startedBy="me"))["tasks"])
    everything = {*made[1:]}
    other = (await run(api, net, job))["tasks"][0]["taskArn"]
    everything.add(other)
    stopped = await api("stop_task", task=made[0], reason="enough")
    assert (stopped["task"]["desiredStatus"], stopped["task"]["stoppedReason"]) == ("STOPPED", "enough")
    assert stopped["task"]["stopCode"] == "UserInitiated"
    assert (await api("stop_task", task=made[0], reason="again"))["task"]["stoppedReason"] == "enough"

    assert set((await api("list_tasks"))["taskArns"]) == everything
    assert (await api("list_tasks", desiredStatus="STOPPED"))["taskArns"] == made[:1]
    assert (await api("list_tasks", family="job"))["taskArns"] == [other]
    assert sorted((await api("list_tasks", startedBy="me"))["taskArns"]) == made[1:]
    assert (await api("list_tasks", launchType="EC2"))["taskArns"] == []
    assert (await api("list_tasks", desiredStatus="PENDING"))["taskArns"] == []
    page = await api("list_tasks", maxResults=2)
    api.become(page["taskArns"][0], last_status="RUNNING")
    rest = await api("list_tasks", maxResults=2, nextToken=page["nextToken"])
    assert len(page["taskArns"]) == 2
    assert {*page["taskArns"], *rest["taskArns"]} == everything
    assert len(rest["taskArns"]) == 1
    assert (await api.error("list_tasks", startedBy="me", family="web")).code == "InvalidParameterException"
    assert (await api.error("list_tasks", serviceName="ghost")).code == "ServiceNotFoundException"
    assert (await api.error("stop_task", task="0" * 32)).message == "The referenced task was not found."
    elsewhere = made[1].replace("/default/", "/other/")
    assert "Identifier is for cluster other" in (await api.error("stop_task", task=elsewhere)).message


async def test_counts_of_a_cluster_follow_its_tasks(api: Any, net: Any) -> None:
    definition = await api.define()
    made = (await run(api, net, definition, count=3))["tasks"]
    api.become(made[0]["taskArn"], last_status="RUNNING")
    api.become(made[1]["taskArn"], last_status="STOPPED", desired_status="STOPPED")
    cluster = (await api("describe_clusters"))["clusters"][0]
    assert (cluster["runningTasksCount"], cluster["pendingTasksCount"]) == (1, 1)


async def test_protection_is_for_tasks_of_services(api: Any, net: Any) -> None:
    definition = await api.define()
    alone = (await run(api, net, definition))["tasks"][0]["taskArn"]
    refused = await api("update_task_protection", cluster="default", tasks=[alone, "0" * 32], protectionEnabled=True)
    assert [each["reason"] for each in refused["failures"]] == ["TASK_NOT_VALID", "MISSING"]
    api.become(alone, service="web", group="service:web")
    done = await api(
        "update_task_protection", cluster="default", tasks=[alone], protectionEnabled=True, expiresInMinutes=60
    )
    expires = done["protectedTasks"][0]["expirationDate"].timestamp()
    assert expires == pytest.approx(api.cloud.clock.now() + 3600, abs=5)
    asked = await api("get_task_protection", cluster="default", tasks=[alone])
    assert asked["protectedTasks"][0]["protectionEnabled"] is True
    await api("update_task_protection", cluster="default", tasks=[alone], protectionEnabled=False)
    asked = await api("get_task_protection", cluster="default", tasks=[alone])
    assert asked["protectedTasks"] == [{"taskArn": alone, "protectionEnabled": False}]
    bad = await api.error(
        "update_task_protection", cluster="default", tasks=[alone], protectionEnabled=True, expiresInMinutes=2881
    )
    assert bad.code == "InvalidParameterException"


async def test_execute_command_needs_a_task_that_was_started_for_it(api: Any, net: Any) -> None:
    role = f"arn:aws:iam::{api.ctx.account}:role/task"
    definition = await api.define(taskRoleArn=role)
    plain = (await run(api, net, definition))["tasks"][0]["taskArn"]
    error = await api.error("execute_command", task=plain, command="sh", interactive=True)
    assert error.code == "InvalidParameterException"
    assert "execute command was not enabled when the task was run" in error.message
    able = (await run(api, net, definition, enableExecuteCommand=True))["tasks"][0]
    assert able["containers"][0]["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]
    error = await api.error("execute_command", task=able["taskArn"], command="sh", interactive=True)
    assert error.code == "TargetNotConnectedException"
    error = await api.error("execute_command", task=able["taskArn"], command="sh", interactive=False)
    assert error.message == "Interactive is the only mode supported currently."
    error = await api.error("execute_command", task=able["taskArn"], command="sh", interactive=True, container="x")
    assert error.code == "InvalidParameterException"


async def test_what_is_over_is_forgotten_after_an_hour(api: Any, net: Any) -> None:
    """Stopped tasks stay for an hour of cloud time, and are found again by a fresh start."""
    from cloudarium.services.ecs import retention

    definition = await api.define()
    arn = (await run(api, net, definition))["tasks"][0]["taskArn"]
    retention.start(api.cloud)
    now = api.cloud.clock.now()
    api.become(arn, last_status="STOPPED", desired_status="STOPPED", stopped=now)
    await api.cloud.clock.advance(3590)
    assert (await api("describe_tasks", tasks=[arn]))["failures"] == []
    await api("deregister_task_definition", taskDefinition=definition)
    await api("delete_task_definitions", taskDefinitions=[definition])
    await api.cloud.clock.advance(20)
    assert (await api("describe_tasks", tasks=[arn]))["failures"][0]["reason"] == "MISSING"
    await api.cloud.clock.advance(120)
    assert (await api("list_task_definitions", status="DELETE_IN_PROGRESS"))["taskDefinitionArns"] == []
    await api.cloud.stop_services()


def test_a_stopped_task_is_in_no_index_of_live_ones() -> None:
    fields: dict[str, Any] = {"arn": "a", "cluster": "c", "cluster_arn": "c", "task_definition_arn": "d"}
    fields |= {"family": "f", "revision": 1, "launch_type": "EC2", "created": 0.0}
    fields |= {"service": "s", "group": "service:s", "container_instance": "i", "containers": ()}
    live = Task(id="1", last_status="RUNNING", **fields)
    over = Task(id="2", last_status="STOPPED", **fields)
    assert (live.live_service, live.live_instance, live.live_group) == ("c/s", "i", "c/service:s")
    assert (over.live_service, over.live_instance, over.live_group) == ((), (), ())
    assert (over.service_key, over.phase_key) == ("c/s", "c/stopped")
    assert ContainerState(name="n", id="1", arn="a", image="i").last_status == "PENDING"
