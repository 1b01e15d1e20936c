"""Cluster, task definition and service in Terraform: applied, serving, and read back without drift."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.ecs_site import IMAGE, PROGRAM, Site
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform" / "ecs"

pytestmark = pytest.mark.timeout(300)


def test_a_service_in_terraform(cloud: RunningCloud, tmp_path: Path) -> None:
    """Containers of the applied service answer, and a plan right after finds nothing to change."""
    site = Site(cloud)
    account, name = site.account, site.balancer["DNSName"]
    variables = {"endpoint": cloud.endpoint, "account": account.number, "image": IMAGE, "program": PROGRAM}
    variables |= {"subnets": site.stack.subnets, "security_group": site.programs, "target_group": site.group}
    terraform = Terraform(CONFIGURATION, tmp_path, variables | {"colour": "blue"})
    assert terraform.apply()["service"].endswith(":service/terraform/web")
    _until_completed(account)
    assert account.curl(name).body == b"blue"
    assert terraform.drift() == ""
    account.ecs.delete_service(cluster="terraform", service="web", force=True)
    cloud.advance("30s")
    account.stop_traffic()


def _until_completed(account: Account) -> None:
    for _ in range(40):
        account.cloud.advance("3s")
        found: dict[str, Any] = account.ecs.describe_services(cluster="terraform", services=["web"])["services"][0]
        if [d["rolloutState"] for d in found["deployments"]] == ["COMPLETED"]:
            return
        # Containers start in the machine's time.
        time.sleep(0.1)
    raise AssertionError(found)
