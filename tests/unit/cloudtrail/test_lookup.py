"""LookupEvents over the gateway's journal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.cloudtrail import SERVICE
from cloudarium.services.cloudtrail.resources import resources_of

T0 = 1_700_000_000
SCOPE = Scope("111122223333", "eu-west-1")
ROOT = {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accessKeyId": "111122223333"}
ROLE = {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/deploy", "accessKeyId": "ASIAX"}


class World:
    def __init__(self) -> None:
        self.cloud = Cloud(clock=Clock(ClockState(0.0, float(T0), 0.0)), store=Store(None), port=0)
        self.made = 0

    def record(self, name: str = "CreateVpc", after: float = 0, *, scope: Scope = SCOPE, **more: Any) -> str:
        self.made += 1
        identifier = f"event-{self.made:05d}"
        entry = {
            "eventID": identifier, "eventName": name, "eventSource": "ec2.amazonaws.com", "userIdentity": ROOT,
            "readOnly": name.startswith("Describe"), "requestParameters": None, "responseElements": None,
        } | more  # fmt: skip
        self.cloud.store.append("cloudtrail", scope, T0 + after, name, json.dumps(entry).encode())
        return identifier

    async def lookup(self, **request: Any) -> Any:
        context = Context(self.cloud, SCOPE, root(SCOPE.account))
        return await SERVICE.operations()["lookup_events"].function(context, request)

    async def ids(self, **request: Any) -> list[str]:
        return [event["EventId"] for event in (await self.lookup(**request))["Events"]]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    yield World()


def where(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def at(after: float) -> datetime:
    return datetime.fromtimestamp(T0 + after, UTC)


async def test_an_event(world: World) -> None:
    identifier = world.record(
        after=5, userIdentity=ROLE, requestParameters={"cidrBlock": "10.0.0.0/16"},
        responseElements={"vpc": {"vpcId": "vpc-1", "tagSet": []}},
    )  # fmt: skip
    (event,) = (await world.lookup())["Events"]
    text = event.pop("CloudTrailEvent")
    assert json.loads(text)["eventID"] == identifier
    assert event == {
        "EventId": identifier, "EventName": "CreateVpc", "ReadOnly": "false", "EventTime": at(5),
        "EventSource": "ec2.amazonaws.com", "Username": "deploy", "AccessKeyId": "ASIAX",
        "Resources": [{"ResourceType": "AWS::EC2::VPC", "ResourceName": "vpc-1"}],
    }  # fmt: skip


async def test_newest_first_and_own_account_only(world: World) -> None:
    first, second = world.record(), world.record(after=1)
    world.record(scope=Scope("999999999999", "eu-west-1"))
    world.record(scope=Scope(SCOPE.account, "us-east-1"))
    assert await world.ids() == [second, first]


async def test_each_attribute(world: World) -> None:
    described = world.record("DescribeVpcs")
    created = world.record(
        "CreateRole", eventSource="iam.amazonaws.com", requestParameters={"roleName": "worker"},
        userIdentity={"type": "IAMUser", "userName": "ada", "accessKeyId": "A"},
    )  # fmt: skip
    for key, value, expected in (
        ("EventName", "CreateRole", [created]),
        ("EventName", "createrole", []),
        ("EventId", described, [described]),
        ("ReadOnly", "true", [described]),
        ("ReadOnly", "false", [created]),
        ("Username", "root", [described]),
        ("Username", "ada", [created]),
        ("EventSource", "iam.amazonaws.com", [created]),
        ("AccessKeyId", "A", [created]),
        ("ResourceType", "AWS::IAM::Role", [created]),
        ("ResourceName", "worker", [created]),
        ("ResourceName", "work", []),
    ):
        assert await world.ids(**where(key, value)) == expected, (key, value)


async def test_times(world: World) -> None:
    events = [world.record(after=second) for second in range(5)]
    assert await world.ids(StartTime=at(1), EndTime=at(3)) == [events[3], events[2], events[1]]
    with pytest.raises(AwsError) as error:
        await world.lookup(StartTime=at(3), EndTime=at(1))
    assert error.value.code == "InvalidTimeRangeException"


async def test_ninety_days(world: World) -> None:
    world.record()
    await world.cloud.clock.advance(90 * 86_400 - 1)
    assert await world.ids(StartTime=at(-10))
    await world.cloud.clock.advance(2)
    assert not await world.ids(StartTime=at(-10))


async def test_pages(world: World) -> None:
    events = [world.record(after=number) for number in range(120)]
    seen: list[str] = []
    token: dict[str, Any] = {}
    for size in (50, 50, 20):
        answer = await world.lookup(**token)
        assert len(answer["Events"]) == size
        seen += [event["EventId"] for event in answer["Events"]]
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert seen == events[::-1]
    assert not token


async def test_a_rare_event_is_found_in_pages_that_may_be_empty(world: World) -> None:
    rare = world.record(userIdentity=ROLE)
    for _ in range(9_000):
        world.record()
    seen: list[str] = []
    token: dict[str, Any] = {}
    pages = 0
    while True:
        answer = await world.lookup(**where("Username", "deploy"), **token)
        pages += 1
        seen += [event["EventId"] for event in answer["Events"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert seen == [rare]
    assert pages == 3
    assert await world.ids(**where("EventName", "CreateVpc"), MaxResults=1) == [f"event-{world.made:05d}"]


async def test_mistakes(world: World) -> None:
    for _ in range(3):
        world.record()
    token = (await world.lookup(MaxResults=1))["NextToken"]
    for request, code in (
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        (where("Nonsense", "x"), "InvalidLookupAttributesException"),
        ({"LookupAttributes": where("EventName", "a")["LookupAttributes"] * 2}, "InvalidLookupAttributesException"),
        ({"NextToken": "nonsense"}, "InvalidNextTokenException"),
        ({"NextToken": token, **where("EventName", "CreateVpc")}, "InvalidNextTokenException"),
        ({"EventCategory": "insight"}, "NotImplemented"),
    ):
        with pytest.raises(AwsError) as error:
            await world.lookup(**request)
        assert error.value.code == code, request


def test_resources_are_few_and_once() -> None:
    many = {"instancesSet": [{"instanceId": f"i-{number % 30}"} for number in range(100)]}
    found = resources_of(many, None, {"instanceId": "i-1"})
    assert len(found) == len(set(found)) == 20
    assert resources_of({"targetGroupArns": ["a", "b"]}) == [
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "a"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "b"),
    ]
