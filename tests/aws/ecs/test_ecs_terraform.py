"""What Terraform has made of ECS's API it finds again the same: no drift.

Updates and destroying are in the scenarios, where tasks run; Terraform's own pauses make them slow.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.aws import Account
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform"

pytestmark = pytest.mark.timeout(300)


def test_everything_is_read_back_as_it_was_made(account: Account, tmp_path: Path) -> None:
    """Clusters, task definitions with most of their options, services of every kind, a task set."""
    providers = ["FARGATE", "FARGATE_SPOT"]
    ready = account.ecs.create_cluster(clusterName="ready", capacityProviders=providers)["cluster"]["clusterArn"]
    variables = {"endpoint": account.cloud.endpoint, "account": account.number, "ready": ready}
    terraform = Terraform(CONFIGURATION, tmp_path, variables)
    assert terraform.apply() == {"revision": 1, "status": "ACTIVE"}
    assert terraform.drift() == ""
    names = ["spot", "placed", "daemon", "external"]
    services = account.ecs.describe_services(cluster="ready", services=names)["services"]
    assert [each["status"] for each in services] == ["ACTIVE"] * 4
    assert services[0]["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert services[1]["placementStrategy"][1] == {"type": "binpack", "field": "MEMORY"}
    assert services[3]["taskSets"][0]["scale"] == {"value": 25.0, "unit": "PERCENT"}
