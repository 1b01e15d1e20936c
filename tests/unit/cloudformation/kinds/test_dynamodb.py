"""DynamoDB's kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

TABLE: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
}
CHEAP = {**TABLE, "BillingMode": "PAY_PER_REQUEST"}


def index(name: str, **more: Any) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


def units(number: int) -> dict[str, int]:
    return {"ReadCapacityUnits": number, "WriteCapacityUnits": number}


def test_a_table_is_made_changed_changed_back_and_deleted(stack: Any) -> None:
    api = stack.client("dynamodb")
    table = stack.create("AWS::DynamoDB::Table", **CHEAP, Tags=[{"Key": "a", "Value": "1"}])
    name, arn = table.physical_id, table.attributes["Arn"]
    assert arn == f"arn:aws:dynamodb:eu-west-1:111122223333:table/{name}"
    assert "StreamArn" not in table.attributes
    policy = {"Version": "2012-10-17", "Statement": []}

    def told() -> dict[str, Any]:
        made = api.describe_table(TableName=name)["Table"]
        expiry = api.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = api.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        try:
            policy = json.loads(api.get_resource_policy(ResourceArn=arn)["Policy"])
        except ClientError:
            policy = None
        return {
            "billing": made["BillingModeSummary"]["BillingMode"],
            "units": made["ProvisionedThroughput"]["ReadCapacityUnits"],
            "protected": made["DeletionProtectionEnabled"],
            "streams": made.get("StreamSpecification", {}).get("StreamViewType"),
            "expiry": expiry.get("AttributeName") if expiry["TimeToLiveStatus"] == "ENABLED" else None,
            "backups": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            "policy": policy,
            "tags": {tag["Key"]: tag["Value"] for tag in api.list_tags_of_resource(ResourceArn=arn)["Tags"]},
        }

    first = told()
    assert first == {
        "billing": "PAY_PER_REQUEST",
        "units": 0,
        "protected": False,
        "streams": None,
        "expiry": None,
        "backups": "DISABLED",
        "policy": None,
        "tags": {"a": "1", "of-the-stack": "yes"},
    }
    changed = {
        **TABLE,
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": units(7),
        "DeletionProtectionEnabled": True,
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
        "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "ResourcePolicy": {"PolicyDocument": policy},
        "Tags": [{"Key": "b", "Value": "2"}],
    }
    table.update(**changed)
    assert told() == {
        "billing": "PROVISIONED",
        "units": 7,
        "protected": True,
        "streams": "KEYS_ONLY",
        "expiry": "t",
        "backups": "ENABLED",
        "policy": policy,
        "tags": {"b": "2", "of-the-stack": "yes"},
    }
    assert table.attributes["StreamArn"].startswith(f"{arn}/stream/")
    with pytest.raises(AwsError, match="DeletionProtectionEnabled"):
        table.delete()
    table.update(**{**changed, "TimeToLiveSpecification": {"AttributeName": "u", "Enabled": True}})
    assert told()["expiry"] == "u"
    table.update(**CHEAP, Tags=[{"Key": "a", "Value": "1"}])
    assert {**told(), "units": 0} == first
    table.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        api.describe_table(TableName=name)


def test_indexes_come_and_go_one_at_a_time(stack: Any) -> None:
    api = stack.client("dynamodb")
    throughput = {**TABLE, "ProvisionedThroughput": units(1)}
    one, two, three = (index(name, ProvisionedThroughput=units(1)) for name in ("one", "two", "three"))
    table = stack.create("AWS::DynamoDB::Table", **throughput, GlobalSecondaryIndexes=[one])

    def told() -> dict[str, int]:
        indexes = api.describe_table(TableName=table.physical_id)["Table"].get("GlobalSecondaryIndexes", [])
        return {each["IndexName"]: each["ProvisionedThroughput"]["ReadCapacityUnits"] for each in indexes}

    faster = index("one", ProvisionedThroughput=units(5))

    def update(*indexes: dict[str, Any]) -> None:
        work = table.work({**throughput, "GlobalSecondaryIndexes": list(indexes)}, table.properties)
        stack.rig.run(table.kind.update(work))
        table.properties = work.properties

    update(faster, two)
    assert told() == {"one": 5, "two": 1}
    update(one)
    assert told() == {"one": 1}
    with pytest.raises(Failed, match="more than one GSI creation or deletion"):
        update(one, two, three)
    with pytest.raises(Failed, match="Cannot update GSI's properties"):
        update(index("one", ProvisionedThroughput=units(1), Projection={"ProjectionType": "KEYS_ONLY"}))
    assert told() == {"one": 1}


def test_what_takes_another_table_and_what_is_refused(stack: Any) -> None:
    said = {**CHEAP, "TableName": "taken"}
    table = stack.create("AWS::DynamoDB::Table", **said)
    with pytest.raises(AwsError, match="already exists"):
        stack.create("AWS::DynamoDB::Table", **said)
    assert table.replaced_by(**{**said, "KeySchema": [{"AttributeName": "l", "KeyType": "HASH"}]})
    for change, named in (
        ({"SSESpecification": {"SSEEnabled": True}}, "SSESpecification"),
        (
            {"GlobalSecondaryIndexes": [index("one", OnDemandThroughput={})]},
            "GlobalSecondaryIndexes.OnDemandThroughput",
        ),
        (
            {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 3}},
            "RecoveryPeriodInDays",
        ),
        ({"StreamSpecification": {"StreamViewType": "NEW_IMAGE", "Tags": []}}, "StreamSpecification.Tags"),
    ):
        with pytest.raises(AwsError, match=f"{named}.* is not implemented in Cloudarium yet"):
            table.update(**said, **change)


def test_encryption_is_as_it_was_made(stack: Any) -> None:
    table = stack.create("AWS::DynamoDB::Table", **CHEAP, SSESpecification={"SSEEnabled": True, "SSEType": "KMS"})
    made = stack.client("dynamodb").describe_table(TableName=table.physical_id)["Table"]
    assert (made["SSEDescription"]["Status"], made["SSEDescription"]["SSEType"]) == ("ENABLED", "KMS")
