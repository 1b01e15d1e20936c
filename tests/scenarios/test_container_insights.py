"""Container Insights of tasks that really run: log events and metrics every minute (CW-4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

GROUP = "/aws/ecs/containerinsights/main/performance"
HOLD = "dd if=/dev/zero bs=40M count=1 | sleep 100000 & dd if=/dev/zero of=/big bs=1M count=50; while :; do :; done"


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Iterator[Place]:
    """A task that holds 40 MiB, keeps 50 MiB on its disk and burns CPU, observed down to its containers."""
    made = Place(cloud, Account(cloud, fresh_number()))
    made.ecs.update_cluster_settings(cluster="main", settings=[{"name": "containerInsights", "value": "enhanced"}])
    definition = made.define(
        {"name": "app", "command": ["sh", "-c", HOLD], "memoryReservation": 200},
        {"name": "side", "command": ["sleep", "100000"], "essential": False, "cpu": 64},
    )
    network = {"subnets": [made.public], "assignPublicIp": "ENABLED"}
    made.ecs.create_service(
        cluster="main", serviceName="web", taskDefinition=definition, desiredCount=1, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )  # fmt: skip
    until(lambda: made.ecs.list_tasks(cluster="main", desiredStatus="RUNNING")["taskArns"], "the service starts", 30)
    (arn,) = made.ecs.list_tasks(cluster="main")["taskArns"]
    made.until(arn, "RUNNING")

    def written() -> bool:
        cloud.advance("61s")
        return bool(value(made, "CpuUtilized", ClusterName="main"))

    until(written, "the first numbers", 30)
    yield made
    made.ecs.delete_service(cluster="main", service="web", force=True)


def points(place: Place, metric: str, **dimensions: str) -> list[dict[str, Any]]:
    """The datapoints of the last quarter of an hour."""
    now = place.account.now()
    answer = place.account.cloudwatch.get_metric_statistics(
        Namespace="ECS/ContainerInsights",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": text} for name, text in dimensions.items()],
        StartTime=datetime.fromtimestamp(now - 900, UTC),
        EndTime=datetime.fromtimestamp(now + 60, UTC),
        Period=60,
        Statistics=["Maximum", "SampleCount"],
    )
    return sorted(answer["Datapoints"], key=lambda each: each["Timestamp"])


def value(place: Place, metric: str, **dimensions: str) -> float:
    """The last maximum; 0 without any."""
    found = points(place, metric, **dimensions)
    return found[-1]["Maximum"] if found else 0.0


def events(place: Place, kind: str) -> list[dict[str, Any]]:
    found = place.account.logs.filter_log_events(logGroupName=GROUP, filterPattern=f'{{ $.Type = "{kind}" }}')
    return [json.loads(each["message"]) for each in found["events"]]


def test_what_a_task_uses_is_known_by_cluster_service_family_and_task(place: Place) -> None:
    (arn,) = place.ecs.list_tasks(cluster="main")["taskArns"]
    by_task = {"ClusterName": "main", "ServiceName": "web", "TaskId": arn.rpartition("/")[2]}
    for dimensions in (
        {"ClusterName": "main"},
        {"ClusterName": "main", "ServiceName": "web"},
        {"ClusterName": "main", "TaskDefinitionFamily": "job"},
        by_task,
    ):
        assert value(place, "CpuReserved", **dimensions) == 256
        assert value(place, "MemoryReserved", **dimensions) == 512
        assert value(place, "CpuUtilized", **dimensions) > 0
        assert 40 <= value(place, "MemoryUtilized", **dimensions) < 200
        assert value(place, "EphemeralStorageReserved", **dimensions) == 21.47
        assert 0.05 <= value(place, "EphemeralStorageUtilized", **dimensions) < 1
        assert points(place, "NetworkRxBytes", **dimensions)[-1]["Unit"] == "Bytes/Second"
    assert points(place, "MemoryUtilized", **by_task)[-1]["Unit"] == "Megabytes"
    percent = points(place, "TaskMemoryUtilization", **by_task)[-1]
    assert percent["Unit"] == "Percent" and 40 / 512 * 100 <= percent["Maximum"] < 40


def test_containers_are_told_apart(place: Place) -> None:
    app = {"ClusterName": "main", "ServiceName": "web", "ContainerName": "app"}
    side = {**app, "ContainerName": "side"}
    assert value(place, "ContainerMemoryUtilized", **app) >= 40 > value(place, "ContainerMemoryUtilized", **side)
    assert value(place, "ContainerMemoryReserved", **app) == 200
    assert value(place, "ContainerMemoryReserved", **side) == 512, "of the task, since it has none of its own"
    assert value(place, "ContainerMemoryUtilization", **app) >= 20
    assert value(place, "ContainerCpuReserved", **side) == 64


def test_counts_come_from_the_records(place: Place) -> None:
    service = {"ClusterName": "main", "ServiceName": "web"}
    for metric, count in (
        ("DesiredTaskCount", 1), ("RunningTaskCount", 1), ("PendingTaskCount", 0), ("DeploymentCount", 1),
        ("TaskSetCount", 0),
    ):  # fmt: skip
        found = points(place, metric, **service)[-1]
        assert (found["Maximum"], found["Unit"]) == (count, "Count"), metric
    for metric, count in (("TaskCount", 1), ("ServiceCount", 1), ("ContainerInstanceCount", 0)):
        found = points(place, metric, ClusterName="main")[-1]
        assert (found["Maximum"], found["Unit"]) == (count, "Count"), metric


def test_events_are_in_the_performance_log(place: Place) -> None:
    (group,) = place.account.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert group["retentionInDays"] == 1
    names = {
        each["logStreamName"] for each in place.account.logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    }
    assert {"ClusterTelemetry-main", "ServiceTelemetry-web"} < names
    assert any(name.startswith("FargateTelemetry-") for name in names)
    task = events(place, "Task")[-1]
    assert task["LaunchType"] == "FARGATE" and task["KnownStatus"] == "RUNNING" and task["AccountID"]
    assert task["CpuUtilized"] > 0 and task["StartedAt"] >= task["PullStoppedAt"] >= task["PullStartedAt"]
    assert {each["ContainerName"] for each in events(place, "Container")} == {"app", "side"}
    assert events(place, "Service")[-1]["RunningTaskCount"] == 1
    assert events(place, "Cluster")[-1]["TaskCount"] == 1


def test_fargate_vcpus_are_an_account_s_usage(place: Place) -> None:
    now = place.account.now()
    names = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": "Standard/OnDemand"}
    answer = place.account.cloudwatch.get_metric_statistics(
        Namespace="AWS/Usage",
        MetricName="ResourceCount",
        Dimensions=[{"Name": name, "Value": text} for name, text in names.items()],
        StartTime=datetime.fromtimestamp(now - 900, UTC),
        EndTime=datetime.fromtimestamp(now + 60, UTC),
        Period=60,
        Statistics=["Maximum"],
    )
    assert answer["Datapoints"] and {each["Maximum"] for each in answer["Datapoints"]} == {0.25}


def test_calls_are_an_account_s_usage(cloud: RunningCloud, place: Place) -> None:
    names = {"Service": "Logs", "Type": "API", "Resource": "DescribeExportTasks", "Class": "None"}
    for _ in range(3):
        place.account.logs.describe_export_tasks()
    cloud.advance("61s")
    now = place.account.now()
    answer = place.account.cloudwatch.get_metric_statistics(
        Namespace="AWS/Usage",
        MetricName="CallCount",
        Dimensions=[{"Name": name, "Value": text} for name, text in names.items()],
        StartTime=datetime.fromtimestamp(now - 600, UTC),
        EndTime=datetime.fromtimestamp(now + 60, UTC),
        Period=60,
        Statistics=["Sum"],
    )
    assert sum(each["Sum"] for each in answer["Datapoints"]) == 3
    assert {each["Unit"] for each in answer["Datapoints"]} == {"None"}
