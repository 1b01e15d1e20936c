"""Performance log events and the metrics in them, from counters of containers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.insights import directives, events, extraction, readings
from cloudarium.services.ecs.insights.events import Subject
from cloudarium.services.ecs.insights.readings import Pair
from cloudarium.services.ecs.resources import ContainerInstance, ContainerState, Task
from cloudarium.substrate.compute.spec import Stats

SCOPE = Scope("111122223333", "us-east-1")
ARN = "arn:aws:ecs:us-east-1:111122223333"
MIB = 1024 * 1024
AT = 1_700_000_040_000


def stats(at: float, cpu: float = 0.0, memory: int = 0, received: int = 0, read: int = 0) -> Stats:
    """CPU in seconds, memory in MiB."""
    return Stats(
        read_at=at,
        cpu_total_ns=int(cpu * 1e9),
        memory_usage=memory * MIB,
        networks={"eth0": {"rx_bytes": received, "tx_bytes": 2 * received, "rx_packets": received // 10}},
        blkio={"io_service_bytes_recursive": [{"op": "Read", "value": read}, {"op": "Write", "value": 2 * read}]},
    )


def pair(cpu: float = 0.0, memory: int = 0, received: int = 0, read: int = 0) -> Pair:
    """Two readings ten seconds apart."""
    return Pair(stats(100.0, 5.0), stats(110.0, 5.0 + cpu, memory, received, read))


def container(name: str, **changes: Any) -> ContainerState:
    made = ContainerState(name=name, id="0" * 32, arn=f"{ARN}:container/x", image="web:1", last_status="RUNNING")
    return msgspec.structs.replace(made, **changes)


def task(*containers: ContainerState, **changes: Any) -> Task:
    made = Task(
        id="a" * 32, arn=f"{ARN}:task/main/x", cluster="main", cluster_arn=f"{ARN}:cluster/main",
        task_definition_arn=f"{ARN}:task-definition/web:3", family="web", revision=3, launch_type="FARGATE",
        platform_version="1.4.0", created=1.5, started=9.25, last_status="RUNNING", service="front",
        cpu="256", memory="512", containers=containers or (container("app"),),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def subject(made: Task, mode: str = "awsvpc", pairs: dict[str, Pair] | None = None, **more: Any) -> Subject:
    return Subject(
        SCOPE, made, pairs or {"app": pair(1.25, 64, 1000, 7)}, mode, more.pop("reserved", (256.0, 512.0)), **more
    )


def metrics(event: dict[str, Any]) -> dict[tuple[str, ...], set[str]]:
    """Names by set of dimensions."""
    found: dict[tuple[str, ...], set[str]] = {}
    for directive in event.get("CloudWatchMetrics", []):
        for names in directive["Dimensions"]:
            found.setdefault(tuple(sorted(names)), set()).update(each["Name"] for each in directive["Metrics"])
    return found


# -- readings ----------------------------------------------------------------------------------------------------------


def test_counters_become_units_and_rates() -> None:
    used = readings.task({"app": pair(1.25, 64, 1000, 7)}, "awsvpc")
    assert (used.cpu, used.memory, used.read, used.written) == (128.0, 64, 7, 14)
    assert used.network is not None
    assert (used.network.received, used.network.sent, used.network.totals["NetworkRxPackets"]) == (100.0, 200.0, 100)


@pytest.mark.parametrize(
    ("mode", "of_task", "of_container"),
    [("awsvpc", 100.0, 50.0), ("bridge", 200.0, 100.0), ("host", None, None), ("none", None, None)],
)
def test_containers_share_a_task_s_interface(mode: str, of_task: float | None, of_container: float | None) -> None:
    """With awsvpc each container sees the same counters, which count once; with bridge each has its own."""
    pairs = {"app": pair(received=1000), "side": pair(received=1000)}
    whole, parts = readings.task(pairs, mode).network, readings.containers(pairs, mode)
    assert (whole.received if whole else None) == of_task
    assert [each.network.received if each.network else None for each in parts.values()] == [of_container] * 2


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
def test_counters_that_go_back_are_no_use(numbers: list[float]) -> None:
    """A restarted container counts from nothing, and two readings may have the same time."""
    first, second, cpu, more = numbers
    found = Pair(stats(first, cpu, received=int(cpu)), stats(second, more, received=int(more)))
    used = readings.task({"app": found}, "awsvpc")
    assert used.network is not None and used.cpu >= 0 and used.network.received >= 0


# -- events ------------------------------------------------------------------------------------------------------------


def test_a_task_s_event_is_shaped_as_documented() -> None:
    event = events.of_task(subject(task(), storage=5 * 10**9), AT, enhanced=False)
    assert event["Version"] == "0" and event["Type"] == "Task" and event["ServiceName"] == "front"
    assert event["TaskDefinitionRevision"] == "3" and event["AccountID"] == "111122223333"
    assert (event["CreatedAt"], event["StartedAt"], event["Timestamp"]) == (1500, 9250, AT)
    assert "PullStartedAt" not in event and "ContainerInstanceId" not in event
    assert (event["CpuUtilized"], event["CpuReserved"], event["MemoryReserved"]) == (128.0, 256.0, 512)
    assert (event["EphemeralStorageReserved"], event["EphemeralStorageUtilized"]) == (21.47, 5.0)
    names = set(directives.UNITS)
    assert metrics(event) == {
        ("ClusterName",): names,
        ("ClusterName", "ServiceName"): names,
        ("ClusterName", "TaskDefinitionFamily"): names,
    }


def test_a_task_of_nobody_on_an_instance() -> None:
    instance = ContainerInstance(
        id="b" * 32, arn=f"{ARN}:container-instance/x", cluster="main", registered_at=0.0, ec2_instance_id="i-1",
        cpu=2048, memory=4096,
    )  # fmt: skip
    made = task(service="", launch_type="EC2", platform_version="", cpu="", memory="")
    found = subject(made, "none", reserved=(0.0, 0.0), instance=instance)
    plain = events.of_task(found, AT, enhanced=False)
    assert (plain["ContainerInstanceId"], plain["EC2InstanceId"]) == ("b" * 32, "i-1")
    assert "ServiceName" not in plain and "EphemeralStorageReserved" not in plain and "NetworkRxBytes" not in plain
    storage = {"StorageReadBytes", "StorageWriteBytes"}
    assert metrics(plain) == {("ClusterName",): storage, ("ClusterName", "TaskDefinitionFamily"): storage}, (
        "without a reservation there is no metric of CPU and memory"
    )
    enhanced = events.of_task(found, AT, enhanced=True)
    assert (enhanced["CpuReserved"], enhanced["TaskCpuUtilization"]) == (2048.0, 6.25), "then its instance's counts"
    assert "TaskMemoryUtilization" in metrics(enhanced)["ClusterName", "TaskDefinitionFamily", "TaskId"]


def test_enhanced_observability_adds_tasks_and_percentages() -> None:
    event = events.of_task(subject(task(ephemeral_storage_gib=40), storage=10 * 1024**3), AT, enhanced=True)
    percentages = ("TaskCpuUtilization", "TaskMemoryUtilization", "TaskEphemeralStorageUtilization")
    assert [event[name] for name in percentages] == [50.0, 12.5, 25.0]
    assert metrics(event)["ClusterName", "ServiceName", "TaskId"] == {*directives.UNITS, *percentages}
    unmeasured = events.of_task(subject(task()), AT, enhanced=True)
    assert "EphemeralStorageReserved" in unmeasured
    assert "EphemeralStorageUtilized" not in unmeasured and percentages[2] not in unmeasured


def test_containers_have_metrics_only_when_enhanced() -> None:
    made = task(container("app", cpu="128", memory="256", memory_reservation="128", health_status="UNHEALTHY"))
    (plain,) = events.of_containers(subject(made), AT, enhanced=False)
    assert "CloudWatchMetrics" not in plain and plain["ContainerKnownStatus"] == "RUNNING"
    assert (plain["CpuReserved"], plain["MemoryReserved"]) == (128.0, 128)
    (event,) = events.of_containers(subject(made), AT, enhanced=True)
    assert (event["ContainerCpuUtilization"], event["ContainerMemoryUtilization"]) == (100.0, 50.0)
    assert event["UnHealthyContainerHealthStatus"] == 1
    found = metrics(event)
    named = found["ClusterName", "ContainerName", "ServiceName", "TaskId"]
    assert {"ContainerCpuUtilized", "ContainerMemoryUtilization", "UnHealthyContainerHealthStatus"} <= named
    assert "ContainerCpuUtilization" in found["ClusterName", "ServiceName"]
    assert "ContainerCpuUtilization" not in named, "it has no dimension of the container's name"


def test_restarts_are_counted_where_there_is_a_policy() -> None:
    made = task(container("app", restarts=2), container("side"))
    found = subject(made, pairs={"app": pair(), "side": pair()}, restarting=frozenset({"app"}))
    app, side = events.of_containers(found, AT, enhanced=False)
    assert app["RestartCount"] == 2 and metrics(app)["ClusterName", "ServiceName"] == {"RestartCount"}
    assert "RestartCount" not in side


# -- extraction --------------------------------------------------------------------------------------------------------


def test_points_of_many_tasks_are_added_up() -> None:
    made = [events.of_task(subject(task(id=str(n))), AT, enhanced=True) for n in range(3)]
    found = {(point.key.name, point.key.dimensions): point for point in extraction.points(made, AT / 1000)}
    cluster = found["CpuReserved", (("ClusterName", "main"),)]
    assert (cluster.bucket.total, cluster.bucket.count, cluster.unit, cluster.at) == (768.0, 3, "None", AT / 1000)
    of_one = found["MemoryUtilized", (("ClusterName", "main"), ("ServiceName", "front"), ("TaskId", "0"))]
    assert (of_one.bucket.total, of_one.bucket.count, of_one.unit) == (64.0, 1, "Megabytes")


def test_every_metric_is_a_member_with_its_dimensions() -> None:
    made = task(container("app", health_status="HEALTHY"), container("side"))
    found = subject(made, pairs={"app": pair(1), "side": pair(2)}, restarting=frozenset({"side"}))
    for event in (events.of_task(found, AT, True), *events.of_containers(found, AT, True)):
        for directive in event["CloudWatchMetrics"]:
            assert directive["Namespace"] == "ECS/ContainerInsights"
            assert all(name in event for names in directive["Dimensions"] for name in names)
            assert all(isinstance(event[each["Name"]], int | float) for each in directive["Metrics"])
        assert msgspec.json.decode(msgspec.json.encode(event)) == event
