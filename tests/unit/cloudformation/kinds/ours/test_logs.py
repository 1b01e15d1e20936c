"""AWS::Logs::*: made, changed, changed back and deleted, and never taken from others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cloudformation.kinds.ours.conftest import ACCOUNT, Api

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

IDENTIFIER = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
PROTECTION = {
    "Name": "protection",
    "Version": "2021-06-01",
    "Statement": [
        {"DataIdentifier": [IDENTIFIER], "Operation": {"Audit": {"FindingsDestination": {}}}},
        {"DataIdentifier": [IDENTIFIER], "Operation": {"Deidentify": {"MaskConfig": {}}}},
    ],
}
SHARED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents",
            "Resource": "*",
        }
    ],
}  # fmt: skip


async def described(api: Api, name: str) -> dict[str, Any]:
    groups = (await api.of("logs", "describe_log_groups", logGroupNamePrefix=name))["logGroups"]
    return dict(groups[0]) if groups else {}


async def test_a_log_group_as_cdk_makes_it(api: Api) -> None:
    group = await api.resource("AWS::Logs::LogGroup", {"RetentionInDays": 731}, "TaskDefwebLogGroup71FAF541").make()
    assert group.ref.startswith("shop-TaskDefwebLogGroup71FAF541-")
    assert group.work.attributes == {"Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group.ref}:*"}
    assert (await described(api, group.id))["retentionInDays"] == 731
    await group.change({}, {"team": "shop"})
    assert "retentionInDays" not in await described(api, group.id)
    arn = group.work.attributes["Arn"].removesuffix(":*")
    tags = (await api.of("logs", "list_tags_for_resource", resourceArn=arn))["tags"]
    assert tags["team"] == "shop" and tags["aws:cloudformation:stack-name"] == "shop"
    await group.change({"RetentionInDays": 731}, {})
    assert (await described(api, group.id))["retentionInDays"] == 731
    assert "team" not in (await api.of("logs", "list_tags_for_resource", resourceArn=arn))["tags"]
    await group.remove()
    assert await described(api, group.id) == {}


async def test_all_of_a_log_group(api: Api) -> None:
    everything = {
        "LogGroupName": "/shop/all",
        "LogGroupClass": "STANDARD",
        "DeletionProtectionEnabled": True,
        "DataProtectionPolicy": PROTECTION,
        "FieldIndexPolicies": [{"Fields": ["RequestId"]}],
        "ResourcePolicyDocument": SHARED,
    }
    group = await api.resource("AWS::Logs::LogGroup", everything).make()
    assert (await described(api, "/shop/all"))["deletionProtectionEnabled"] is True
    protection = await api.of("logs", "get_data_protection_policy", logGroupIdentifier="/shop/all")
    assert json.loads(protection["policyDocument"]) == PROTECTION
    indexes = await api.of("logs", "describe_index_policies", logGroupIdentifiers=["/shop/all"])
    assert json.loads(indexes["indexPolicies"][0]["policyDocument"]) == {"Fields": ["RequestId"]}
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/shop/all"
    policies = await api.of("logs", "describe_resource_policies", resourceArn=arn)
    assert json.loads(policies["resourcePolicies"][0]["policyDocument"]) == SHARED
    with pytest.raises(AwsError, match="deletion protection"):
        await group.remove()
    await group.change(everything | {"ResourcePolicyDocument": SHARED | {"Id": "second"}})
    policies = await api.of("logs", "describe_resource_policies", resourceArn=arn)
    assert json.loads(policies["resourcePolicies"][0]["policyDocument"])["Id"] == "second"
    await group.change({"LogGroupName": "/shop/all"})
    assert (await described(api, "/shop/all"))["deletionProtectionEnabled"] is False
    assert "policyDocument" not in await api.of("logs", "get_data_protection_policy", logGroupIdentifier="/shop/all")
    indexes = await api.of("logs", "describe_index_policies", logGroupIdentifiers=["/shop/all"])
    assert indexes["indexPolicies"] == []
    assert (await api.of("logs", "describe_resource_policies", resourceArn=arn))["resourcePolicies"] == []
    with pytest.raises(Failed, match="LogGroupClass cannot be changed"):
        await group.change({"LogGroupName": "/shop/all", "LogGroupClass": "INFREQUENT_ACCESS"})
    await group.remove()


async def test_a_log_group_of_others_is_left_alone(api: Api) -> None:
    await api.of("logs", "create_log_group", logGroupName="theirs", tags={"aws": "no"})
    group = api.resource("AWS::Logs::LogGroup", {"LogGroupName": "theirs"})
    with pytest.raises(AwsError, match="already exists"):
        await group.make()
    assert await group.kind.found(group.work) == ""
    mine = await api.resource("AWS::Logs::LogGroup", {}).make()
    assert await mine.kind.found(mine.work) == mine.id


async def test_only_services_set_and_remove_the_tags_of_aws(api: Api) -> None:
    group = await api.resource("AWS::Logs::LogGroup", {}).make()
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group.id}"
    for change in (
        api.of("logs", "tag_resource", resourceArn=arn, tags={"aws:cloudformation:stack-id": "mine"}),
        api.of("logs", "untag_resource", resourceArn=arn, tagKeys=["aws:cloudformation:stack-id"]),
    ):
        with pytest.raises(AwsError, match="reserved for system use"):
            await change


async def test_a_stream(api: Api) -> None:
    await api.of("logs", "create_log_group", logGroupName="g")
    stream = await api.resource("AWS::Logs::LogStream", {"LogGroupName": "g", "LogStreamName": "s"}).make()
    assert stream.ref == "s" and await stream.kind.found(stream.work) == "s"
    with pytest.raises(AwsError, match="already exists"):
        await api.resource("AWS::Logs::LogStream", {"LogGroupName": "g", "LogStreamName": "s"}).make()
    await stream.remove()
    assert (await api.of("logs", "describe_log_streams", logGroupName="g"))["logStreams"] == []
    assert (await api.resource("AWS::Logs::LogStream", {"LogGroupName": "g"}).make()).ref.startswith("shop-Thing-")


def counting(**more: Any) -> dict[str, Any]:
    transformation = {"MetricName": "Errors", "MetricNamespace": "Shop", "MetricValue": "1", **more}
    return {"LogGroupName": "g", "FilterPattern": '{ $.level = "ERROR" }', "MetricTransformations": [transformation]}


async def filters(api: Api) -> list[dict[str, Any]]:
    return list((await api.of("logs", "describe_metric_filters", logGroupName="g"))["metricFilters"])


async def test_a_metric_filter(api: Api) -> None:
    await api.of("logs", "create_log_group", logGroupName="g")
    dimensions = [{"Key": "Where", "Value": "$.where"}]
    made = await api.resource("AWS::Logs::MetricFilter", counting(Dimensions=dimensions, Unit="Count")).make()
    shown = (await filters(api))[0]
    assert shown["filterName"] == made.ref
    assert shown["metricTransformations"] == [
        {
            "metricName": "Errors", "metricNamespace": "Shop", "metricValue": "1", "unit": "Count",
            "dimensions": {"Where": "$.where"},
        }
    ]  # fmt: skip
    assert await made.kind.found(made.work) == made.ref
    await made.change(counting(DefaultValue=0))
    assert (await filters(api))[0]["metricTransformations"][0]["defaultValue"] == 0
    assert await made.kind.found(made.work) == made.ref
    second = api.resource("AWS::Logs::MetricFilter", counting() | {"FilterName": made.ref})
    with pytest.raises(Failed, match=rf"with identifier 'g\|{made.ref}' already exists"):
        await second.make()
    assert await second.kind.found(second.work) == ""
    await made.remove()
    assert await filters(api) == []


async def test_a_saved_query(api: Api) -> None:
    properties = {"Name": "errors", "QueryString": "fields @message", "LogGroupNames": ["g"]}
    query = api.resource("AWS::Logs::QueryDefinition", properties)
    assert await query.kind.found(query.work) == ""
    await query.make()
    assert await query.kind.found(query.work) == query.ref
    await query.change(properties | {"QueryString": "fields @timestamp"})
    shown = (await api.of("logs", "describe_query_definitions"))["queryDefinitions"]
    assert [(each["queryDefinitionId"], each["queryString"]) for each in shown] == [(query.ref, "fields @timestamp")]
    assert query.work.attributes == {"QueryDefinitionId": query.ref}
    await query.remove()
    assert (await api.of("logs", "describe_query_definitions"))["queryDefinitions"] == []


async def test_a_resource_policy(api: Api) -> None:
    properties = {"PolicyName": "share", "PolicyDocument": SHARED}
    policy = await api.resource("AWS::Logs::ResourcePolicy", properties).make()
    assert policy.ref == "share" and await policy.kind.found(policy.work) == "share"
    with pytest.raises(Failed, match="'AWS::Logs::ResourcePolicy' with identifier 'share' already exists"):
        await api.resource("AWS::Logs::ResourcePolicy", properties, "Second").make()
    await policy.change(properties | {"PolicyDocument": json.dumps(SHARED | {"Id": "text"})})
    shown = (await api.of("logs", "describe_resource_policies"))["resourcePolicies"]
    assert [json.loads(each["policyDocument"])["Id"] for each in shown] == ["text"]
    await policy.remove()
    assert (await api.of("logs", "describe_resource_policies"))["resourcePolicies"] == []


async def test_an_account_policy(api: Api) -> None:
    properties = {
        "PolicyName": "fields", "PolicyType": "FIELD_INDEX_POLICY", "Scope": "ALL",
        "PolicyDocument": '{"Fields": ["RequestId"]}', "SelectionCriteria": 'LogGroupNamePrefix IN ["/shop"]',
    }  # fmt: skip
    policy = await api.resource("AWS::Logs::AccountPolicy", properties).make()
    assert policy.ref == f"{ACCOUNT}|FIELD_INDEX_POLICY|fields"
    assert policy.work.attributes == {"AccountId": ACCOUNT}
    assert await policy.kind.found(policy.work) == policy.ref
    with pytest.raises(Failed, match="already exists"):
        await api.resource("AWS::Logs::AccountPolicy", properties, "Second").make()
    await policy.change(properties | {"PolicyDocument": '{"Fields": ["UserId"]}'})
    asked = {"policyType": "FIELD_INDEX_POLICY"}
    shown = (await api.of("logs", "describe_account_policies", **asked))["accountPolicies"]
    assert [each["policyDocument"] for each in shown] == ['{"Fields": ["UserId"]}']
    await policy.remove()
    assert (await api.of("logs", "describe_account_policies", **asked))["accountPolicies"] == []


async def test_a_subscription_filter(api: Api) -> None:
    received: list[bytes] = []
    api.fakes["kinesis", "put_record"] = lambda **params: received.append(params["Data"]) or {}
    await api.of("logs", "create_log_group", logGroupName="g")
    stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s"
    properties = {
        "LogGroupName": "g", "FilterPattern": "", "DestinationArn": stream, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "FilterName": "all", "Distribution": "Random",
    }  # fmt: skip
    made = await api.resource("AWS::Logs::SubscriptionFilter", properties).make()
    assert len(received) == 1
    shown = (await api.of("logs", "describe_subscription_filters", logGroupName="g"))["subscriptionFilters"][0]
    assert (shown["filterName"], shown["distribution"]) == (made.ref, "Random")
    assert await made.kind.found(made.work) == "all"
    await made.change({name: value for name, value in properties.items() if name != "Distribution"})
    shown = (await api.of("logs", "describe_subscription_filters", logGroupName="g"))["subscriptionFilters"][0]
    assert shown["distribution"] == "ByLogStream"
    await made.remove()
