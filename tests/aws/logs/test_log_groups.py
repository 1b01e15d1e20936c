"""Log groups and streams, tags, retention and policies, through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud


def refused(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_group_from_beginning_to_end(account: Account) -> None:
    logs = account.logs
    arn = f"arn:aws:logs:us-east-1:{account.number}:log-group:/app/web"
    logs.create_log_group(logGroupName="/app/web", tags={"team": "a"})
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/app")["logGroups"]
    assert (group["arn"], group["logGroupArn"], group["logGroupClass"]) == (f"{arn}:*", arn, "STANDARD")
    assert "retentionInDays" not in group
    assert refused(logs.create_log_group, logGroupName="/app/web") == (
        "ResourceAlreadyExistsException", "The specified log group already exists",
    )  # fmt: skip
    logs.put_retention_policy(logGroupName="/app/web", retentionInDays=7)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    assert (
        refused(logs.put_retention_policy, logGroupName="/app/web", retentionInDays=8)[0] == "InvalidParameterException"
    )
    logs.delete_retention_policy(logGroupName="/app/web")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    logs.tag_resource(resourceArn=arn, tags={"env": "x"})
    logs.untag_log_group(logGroupName="/app/web", tags=["team"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"env": "x"}
    assert logs.list_tags_log_group(logGroupName="/app/web")["tags"] == {"env": "x"}
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=True)
    assert refused(logs.delete_log_group, logGroupName="/app/web")[0] == "InvalidOperationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier="/app/web", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="/app/web")
    missing = ("ResourceNotFoundException", "The specified log group does not exist.")
    assert refused(logs.delete_log_group, logGroupName="/app/web") == missing
    assert refused(logs.describe_log_streams, logGroupName="/app/web") == missing


def test_listing_pages_patterns_and_classes(account: Account) -> None:
    logs = account.logs
    for number in range(7):
        logs.create_log_group(logGroupName=f"/g/{number}", tags={"n": str(number)})
    logs.create_log_group(logGroupName="/Rare", logGroupClass="INFREQUENT_ACCESS")
    names = [
        g["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 3})
        for g in page["logGroups"]
    ]
    assert names == ["/Rare", *[f"/g/{number}" for number in range(7)]]
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePattern="rar")["logGroups"]] == ["/Rare"]
    assert len(logs.describe_log_groups(logGroupClass="INFREQUENT_ACCESS")["logGroups"]) == 1
    assert [g["logGroupName"] for g in logs.list_log_groups(logGroupNamePattern="^/g/3|Rare")["logGroups"]] == [
        "/Rare",
        "/g/3",
    ]
    assert (
        refused(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="b")[0]
        == "InvalidParameterException"
    )
    assert refused(logs.describe_log_groups, nextToken="nonsense")[0] == "InvalidParameterException"
    first = logs.describe_log_groups(limit=1)["nextToken"]
    assert refused(logs.describe_log_groups, nextToken=first, logGroupNamePrefix="/g")[0] == "InvalidParameterException"


def test_groups_by_tags(account: Account) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagFilter.html"""
    logs = account.logs
    for name, tags in (("a", {"env": "Prod-1"}), ("b", {"env": "test", "team": "x"}), ("c", {"team": "y"}), ("d", {})):
        logs.create_log_group(logGroupName=name, **({"tags": tags} if tags else {}))

    def named(*filters: dict[str, Any]) -> str:
        return "".join(group["logGroupName"] for group in logs.list_log_groups(logGroupTags=filters)["logGroups"])

    assert named({"key": "env"}) == "ab" and named({"key": "env", "values": ["Prod-1", "test"]}) == "ab"
    assert named({"key": "env", "values": ["prod-1"]}) == "", "without a wildcard the case matters"
    assert named({"key": "env", "values": ["prod*"]}) == "a" and named({"key": "env", "values": ["*ROD*"]}) == "a"
    assert named({"key": "env", "values": ["*-1"]}) == "a" and named({"key": "env", "values": ["*prod"]}) == ""
    assert named({"key": "env", "values": ["!test"]}) == "a" and named({"key": "env", "values": ["!*t"]}) == "a"
    assert named({"key": "env"}, {"key": "team", "values": ["x"]}) == "b" and named({"key": "nope"}) == ""


def test_what_is_not_there_is_refused_by_name(account: Account) -> None:
    logs = account.logs
    for given in ({"kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/x"}, {"logGroupClass": "ESSENTIALS"}):
        assert refused(logs.create_log_group, logGroupName="x", **given)[0] == "NotImplemented"
    parse = [{"parseJSON": {"source": "@message"}}]
    assert refused(logs.put_transformer, logGroupIdentifier="x", transformerConfig=parse)[0] == "NotImplemented"
    logs.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    logs.create_log_stream(logGroupName="rare", logStreamName="s")
    assert refused(logs.get_log_events, logGroupName="rare", logStreamName="s")[0] == "InvalidOperationException"


def test_streams(account: Account) -> None:
    logs = account.logs
    logs.create_log_group(logGroupName="g")
    for name in ("b", "a/1", "a/2"):
        logs.create_log_stream(logGroupName="g", logStreamName=name)
    assert refused(logs.create_log_stream, logGroupName="g", logStreamName="b") == (
        "ResourceAlreadyExistsException", "The specified log stream already exists",
    )  # fmt: skip
    now = int(account.now() * 1000)
    for age, name in enumerate(("a/2", "b")):
        logs.put_log_events(
            logGroupName="g", logStreamName=name, logEvents=[{"timestamp": now - age * 1000, "message": "x"}]
        )
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName="g", orderBy="LastEventTime", descending=True, PaginationConfig={"PageSize": 1}
    )
    found = [stream for page in pages for stream in page["logStreams"]]
    assert [stream["logStreamName"] for stream in found] == ["a/2", "b", "a/1"]
    assert (found[1]["firstEventTimestamp"], found[1]["lastEventTimestamp"]) == (now - 1000, now - 1000)
    assert "lastEventTimestamp" not in found[2]
    prefixed = logs.describe_log_streams(logGroupName="g", logStreamNamePrefix="a/")["logStreams"]
    assert [stream["logStreamName"] for stream in prefixed] == ["a/1", "a/2"]
    logs.delete_log_stream(logGroupName="g", logStreamName="b")
    assert refused(logs.get_log_events, logGroupName="g", logStreamName="b")[0] == "ResourceNotFoundException"
    assert [e["logStreamName"] for e in logs.filter_log_events(logGroupName="g")["events"]] == ["a/2"]


def test_expired_events_are_not_seen_and_then_gone(own_cloud: RunningCloud) -> None:
    """Retention goes by the cloud's clock."""
    account = Account(own_cloud, fresh_number())
    logs = account.logs
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    now = int(account.now() * 1000)
    logs.put_log_events(
        logGroupName="g",
        logStreamName="s",
        logEvents=[{"timestamp": now - 80_000_000, "message": "old"}, {"timestamp": now, "message": "new"}],
    )
    own_cloud.advance("3h")
    assert [e["message"] for e in logs.filter_log_events(logGroupName="g")["events"]] == ["new"]
    events = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
    assert [e["message"] for e in events] == ["new"]
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] > 0
    own_cloud.advance("32h")
    assert logs.filter_log_events(logGroupName="g")["events"] == []
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 0


def test_policies_and_saved_queries(account: Account) -> None:
    logs = account.logs
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    logs.put_resource_policy(policyName="p", policyDocument=document)
    assert logs.describe_resource_policies()["resourcePolicies"][0]["policyDocument"] == document
    assert refused(logs.put_resource_policy, policyName="q", policyDocument="{")[0] == "InvalidParameterException"
    logs.delete_resource_policy(policyName="p")
    assert refused(logs.delete_resource_policy, policyName="p")[0] == "ResourceNotFoundException"
    first = logs.put_query_definition(name="errors", queryString="fields @message", logGroupNames=["g"])[
        "queryDefinitionId"
    ]
    again = logs.put_query_definition(name="errors 2", queryString="stats count()", queryDefinitionId=first)
    assert again["queryDefinitionId"] == first
    (query,) = logs.describe_query_definitions(queryDefinitionNamePrefix="err")["queryDefinitions"]
    assert (query["name"], query["queryString"], query["queryLanguage"]) == ("errors 2", "stats count()", "CWLI")
    asked = {"name": "once", "queryString": "fields @message", "clientToken": "one-request-" + "0" * 24}
    once = logs.put_query_definition(**asked)["queryDefinitionId"]
    assert logs.put_query_definition(**asked)["queryDefinitionId"] == once, "the same request, sent again"
    assert len(logs.describe_query_definitions(queryDefinitionNamePrefix="once")["queryDefinitions"]) == 1
    assert logs.delete_query_definition(queryDefinitionId=first)["success"]
    assert refused(logs.delete_query_definition, queryDefinitionId=first)[0] == "ResourceNotFoundException"
