"""Reading AWS/ApplicationELB metrics as a person would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.aws import Account


def load_balancer_name(arn: str) -> str:
    """``app/name/id``: the LoadBalancer dimension."""
    return arn.split(":loadbalancer/")[1]


def target_group_name(arn: str) -> str:
    """``targetgroup/name/id``: the TargetGroup dimension."""
    return arn.split(":")[-1]


def statistics(
    account: Account, metric: str, statistic: str, minutes: float = 60, period: int = 60, **dimensions: str
) -> list[tuple[datetime, float]]:
    """Datapoints of the last minutes, oldest first."""
    now = account.now()
    found: dict[str, Any] = account.cloudwatch.get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=datetime.fromtimestamp(now - minutes * 60, UTC),
        EndTime=datetime.fromtimestamp(now + 60, UTC),
        Period=period,
        Statistics=[statistic],
    )
    return sorted((point["Timestamp"], point[statistic]) for point in found["Datapoints"])


def total(account: Account, metric: str, **dimensions: str) -> float:
    """The sum over the last hour."""
    return sum(value for _, value in statistics(account, metric, "Sum", **dimensions))
