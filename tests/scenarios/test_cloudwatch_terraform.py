"""Alarms of every kind and a dashboard in Terraform: applied, read back without drift, destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform" / "cloudwatch"

pytestmark = pytest.mark.timeout(300)


def test_alarms_and_a_dashboard_in_terraform(account: Account, tmp_path: Path) -> None:
    """A plan right after apply finds nothing to do, and destroy leaves nothing."""
    terraform = Terraform(CONFIGURATION, tmp_path, {"endpoint": account.cloud.endpoint, "account": account.number})
    outputs = terraform.apply()
    assert outputs["dashboard"] == f"arn:aws:cloudwatch::{account.number}:dashboard/shop"
    assert terraform.drift() == ""
    found = account.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert {alarm["AlarmName"] for alarm in found["MetricAlarms"]} == {"errors", "slow", "rate", "odd"}
    assert [alarm["AlarmName"] for alarm in found["CompositeAlarms"]] == ["shop"]

    def detected() -> bool:
        detectors = account.cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"]
        return [each["MetricName"] for each in detectors] == ["Visits"]

    until(detected, "the band's alarm has a detector")
    terraform.destroy()
    assert account.cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert account.cloudwatch.list_dashboards()["DashboardEntries"] == []
