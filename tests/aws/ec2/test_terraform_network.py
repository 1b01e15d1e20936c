"""Terraform makes, changes and destroys every network resource, and never sees drift."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform"

pytestmark = pytest.mark.timeout(900)


def test_apply_plan_change_destroy(cloud: RunningCloud, tmp_path: Path) -> None:
    account = Account(cloud, fresh_number())
    terraform = Terraform(CONFIGURATION, tmp_path, {"endpoint": cloud.endpoint, "account": account.number})
    try:
        outputs = terraform.apply()
        assert outputs["default_subnets"] == 6
        assert outputs["s3_blocks"] == ["198.19.0.0/24"]
        assert outputs["nat_address"].startswith("198.18.")
        assert terraform.drift() == ""
        terraform.variables["changed"] = True
        terraform.apply()
        assert terraform.drift() == ""
    finally:
        terraform.destroy()
    left = account.ec2.describe_vpcs()["Vpcs"]
    assert [vpc["IsDefault"] for vpc in left] == [True]
    assert account.ec2.describe_addresses()["Addresses"] == []
    assert account.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
