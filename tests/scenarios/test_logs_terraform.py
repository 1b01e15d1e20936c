"""Logs in Terraform: applied, read back without drift, destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.aws import Account
from tests.support.terraform import Terraform

CONFIGURATION = Path(__file__).parent / "terraform" / "logs"

pytestmark = pytest.mark.timeout(300)


def test_logs_in_terraform(account: Account, tmp_path: Path) -> None:
    """A plan right after apply finds nothing to do, and destroy leaves nothing."""
    # A Kinesis stream in Terraform takes most of a minute of its own waiting.
    account.kinesis.create_stream(StreamName="sink", ShardCount=1)
    sink = f"arn:aws:kinesis:us-east-1:{account.number}:stream/sink"
    variables = {"endpoint": account.cloud.endpoint, "account": account.number, "sink": sink}
    terraform = Terraform(CONFIGURATION, tmp_path, variables)
    outputs = terraform.apply()
    assert outputs["stream_arn"].endswith(":log-group:/app/web:log-stream:web/one")
    assert terraform.drift() == ""
    group = next(g for g in account.logs.describe_log_groups()["logGroups"] if g["logGroupName"] == "/app/web")
    assert (group["retentionInDays"], group["metricFilterCount"]) == (30, 2)
    assert account.logs.list_tags_log_group(logGroupName="/app/web")["tags"] == {"team": "web"}
    (policy,) = account.logs.describe_index_policies(logGroupIdentifiers=["/app/web"])["indexPolicies"]
    assert policy["policyDocument"] == '{"Fields":["requestId"]}'
    terraform.run("destroy", "-auto-approve", "-input=false")
    assert account.logs.describe_log_groups()["logGroups"] == []
    assert account.logs.describe_account_policies(policyType="FIELD_INDEX_POLICY")["accountPolicies"] == []
    assert account.logs.describe_account_policies(policyType="DATA_PROTECTION_POLICY")["accountPolicies"] == []
