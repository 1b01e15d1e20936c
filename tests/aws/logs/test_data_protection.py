"""Data protection of groups and of the account: masks, audits and where findings go."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until

IDENTIFIERS = "arn:aws:dataprotection::aws:data-identifier/"


def policy(identifier: str, name: str = "p", **destinations: Any) -> str:
    operations: list[dict[str, Any]] = [
        {"Audit": {"FindingsDestination": destinations}},
        {"Deidentify": {"MaskConfig": {}}},
    ]
    statements = [{"DataIdentifier": [IDENTIFIERS + identifier], "Operation": operation} for operation in operations]
    return json.dumps({"Name": name, "Version": "2021-06-01", "Statement": statements})


def put(account: Account, message: str) -> None:
    events = [{"timestamp": int(account.now() * 1000), "message": message}]
    account.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)


def texts(account: Account, group: str = "g", **more: Any) -> list[str]:
    return [event["message"] for event in account.logs.filter_log_events(logGroupName=group, **more)["events"]]


@pytest.fixture
def group(account: Account) -> Account:
    account.logs.create_log_group(logGroupName="g")
    account.logs.create_log_stream(logGroupName="g", logStreamName="s")
    return account


def findings(account: Account, name: str) -> float:
    now = datetime.fromtimestamp(account.now(), UTC)
    dimensions = {"DataProtectionOperation": "Audit", "PolicyName": name, "LogGroupName": "g"}
    points = account.cloudwatch.get_metric_statistics(
        Namespace="AWS/Logs", MetricName="LogEventsWithFindings", Statistics=["Sum"], Period=60,
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1),
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return float(sum(point["Sum"] for point in points))


def test_findings_are_reported_to_a_log_group_and_a_bucket(group: Account) -> None:
    bucket = f"findings-{group.number}"
    group.s3.create_bucket(Bucket=bucket)
    where = {"CloudWatchLogs": {"LogGroup": "/aws/vendedlogs/found"}, "S3": {"Bucket": bucket}}
    document = policy("EmailAddress", **where)
    with pytest.raises(ClientError, match="does not exist"):
        group.logs.put_data_protection_policy(logGroupIdentifier="g", policyDocument=document)
    group.logs.create_log_group(logGroupName="/aws/vendedlogs/found")
    put(group, "before x@y.org")
    group.logs.put_data_protection_policy(logGroupIdentifier="g", policyDocument=document)
    put(group, "nothing")
    put(group, "from a@b.org to c@d.org")
    until(lambda: texts(group, "/aws/vendedlogs/found"), "the report is there")
    (report,) = [json.loads(text) for text in texts(group, "/aws/vendedlogs/found")]
    assert report.pop("auditTimestamp").endswith("Z")
    assert report == {
        "resourceArn": f"arn:aws:logs:us-east-1:{group.number}:log-group:g:*",
        "dataIdentifiers": [
            {"name": "EmailAddress", "count": 2, "detections": [{"start": 6, "end": 12}, {"start": 17, "end": 23}]}
        ],
    }
    until(lambda: group.s3.list_objects_v2(Bucket=bucket).get("Contents"), "the object is there")
    (listed,) = group.s3.list_objects_v2(Bucket=bucket)["Contents"]
    body = group.s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()
    assert json.loads(gzip.decompress(body))["dataIdentifiers"] == report["dataIdentifiers"]
    until(lambda: findings(group, "p") == 1, "the event is counted once")


def test_the_account_has_a_policy_too(group: Account) -> None:
    """Of both policies every identifier is masked; what came in before or after is not."""
    logs = group.logs
    put(group, "a@b.org 10.0.0.1 before")
    logs.put_data_protection_policy(logGroupIdentifier="g", policyDocument=policy("EmailAddress"))
    made = logs.put_account_policy(
        policyName="all", policyType="DATA_PROTECTION_POLICY", policyDocument=policy("IpAddress", "every"), scope="ALL"
    )["accountPolicy"]
    assert logs.describe_account_policies(policyType="DATA_PROTECTION_POLICY")["accountPolicies"] == [made]
    assert logs.describe_log_groups()["logGroups"][0]["inheritedProperties"] == ["ACCOUNT_DATA_PROTECTION"]
    put(group, "a@b.org 10.0.0.1 both")
    logs.delete_data_protection_policy(logGroupIdentifier="g")
    put(group, "a@b.org 10.0.0.1 account")
    until(lambda: findings(group, "every") == 2, "the account's audit has seen both")
    assert findings(group, "p") == 1
    with pytest.raises(ClientError, match="LimitExceededException"):
        logs.put_account_policy(
            policyName="other", policyType="DATA_PROTECTION_POLICY", policyDocument=policy("IpAddress")
        )
    with pytest.raises(ClientError, match="selectionCriteria is not valid"):
        logs.put_account_policy(
            policyName="all", policyType="DATA_PROTECTION_POLICY", policyDocument=policy("IpAddress"),
            selectionCriteria='LogGroupNamePrefix IN ["x"]',
        )  # fmt: skip
    logs.delete_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY")
    put(group, "a@b.org 10.0.0.1 after")
    hidden, address = "*" * 7, "*" * 8
    assert texts(group) == [
        "a@b.org 10.0.0.1 before",
        f"{hidden} {address} both",
        f"a@b.org {address} account",
        "a@b.org 10.0.0.1 after",
    ]
    assert texts(group, unmask=True)[1] == "a@b.org 10.0.0.1 both"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.delete_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY")
    assert "inheritedProperties" not in logs.describe_log_groups()["logGroups"][0]
