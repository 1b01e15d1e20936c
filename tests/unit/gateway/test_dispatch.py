"""Calls between services: one transaction, one record, the same errors."""

from __future__ import annotations

import sys
import types
from typing import Any

import msgspec
import pytest

from cloudarium.gateway.audit import JOURNAL, Audit
from cloudarium.gateway.dispatch import Dispatcher
from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.service import Service, operation
from cloudarium.kernel.store import Record, Scope, Store

HERE = Scope("111122223333", "eu-west-1")


class Thing(Record, frozen=True, kw_only=True):
    TABLE = "toys.things"
    KEY = "name"

    name: str


@operation
def create_thing(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    ctx.table(Thing).put(ctx.scope, Thing(name=request["Name"]))
    if request.get("Fail") == "aws":
        raise AwsError("ThingBroken", "it broke")
    if request.get("Fail") == "defect":
        raise KeyError("oops")
    return {"Thing": {"Name": request["Name"], "Password": "p"}}


@operation
async def create_things(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    for name in request["Names"]:
        await ctx.aws.toys.create_thing(Name=name, Fail=request.get("Fail") if name == "last" else None)
    return {}


@operation(partial="names only")
def describe_things(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Things": [thing.name for thing in ctx.table(Thing).all(ctx.scope)]}


class Moto:
    async def call(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        return {"asked": f"{service}.{operation}", "account": scope.account, **params}


@pytest.fixture
def cloud() -> Cloud:
    module = types.ModuleType("toys_operations")
    vars(module).update(create_thing=create_thing, create_things=create_things, describe_things=describe_things)
    sys.modules["toys_operations"] = module
    made = Cloud(clock=Clock(ClockState(0, 1_700_000_000, 0)), store=Store(None), port=0)
    made.services["toys"] = Service("toys", operations="toys_operations")
    made.dispatch = Dispatcher(made, Audit(made.clock, made.store), Moto()).call
    return made


def records(cloud: Cloud) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line.data) for line in cloud.store.read(JOURNAL, HERE)]


async def test_a_call_is_made_and_recorded_without_its_secrets(cloud: Cloud) -> None:
    aws = cloud.aws(HERE, root(HERE.account))
    answer = await aws.toys.create_thing(Name="a", Password="open sesame")
    assert answer == {"Thing": {"Name": "a", "Password": "p"}}
    (record,) = records(cloud)
    assert record["eventSource"] == "toys.amazonaws.com"
    assert record["eventName"] == "CreateThing"
    assert record["awsRegion"] == "eu-west-1"
    assert record["userIdentity"]["arn"] == "arn:aws:iam::111122223333:root"
    assert record["eventTime"] == "2023-11-14T22:13:20Z"
    assert record["requestParameters"] == {"name": "a", "password": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    assert record["responseElements"]["thing"]["password"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert record["readOnly"] is False


async def test_reads_between_services_are_not_on_record(cloud: Cloud) -> None:
    assert await cloud.aws(HERE, root(HERE.account)).toys.describe_things() == {"Things": []}
    assert records(cloud) == []


async def test_a_refusal_leaves_nothing_but_its_record(cloud: Cloud) -> None:
    with pytest.raises(AwsError, match="ThingBroken"):
        await cloud.aws(HERE, root(HERE.account)).toys.create_thing(Name="a", Fail="aws")
    assert cloud.store.table(Thing).all(HERE) == []
    assert [(r["errorCode"], r["errorMessage"]) for r in records(cloud)] == [("ThingBroken", "it broke")]


async def test_a_defect_is_an_internal_failure_and_leaves_nothing(cloud: Cloud) -> None:
    with pytest.raises(AwsError, match="InternalFailure") as failure:
        await cloud.aws(HERE, root(HERE.account)).toys.create_thing(Name="a", Fail="defect")
    assert failure.value.status == 500
    assert cloud.store.table(Thing).all(HERE) == []


async def test_inner_calls_belong_to_the_outer_calls_transaction(cloud: Cloud) -> None:
    toys = cloud.aws(HERE, root(HERE.account)).toys
    with pytest.raises(AwsError, match="ThingBroken"):
        await toys.create_things(Names=["first", "last"], Fail="aws")
    assert (await toys.describe_things())["Things"] == []
    await toys.create_things(Names=["first", "last"])
    assert (await toys.describe_things())["Things"] == ["first", "last"]


async def test_what_is_not_there_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(AwsError, match="toys:delete_thing is not implemented in Cloudarium yet") as refusal:
        await cloud.aws(HERE, root(HERE.account)).toys.delete_thing(Name="a")
    assert refusal.value.status == 501


async def test_other_services_are_asked_of_the_mock_library(cloud: Cloud) -> None:
    answer = await cloud.aws(HERE, root(HERE.account)).secretsmanager.get_secret_value(SecretId="s")
    assert answer == {"asked": "secretsmanager.get_secret_value", "account": HERE.account, "SecretId": "s"}


async def test_a_record_that_would_be_huge_is_cut_and_says_so(cloud: Cloud) -> None:
    await cloud.aws(HERE, root(HERE.account)).toys.create_thing(Name="a" * 100_000)
    (record,) = records(cloud)
    assert record["requestParameters"] is None
    assert "exceed" in record["additionalEventData"]["omitted"]


async def test_a_record_names_parameters_of_stacks_without_their_values(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-api-logging-cloudtrail.html"""
    given = [{"ParameterKey": "Password", "ParameterValue": "hunter2"}]
    other = {"ParameterName": "max_connections", "ParameterValue": "10"}
    await cloud.aws(HERE, root(HERE.account)).toys.create_thing(Name="a", Parameters=given, Group=other)
    (record,) = records(cloud)
    assert record["requestParameters"]["parameters"] == [{"parameterKey": "Password"}]
    assert record["requestParameters"]["group"] == {"parameterName": "max_connections", "parameterValue": "10"}
