"""AWS/ECS metrics of containers that burn CPU and hold memory, and an alarm on them (CW-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

BURN = ["sh", "-c", "while :; do :; done"]
HOLD = ["sh", "-c", "dd if=/dev/zero bs=48M count=1 | sleep 100000"]
"""Its buffer waits for a reader that never reads: memory of a process, so that it counts without cgroups too."""


class Busy(Place):
    """A burner on Fargate, and a holder of memory on a container instance."""

    def __init__(self, cloud: RunningCloud, account: Account) -> None:
        super().__init__(cloud, account)
        self.cloud = cloud
        attributes = [{"name": "ecs.subnet-id", "value": self.public}]
        instance = self.ecs.register_container_instance(cluster="main", attributes=attributes)["containerInstance"]
        has = {each["name"]: each["integerValue"] for each in instance["registeredResources"]}
        self.cpu, self.memory = has["CPU"], has["MEMORY"]
        network = {"subnets": [self.public], "assignPublicIp": "ENABLED"}
        self.ecs.create_service(
            cluster="main", serviceName="burner", taskDefinition=self.define({"name": "app", "command": BURN}),
            desiredCount=1, launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": network},
        )  # fmt: skip
        made = self.ecs.register_task_definition(
            family="held", networkMode="none",
            containerDefinitions=[{"name": "app", "image": "tools", "command": HOLD, "memory": 128, "cpu": 64}],
        )  # fmt: skip
        self.ecs.create_service(
            cluster="main", serviceName="holder", taskDefinition=made["taskDefinition"]["taskDefinitionArn"],
            desiredCount=1, launchType="EC2",
        )  # fmt: skip

    def running(self) -> bool:
        services = self.ecs.describe_services(cluster="main", services=["burner", "holder"])["services"]
        return all(each["runningCount"] == 1 for each in services)

    def values(self, metric: str, statistic: str, unit: str = "Percent", **dimensions: str) -> list[float]:
        """Through GetMetricData, by the minute, newest first."""
        now = self.account.now()
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        stat = {
            "Metric": {"Namespace": "AWS/ECS", "MetricName": metric, "Dimensions": named},
            "Period": 60,
            "Stat": statistic,
            "Unit": unit,
        }
        (result,) = self.account.cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
            StartTime=datetime.fromtimestamp(now - 1800, UTC),
            EndTime=datetime.fromtimestamp(now + 60, UTC),
        )["MetricDataResults"]
        return [float(each) for each in result["Values"]]


@pytest.fixture(scope="module")
def busy(cloud: RunningCloud) -> Iterator[Busy]:
    made = Busy(cloud, Account(cloud, fresh_number()))
    until(made.running, "both services run", 40)
    yield made
    for service in ("burner", "holder"):
        made.ecs.delete_service(cluster="main", service=service, force=True)


def minutes_until(busy: Busy, condition: Any, what: str) -> None:
    """Let minutes pass; what is measured between them is real."""

    def reached() -> bool:
        busy.cloud.advance("60s")
        return bool(condition())

    until(reached, what, 30)


def test_a_burner_uses_what_it_reserved(busy: Busy) -> None:
    """Percent of the task's CPU units: a Fargate task is held to them."""
    dimensions = {"ClusterName": "main", "ServiceName": "burner"}
    minutes_until(busy, lambda: max(busy.values("CPUUtilization", "Maximum", **dimensions), default=0) > 50, "it burns")
    assert max(busy.values("CPUUtilization", "Average", **dimensions)) > 50
    assert set(busy.values("CPUUtilization", "SampleCount", **dimensions)) == {1.0}, "one task, one sample a minute"
    assert max(busy.values("MemoryUtilization", "Maximum", **dimensions)) < 20
    assert busy.values("CPUUtilization", "Maximum", unit="Count", **dimensions) == []


def test_a_holder_s_memory_is_of_its_reservation_and_of_the_cluster_s_instances(busy: Busy) -> None:
    dimensions = {"ClusterName": "main", "ServiceName": "holder"}
    share = 48 * 100 / 128
    minutes_until(
        busy, lambda: max(busy.values("MemoryUtilization", "Average", **dimensions), default=0) >= share, "it is held"
    )
    assert max(busy.values("MemoryUtilization", "Maximum", **dimensions)) < share + 10
    cluster = {"ClusterName": "main"}
    assert busy.values("MemoryUtilization", "Average", **cluster)[0] >= 48 * 100 / busy.memory
    assert busy.values("MemoryReservation", "Average", **cluster)[0] == pytest.approx(128 * 100 / busy.memory)
    assert busy.values("CPUReservation", "Average", **cluster)[0] == pytest.approx(64 * 100 / busy.cpu)
    assert 0 <= busy.values("CPUUtilization", "Average", **cluster)[0] < 20, "the burner is not on an instance"


def test_an_alarm_on_cpu_goes_off(busy: Busy) -> None:
    busy.account.cloudwatch.put_metric_alarm(
        AlarmName="hot", Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Maximum", Period=60,
        EvaluationPeriods=1, Threshold=30, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
        Dimensions=[{"Name": "ClusterName", "Value": "main"}, {"Name": "ServiceName", "Value": "burner"}],
    )  # fmt: skip

    def state() -> str:
        (alarm,) = busy.account.cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"]
        return str(alarm["StateValue"])

    minutes_until(busy, lambda: state() == "ALARM", "the alarm goes off")
    busy.ecs.update_service(cluster="main", service="burner", desiredCount=0)
    minutes_until(busy, lambda: state() == "OK", "nothing burns any more")
