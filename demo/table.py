"""The live table: who answered, how the targets are, what CloudWatch has counted. Plain text, a line per second."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from shell import DemoFailed
from traffic import Traffic

_EVERY = 4
"""Rows between headers."""


class Table:
    """Reads health and metrics through the AWS API while traffic flows."""

    def __init__(self, port: int, balancer: str, group: str, addresses: dict[str, str], traffic: Traffic) -> None:
        import botocore.session

        session = botocore.session.get_session()
        session.set_credentials("test", "test")
        url = f"http://127.0.0.1:{port}"
        self._elbv2: Any = session.create_client("elbv2", region_name="us-east-1", endpoint_url=url)
        self._cloudwatch: Any = session.create_client("cloudwatch", region_name="us-east-1", endpoint_url=url)
        self._balancer = balancer.split(":loadbalancer/")[1]
        self._group = group
        self._colours = {address: colour for colour, address in addresses.items()}
        self._traffic = traffic
        self._printed = 0
        self._last: dict[str, Counter[str]] = {}

    def rows(self, count: int) -> None:
        """So many seconds of it."""
        self._traffic.take()
        self._header()
        for _ in range(count):
            time.sleep(1)
            self._row()

    def require_recovery(self) -> None:
        """Raise DemoFailed unless the last second was without errors and everyone answered."""
        for path, counts in self._last.items():
            if set(counts) != set(self._colours.values()):
                raise DemoFailed(f"in the last second {path} was answered by {dict(counts)}")

    def _header(self) -> None:
        groups = "".join(f"{path + ' answered by':^24}|" for path in self._traffic.take())
        print(f"           |{groups}{'health of':^22}| metrics: requests,")
        each = f"{'blue':>7}{'green':>7}{'errors':>8}  |"
        print(f"  time     |{each * 2}{'blue':>10}{'green':>11} | errors, healthy hosts", flush=True)

    def _row(self) -> None:
        self._last = self._traffic.take()
        cells = ""
        for counts in self._last.values():
            errors = sum(n for who, n in counts.items() if who not in self._colours.values())
            cells += f"{counts['blue']:>7}{counts['green']:>7}{errors:>8}  |"
        health = self._health()
        states = f"{health.get('blue', '-'):>10}{health.get('green', '-'):>11} |"
        counted, failed = self._sum("RequestCount"), self._sum("HTTPCode_ELB_5XX_Count")
        print(
            f"  {datetime.now():%H:%M:%S} |{cells}{states} {counted:5.0f} {failed:5.0f} {self._hosts():3.0f}",
            flush=True,
        )

    def _health(self) -> dict[str, str]:
        found = self._elbv2.describe_target_health(TargetGroupArn=self._group)["TargetHealthDescriptions"]
        return {self._colours[each["Target"]["Id"]]: each["TargetHealth"]["State"] for each in found}

    def _sum(self, metric: str) -> float:
        return sum(float(point["Sum"]) for point in self._statistics(metric, "Sum"))

    def _hosts(self) -> float:
        points = self._statistics("HealthyHostCount", "Minimum", self._group.split(":")[-1])
        return float(max(points, key=lambda point: point["Timestamp"])["Minimum"]) if points else 0.0

    def _statistics(self, metric: str, statistic: str, group: str = "") -> list[dict[str, Any]]:
        dimensions = {"LoadBalancer": self._balancer} | ({"TargetGroup": group} if group else {})
        now = datetime.now(UTC)
        # The cloud's clock has been advanced, and may be ahead of this machine's.
        found = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/ApplicationELB",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=[statistic],
        )
        points: list[dict[str, Any]] = found["Datapoints"]
        return points
