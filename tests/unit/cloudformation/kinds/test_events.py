"""EventBridge's kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

PATTERN = {"source": ["mine"]}


def test_a_rule_brings_events_to_its_targets(stack: Any) -> None:
    events, sqs = stack.client("events"), stack.client("sqs")
    one, two = (stack.create("AWS::SQS::Queue", name) for name in ("One", "Two"))

    def heard(queue: Any) -> int:
        events.put_events(Entries=[{"Source": "mine", "DetailType": "d", "Detail": "{}"}])
        found = sqs.receive_message(QueueUrl=queue.physical_id, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            sqs.delete_message(QueueUrl=queue.physical_id, ReceiptHandle=each["ReceiptHandle"])
        return len(found)

    def said(queue: Any, **more: Any) -> dict[str, Any]:
        return {"EventPattern": PATTERN, "Targets": [{"Id": queue.logical_id, "Arn": queue.attributes["Arn"]}], **more}

    rule = stack.create("AWS::Events::Rule", **said(one, Tags=[{"Key": "a", "Value": "1"}]))
    assert rule.physical_id == rule.name
    assert rule.attributes == {
        "Arn": f"arn:aws:events:eu-west-1:111122223333:rule/{rule.name}",
        "RuleName": rule.name,
    }
    assert (heard(one), heard(two)) == (1, 0)
    rule.update(**said(two, Description="d"))
    assert (heard(one), heard(two)) == (1, 2)
    assert events.describe_rule(Name=rule.name)["Description"] == "d"
    tags = events.list_tags_for_resource(ResourceARN=rule.attributes["Arn"])["Tags"]
    assert tags == [{"Key": "of-the-stack", "Value": "yes"}]
    rule.update(**said(two, State="DISABLED"))
    assert events.describe_rule(Name=rule.name)["State"] == "DISABLED"
    rule.update(ScheduleExpression="rate(5 minutes)")
    made = events.describe_rule(Name=rule.name)
    assert (made["ScheduleExpression"], made["State"]) == ("rate(5 minutes)", "ENABLED")
    assert "EventPattern" not in made and "Description" not in made
    rule.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        events.describe_rule(Name=rule.name)


def test_a_bucket_tells_the_bus_where_it_is_asked_to(stack: Any) -> None:
    """S3 does not say by any call whether it does."""
    s3, sqs = stack.client("s3"), stack.client("sqs")
    queue = stack.create("AWS::SQS::Queue")
    target = [{"Id": "t", "Arn": queue.attributes["Arn"]}]
    stack.create("AWS::Events::Rule", EventPattern={"detail-type": ["Object Created"]}, Targets=target)
    told = {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
    bucket = stack.create("AWS::S3::Bucket", **told)
    s3.put_object(Bucket=bucket.physical_id, Key="one", Body=b"")
    bucket.update()
    s3.put_object(Bucket=bucket.physical_id, Key="two", Body=b"")
    found = sqs.receive_message(QueueUrl=queue.physical_id, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(each["Body"])["detail"]["object"]["key"] for each in found] == ["one"]


def test_a_bus_its_rules_and_its_policy(stack: Any) -> None:
    events = stack.client("events")
    bus = stack.create("AWS::Events::EventBus", Name="mine", Description="d", Tags=[{"Key": "a", "Value": "1"}])
    assert bus.attributes == {"Arn": "arn:aws:events:eu-west-1:111122223333:event-bus/mine", "Name": "mine"}
    with pytest.raises(AwsError, match="already exists"):
        stack.create("AWS::Events::EventBus", Name="mine")
    rule = stack.create("AWS::Events::Rule", Name="r", EventBusName="mine", EventPattern=PATTERN)
    assert rule.physical_id == "mine|r"
    with pytest.raises(Failed, match="already exists"):
        stack.create("AWS::Events::Rule", Name="r", EventBusName="mine", EventPattern=PATTERN)
    assert rule.replaced_by(Name="r", EventPattern=PATTERN)
    rule.update(Name="r", EventBusName="mine", EventPattern={"source": ["other"]})
    assert json.loads(events.describe_rule(Name="r", EventBusName="mine")["EventPattern"]) == {"source": ["other"]}
    rule.delete()

    def statements() -> dict[str, str]:
        policy = events.describe_event_bus(Name="mine").get("Policy")
        found = json.loads(policy)["Statement"] if policy else []
        return {each["Sid"]: each["Principal"]["AWS"].split(":")[4] for each in found}

    one = {"StatementId": "one", "EventBusName": "mine", "Action": "events:PutEvents", "Principal": "444455556666"}
    policy = stack.create("AWS::Events::EventBusPolicy", **one)
    assert policy.physical_id == "one|mine"
    statement = {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Principal": {"AWS": "arn:aws:iam::777788889999:root"},
        "Resource": bus.attributes["Arn"],
    }
    whole = {"StatementId": "two", "EventBusName": "mine", "Statement": statement}
    other = stack.create("AWS::Events::EventBusPolicy", "Other", **whole)
    assert statements() == {"one": "444455556666", "two": "777788889999"}
    policy.delete()
    assert statements() == {"two": "777788889999"}
    other.delete()
    said = {"Name": "mine", "Description": "d"}
    bus.update(**said, Policy={"Version": "2012-10-17", "Statement": [{**statement, "Sid": "three"}]})
    assert statements() == {"three": "777788889999"}
    bus.update(**said)
    assert statements() == {}
    tags = events.list_tags_for_resource(ResourceARN=bus.attributes["Arn"])["Tags"]
    assert tags == [{"Key": "of-the-stack", "Value": "yes"}]
    with pytest.raises(AwsError, match="Changing the Description of an AWS::Events::EventBus"):
        bus.update(Name="mine")
    bus.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        events.describe_event_bus(Name="mine")


def test_an_archive(stack: Any) -> None:
    events = stack.client("events")
    source = {"SourceArn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}
    archive = stack.create("AWS::Events::Archive", "L" * 60, **source, RetentionDays=3, EventPattern=PATTERN)
    name = archive.physical_id
    assert len(name) == 48
    archive.update(**source, RetentionDays=5, EventPattern={"source": ["other"]}, Description="d")
    made = events.describe_archive(ArchiveName=name)
    assert (made["RetentionDays"], made["Description"]) == (5, "d")
    assert json.loads(made["EventPattern"])["source"] == ["other"]
    assert archive.attributes["Arn"] == made["ArchiveArn"]
    with pytest.raises(AwsError, match="Taking the Description"):
        archive.update(**source, RetentionDays=5, EventPattern=PATTERN)
    with pytest.raises(AwsError, match="already exists"):
        stack.create("AWS::Events::Archive", **source, ArchiveName=name)
    archive.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        events.describe_archive(ArchiveName=name)
