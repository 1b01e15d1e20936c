"""Deliveries: which clusters, which streams, and what becomes of a delivery that is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs.insights import publishing
from cloudarium.services.ecs.insights.publishing import Reading, publish
from cloudarium.services.ecs.insights.readings import Pair
from cloudarium.services.ecs.resources import Cluster, ContainerState, ServiceRecord, Task, TaskDefinition
from cloudarium.substrate.compute.spec import Stats

SCOPE = Scope("111122223333", "us-east-1")
ARN = "arn:aws:ecs:us-east-1:111122223333"
GROUP = "/aws/ecs/containerinsights/main/performance"


class Logs:
    """CloudWatch Logs, as far as deliveries go."""

    def __init__(self) -> None:
        self.retention: dict[str, int] = {}
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.batches: list[int] = []
        self.broken = False

    async def dispatch(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        assert (service, scope, principal.kind) == ("logs", SCOPE, "AWSService")
        if self.broken:
            raise AwsError("ServiceUnavailableException", "not now")
        group, stream = params["logGroupName"], params.get("logStreamName", "")
        match operation:
            case "create_log_group":
                if group in self.retention:
                    raise AwsError("ResourceAlreadyExistsException", "there")
                self.retention[group] = 0
            case "put_retention_policy":
                self.retention[group] = params["retentionInDays"]
            case "create_log_stream":
                self.streams[stream] = []
            case "put_log_events":
                if stream not in self.streams:
                    raise AwsError("ResourceNotFoundException", "no stream")
                self.streams[stream] += [json.loads(each["message"]) for each in params["logEvents"]]
                self.batches.append(sum(len(each["message"]) for each in params["logEvents"]))
        return {}


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(clock=Clock(ClockState(0, 1_700_000_010, 0)), store=Store(tmp_path / "state.db"), port=0)
    yield made
    made.metrics.close()
    made.store.close()


def prepared(cloud: Cloud, setting: str) -> Logs:
    store = cloud.store
    store.table(Cluster).put(
        SCOPE, Cluster(name="main", arn=f"{ARN}:cluster/main", created=0.0, settings={"containerInsights": setting})
    )
    definition = {"networkMode": "awsvpc", "containerDefinitions": [{"name": "app"}]}
    arn = f"{ARN}:task-definition/web:1"
    store.table(TaskDefinition).put(
        SCOPE,
        TaskDefinition(arn=arn, family="web", revision=1, definition=definition, registered_at=0.0, registered_by=""),
    )
    for name in ("front", "idle"):
        store.table(ServiceRecord).put(
            SCOPE,
            ServiceRecord(
                key=f"main/{name}", name=name, arn=f"{ARN}:service/main/{name}", cluster="main",
                cluster_arn=f"{ARN}:cluster/main", created=0.0, desired_count=3,
            ),
        )  # fmt: skip
    logs = Logs()
    cloud.dispatch = logs.dispatch
    return logs


def reading(cloud: Cloud, number: int, **changes: Any) -> Reading:
    """A running task of ``front``."""
    fields = {"last_status": "RUNNING", "service": "front", "launch_type": "FARGATE", **changes}
    task = Task(
        id=f"{number:032}", arn=f"{ARN}:task/main/{number}", cluster="main", cluster_arn=f"{ARN}:cluster/main",
        task_definition_arn=f"{ARN}:task-definition/web:1", family="web", revision=1, created=0.0, cpu="512",
        memory="1024", containers=(ContainerState(name="app", id="0", arn="a", image="web"),), **fields,
    )  # fmt: skip
    cloud.store.table(Task).put(SCOPE, task)
    pair = Pair(Stats(read_at=0.0), Stats(read_at=60.0, cpu_total_ns=10**9))
    return Reading(SCOPE, task, (512.0, 1024.0), {"app": pair})


def named(cloud: Cloud, namespace: str) -> set[str]:
    return {key.name for key in cloud.metrics.find(SCOPE, namespace)}


@pytest.mark.parametrize("setting", ["enabled", "enhanced"])
async def test_a_cluster_that_wants_it_is_published(cloud: Cloud, setting: str) -> None:
    logs = prepared(cloud, setting)
    await publish(cloud, [reading(cloud, number) for number in range(3)])
    assert logs.retention == {GROUP: 1}
    (service,), (cluster,) = logs.streams["ServiceTelemetry-front"], logs.streams["ClusterTelemetry-main"]
    assert (service["RunningTaskCount"], service["DesiredTaskCount"], service["PendingTaskCount"]) == (3, 3, 0)
    assert (cluster["TaskCount"], cluster["ServiceCount"], cluster["ContainerInstanceCount"]) == (3, 2, 0)
    assert "ServiceTelemetry-idle" not in logs.streams, "nothing of it runs"
    tasks = [each for name, found in logs.streams.items() if name.startswith("FargateTelemetry-") for each in found]
    assert len([each for each in tasks if each["Type"] == "Task"]) == 3
    assert {each["Timestamp"] for each in tasks} == {1_699_999_980_000}, "the minute's begin"
    assert ("TaskCpuUtilization" in named(cloud, "ECS/ContainerInsights")) == (setting == "enhanced")


@pytest.mark.parametrize("setting", ["disabled", ""])
async def test_others_are_left_alone(cloud: Cloud, setting: str) -> None:
    logs = prepared(cloud, setting)
    await publish(cloud, [reading(cloud, 1), reading(cloud, 2, capacity_provider="FARGATE_SPOT")])
    assert not logs.streams and not named(cloud, "ECS/ContainerInsights")
    classes = {dict(key.dimensions)["Class"] for key in cloud.metrics.find(SCOPE, "AWS/Usage", "ResourceCount")}
    assert classes == {"Standard/OnDemand", "Standard/Spot"}


async def test_instances_are_counted_that_have_tasks(cloud: Cloud) -> None:
    logs = prepared(cloud, "enabled")
    where = {"launch_type": "EC2", "container_instance": "c1"}
    await publish(cloud, [reading(cloud, 1, **where), reading(cloud, 2, **where)])
    assert logs.streams["ClusterTelemetry-main"][0]["ContainerInstanceCount"] == 1
    assert len(logs.streams["AgentTelemetry-c1"]) == 4, "two tasks, two containers"
    assert not named(cloud, "AWS/Usage")


async def test_a_refused_delivery_costs_no_metrics_and_no_further_minute(cloud: Cloud) -> None:
    logs = prepared(cloud, "enabled")
    logs.broken = True
    await publish(cloud, [reading(cloud, 1)])
    assert not logs.streams and "CpuUtilized" in named(cloud, "ECS/ContainerInsights")
    logs.broken = False
    await publish(cloud, [reading(cloud, 1)])
    assert logs.streams["ClusterTelemetry-main"]


async def test_batches_are_as_large_as_logs_takes_them(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_BATCH_BYTES", 5_000)
    logs = prepared(cloud, "enhanced")
    where = {"launch_type": "EC2", "container_instance": "c1"}
    await publish(cloud, [reading(cloud, number, **where) for number in range(20)])
    assert len(logs.streams["AgentTelemetry-c1"]) == 40
    assert len(logs.batches) > 5 and max(logs.batches) <= 5_000
