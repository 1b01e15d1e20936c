"""Task definitions: what is refused and in which words, and what is filled in."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.validation import sizes

FARGATE: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "app", "image": "nginx"}],
}
BRIDGE: dict[str, Any] = {
    "family": "web",
    "containerDefinitions": [
        {"name": "app", "image": "nginx", "memory": 64},
        {"name": "side", "image": "busybox", "memory": 64, "essential": False},
    ],
}


def with_container(base: dict[str, Any], **members: Any) -> dict[str, Any]:
    """``base`` with members of its first container changed."""
    request = copy.deepcopy(base)
    request["containerDefinitions"][0] |= members
    return request


def with_second(**members: Any) -> dict[str, Any]:
    """``BRIDGE`` with members of its second container changed."""
    request = copy.deepcopy(BRIDGE)
    request["containerDefinitions"][1] |= members
    return request


AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}}
CYCLE = {
    **BRIDGE,
    "containerDefinitions": [
        {"name": "a", "image": "i", "memory": 8, "dependsOn": [{"containerName": "b", "condition": "START"}]},
        {"name": "b", "image": "i", "memory": 8, "dependsOn": [{"containerName": "a", "condition": "START"}]},
    ],
}

REFUSED: list[tuple[dict[str, Any], str]] = [
    (FARGATE | {"networkMode": "bridge"}, "Fargate only supports network mode ‘awsvpc’."),
    ({k: v for k, v in FARGATE.items() if k != "cpu"}, "Fargate requires that 'cpu' be defined at the task level."),
    (
        {k: v for k, v in FARGATE.items() if k != "memory"},
        "Fargate requires that 'memory' be defined at the task level.",
    ),
    (
        FARGATE | {"cpu": "1024", "memory": "1024"},
        "No Fargate configuration exists for given values: 1024 CPU, 1024 memory. "
        "See the Amazon ECS documentation for the valid values.",
    ),
    (FARGATE | {"cpu": "many"}, "Invalid 'cpu' setting for task."),
    (FARGATE | {"ipcMode": "task"}, "Tasks using the Fargate launch type do not support ipcMode."),
    (
        FARGATE | {"ephemeralStorage": {"sizeInGiB": 20}},
        "Fargate ephemeral storage size must be between 21 and 200 GiB.",
    ),
    (with_container(FARGATE, privileged=True), "do not support privileged containers."),
    (with_container(FARGATE, linuxParameters={"sharedMemorySize": 64}), "do not support sharedMemorySize."),
    (with_container(FARGATE, linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}), "other than SYS_PTRACE"),
    (with_container(FARGATE, stopTimeout=121), "between 2 and 120 seconds"),
    (
        with_container(FARGATE, logConfiguration=AWSLOGS),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    ),
    (
        with_container(FARGATE, image="111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"),
        "Fargate requires task definition to have execution role ARN to support ECR images.",
    ),
    (
        with_container(FARGATE, secrets=[{"name": "S", "valueFrom": "param"}]),
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ),
    (
        with_container(FARGATE, portMappings=[{"containerPort": 80, "hostPort": 8080}]),
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    ),
    (with_container(FARGATE, memory=1024), "The 'memory' setting for container is greater than for the task."),
    (with_container(FARGATE, cpu=512), "The 'cpu' setting for container is greater than for the task."),
    (with_container(FARGATE, links=["x"]), "The 'links' parameter is not supported when networkMode=awsvpc."),
    (FARGATE | {"containerDefinitions": []}, "Container list cannot be empty."),
    (FARGATE | {"family": "a b"}, "Family contains invalid characters."),
    (with_container(BRIDGE, name=""), "Container.name should not be null or empty."),
    (with_container(BRIDGE, image=""), "Container.image should not be null or empty."),
    (with_container(BRIDGE, name="side"), "used more than once"),
    (with_container(BRIDGE, essential=False), "does not have any essential containers."),
    (
        with_container(BRIDGE, memory=None),
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.",
    ),
    (with_container(BRIDGE, memory=5), "Invalid 'memory' setting for container 'app'."),
    (with_container(BRIDGE, memoryReservation=65), "'memory' must be greater than 'memoryReservation'"),
    (with_container(BRIDGE, portMappings=[{"hostPort": 80}]), "Invalid 'containerPort' setting for container 'app'."),
    (with_container(BRIDGE, portMappings=[{"containerPort": 80, "hostPort": 70000}]), "Invalid 'hostPort' setting"),
    (with_container(BRIDGE, links=["ghost"]), "no container named 'ghost'"),
    (with_container(BRIDGE, dependsOn=[{"containerName": "ghost", "condition": "START"}]), "named 'ghost'"),
    (with_container(BRIDGE, dependsOn=[{"containerName": "side", "condition": "HEALTHY"}]), "must have a health check"),
    (
        with_second(dependsOn=[{"containerName": "app", "condition": "SUCCESS"}]),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (CYCLE, "a cycle: a -> b -> a"),
    (with_container(BRIDGE, mountPoints=[{"sourceVolume": "data", "containerPath": "/d"}]), "Unknown volume 'data'."),
    (BRIDGE | {"volumes": [{"name": "v"}, {"name": "v"}]}, "used more than once"),
    (with_container(BRIDGE, healthCheck={"command": ["curl"]}), "must start with CMD or CMD-SHELL"),
    (with_container(BRIDGE, healthCheck={"command": ["CMD", "x"], "interval": 4}), "5 to 300"),
    (with_container(BRIDGE, logConfiguration={"logDriver": "awslogs"}), "requires options: awslogs-group"),
    (with_container(BRIDGE, logConfiguration={"logDriver": "awsfirelens"}), "must have a firelensConfiguration"),
    (with_container(BRIDGE, ulimits=[{"name": "nofile", "softLimit": 9, "hardLimit": 8}]), "exceeds the hard one"),
    (with_container(BRIDGE, dnsServers=["dns"]), "Invalid 'dnsServers' setting"),
    (
        BRIDGE | {"networkMode": "host", "placementConstraints": [{"type": "memberOf", "expression": "x =="}]},
        "expression",
    ),
    (with_container(BRIDGE | {"networkMode": "none"}, portMappings=[{"containerPort": 1}]), "networkMode=none"),
    (BRIDGE | {"cpu": "127"}, "Invalid 'cpu' setting for task."),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
async def test_what_aws_refuses_is_refused_in_its_words(api: Any, request_: dict[str, Any], message: str) -> None:
    cleaned = copy.deepcopy(request_)
    for container in cleaned["containerDefinitions"]:
        for member in [name for name, value in container.items() if value is None]:
            del container[member]
    error = await api.error("register_task_definition", **cleaned)
    assert error.code == "ClientException"
    assert message in error.message
    assert (await api("list_task_definitions"))["taskDefinitionArns"] == []


ABSENT: list[tuple[dict[str, Any], str]] = [
    (FARGATE | {"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}, "EFS"),
    (FARGATE | {"proxyConfiguration": {"type": "APPMESH", "containerName": "app"}}, "App Mesh"),
    (FARGATE | {"inferenceAccelerators": [{"deviceName": "d", "deviceType": "t"}]}, "inferenceAccelerators"),
    (FARGATE | {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}, "WINDOWS_SERVER_2022_CORE"),
    (FARGATE | {"volumes": [{"name": "v", "configuredAtLaunch": True}]}, "configuredAtLaunch"),
    (BRIDGE | {"pidMode": "host"}, "pidMode 'host'"),
    (with_container(BRIDGE, resourceRequirements=[{"type": "GPU", "value": "1"}]), "resourceRequirements"),
    (with_container(BRIDGE, logConfiguration={"logDriver": "syslog"}), "'syslog'"),
    (
        with_container(
            BRIDGE, logConfiguration={"logDriver": "awslogs", "secretOptions": [{"name": "x", "valueFrom": "/x"}]}
        ),
        "secretOptions of the log driver 'awslogs'",
    ),
    (with_container(BRIDGE, portMappings=[{"containerPortRange": "80-90"}]), "containerPortRange"),
    (with_container(BRIDGE, versionConsistency="enabled"), "versionConsistency 'enabled'"),
]


@pytest.mark.parametrize(("request_", "name"), ABSENT, ids=[name for _, name in ABSENT])
async def test_what_is_not_there_is_refused_by_name(api: Any, request_: dict[str, Any], name: str) -> None:
    error = await api.error("register_task_definition", **request_)
    assert error.code == "NotImplemented"
    assert name in error.message


async def test_defaults_are_those_that_describe_shows(api: Any) -> None:
    request = with_container(FARGATE, portMappings=[{"containerPort": 80}], healthCheck={"command": ["CMD", "true"]})
    request |= {"cpu": ".25 vCPU", "memory": "0.5GB", "volumes": [{"name": "v"}]}
    made = (await api("register_task_definition", **request))["taskDefinition"]
    assert (made["cpu"], made["memory"], made["revision"], made["status"]) == ("256", "512", 1, "ACTIVE")
    assert made["compatibilities"] == ["EC2", "FARGATE"]
    assert made["volumes"] == [{"name": "v", "host": {}}]
    assert made["registeredBy"].endswith(":root")
    assert {"name": "ecs.capability.task-eni"} in made["requiresAttributes"]
    container = made["containerDefinitions"][0]
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert (container["cpu"], container["essential"]) == (0, True)
    empty = ("environment", "mountPoints", "volumesFrom", "systemControls")
    assert [container[each] for each in empty] == [[], [], [], []]
    assert container["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert (await api("describe_task_definition", taskDefinition="web"))["taskDefinition"] == made

    bridge = (await api("register_task_definition", **BRIDGE))["taskDefinition"]
    assert "networkMode" not in bridge
    assert bridge["compatibilities"] == ["EXTERNAL", "EC2"]
    assert bridge["revision"] == 2


async def test_revisions_are_listed_deregistered_and_deleted(api: Any) -> None:
    arns = [await api.define() for _ in range(3)]
    other = await api.define("worker")
    assert (await api("list_task_definitions", familyPrefix="web", sort="DESC"))["taskDefinitionArns"] == arns[::-1]
    first = await api("list_task_definitions", maxResults=3)
    rest = await api("list_task_definitions", maxResults=3, nextToken=first["nextToken"])
    assert [*first["taskDefinitionArns"], *rest["taskDefinitionArns"]] == [*arns, other]
    assert "nextToken" not in rest
    assert (await api.error("list_task_definitions", nextToken="x")).code == "InvalidParameterException"

    assert (await api.error("deregister_task_definition", taskDefinition="web")).message == "Revision is missing."
    await api("deregister_task_definition", taskDefinition=arns[2])
    latest = await api("describe_task_definition", taskDefinition="web")
    assert latest["taskDefinition"]["revision"] == 2
    assert (await api("list_task_definitions", status="INACTIVE"))["taskDefinitionArns"] == [arns[2]]
    refused = await api.error("run_task", taskDefinition=arns[2])
    assert (refused.code, refused.message) == ("ClientException", "TaskDefinition is inactive")

    gone = await api("delete_task_definitions", taskDefinitions=[arns[1], arns[2], "web:9"])
    assert [each["taskDefinitionArn"] for each in gone["taskDefinitions"]] == [arns[2]]
    assert gone["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
    assert len(gone["failures"]) == 2
    for arn in arns[:2]:
        await api("deregister_task_definition", taskDefinition=arn)
    missing = await api.error("describe_task_definition", taskDefinition="web")
    assert missing.message == "Unable to describe task definition."
    assert (await api("list_task_definition_families"))["families"] == ["worker"]
    assert (await api("list_task_definition_families", status="INACTIVE"))["families"] == ["web"]
    assert (await api.define()).endswith(":4")


def test_every_pair_of_fargates_table() -> None:
    """The pairs of the documentation, and their neighbours."""
    pairs = {256: [512, 1024, 2048], 512: [1024 * n for n in range(1, 5)], 1024: [1024 * n for n in range(2, 9)]}
    pairs |= {2048: [1024 * n for n in range(4, 17)], 4096: [1024 * n for n in range(8, 31)]}
    pairs |= {8192: [1024 * n for n in range(16, 61, 4)], 16384: [1024 * n for n in range(32, 121, 8)]}
    for cpu, memories in pairs.items():
        for memory in range(512, 131_072, 512):
            assert sizes.fits_fargate(cpu, memory) is (memory in memories), (cpu, memory)
    assert not sizes.fits_fargate(128, 512)


@pytest.mark.parametrize(
    ("text", "units"), [("1024", 1024), ("1 vCPU", 1024), ("0.25vcpu", 256), (" .5 VCPU ", 512), ("16 vcpu", 16384)]
)
def test_cpu_is_read_in_units_and_in_vcpus(text: str, units: int) -> None:
    assert sizes.cpu(text) == units


@pytest.mark.parametrize("text", ["", "vcpu", "1..2 vcpu", "1e3", "-1", "1 gb", "９"])
def test_what_is_no_cpu_is_refused(text: str) -> None:
    with pytest.raises(AwsError):
        sizes.cpu(text)
