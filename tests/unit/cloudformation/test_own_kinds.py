"""CloudFormation's own resource types: nested stacks, wait conditions; and what else waits or tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, template

from cloudarium.services.cloudformation.wait_conditions import PATH
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.messages import Request


@pytest.fixture
def bucket(api: Api) -> dict[str, str]:
    """Templates in S3, by key."""
    texts: dict[str, str] = {}
    api.fakes["s3", "get_object"] = lambda Bucket, Key: {"Body": texts[Key].encode()}
    return texts


def _nested(key: str = "t", **parameters: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"TemplateURL": f"https://b.s3.amazonaws.com/{key}"}
    if parameters:
        properties["Parameters"] = parameters
    return {"Type": "AWS::CloudFormation::Stack", "Properties": properties}


_INNER: dict[str, Any] = {
    "Parameters": {"Size": {"Type": "Number", "Default": 1}},
    "Outputs": {"Size": {"Value": {"Fn::GetAtt": ["I", "Size"]}}},
}


async def test_a_nested_stack(api: Api, bucket: dict[str, str]) -> None:
    bucket["t"] = template({"I": {"Size": {"Ref": "Size"}}}, **_INNER)
    outer = {"N": _nested(Size=3), "A": {"Size": {"Fn::GetAtt": ["N", "Outputs.Size"]}}}
    id_ = await api.make(outer, Tags=[{"Key": "k", "Value": "v"}])
    await api.settle(3)
    assert await api.status() == "CREATE_COMPLETE"
    (inner,) = [each for each in (await api("describe_stacks"))["Stacks"] if each.get("ParentId") == id_]
    assert inner["RootId"] == id_ and inner["StackName"].startswith("s-N-")
    assert inner["Tags"] == [{"Key": "k", "Value": "v"}]
    assert {thing["Size"] for thing in api.shelf.things.values()} == {"3"}
    # The template at the same address is another one now.
    bucket["t"] = template({"I": {"Size": {"Ref": "Size"}}, "J": {}}, **_INNER)
    await api.change(outer | {"N": _nested(Size=4)})
    await api.settle(5)
    assert await api.status() == "UPDATE_COMPLETE"
    assert len(api.shelf.things) == 3
    assert sorted(str(thing.get("Size")) for thing in api.shelf.things.values()) == ["4", "4", "None"]
    await api("delete_stack", StackName="s")
    await api.settle(5)
    assert (await api("describe_stacks"))["Stacks"] == [] and api.shelf.things == {}


async def test_a_clock_that_stands_still_does_not_hold_up_nested_stacks(api: Api, bucket: dict[str, str]) -> None:
    bucket["t"] = template({"I": {"Size": 1}})
    await api("create_stack", StackName="s", TemplateBody=template({"N": _nested()}))
    await api.still()
    assert await api.status() == "CREATE_COMPLETE"
    bucket["t"] = template({"I": {"Size": 2}})
    await api("update_stack", StackName="s", TemplateBody=template({"N": _nested(), "A": {}}))
    await api.still()
    assert await api.status() == "UPDATE_COMPLETE"
    await api("delete_stack", StackName="s")
    await api.still()
    assert (await api("describe_stacks"))["Stacks"] == []


async def test_a_nested_stack_fails(api: Api, bucket: dict[str, str]) -> None:
    bucket["t"] = template({"I": {"Wings": 2}})
    id_ = await api.make({"N": _nested(), "A": {}})
    await api.settle(5)
    assert await api.status() == "ROLLBACK_COMPLETE"
    (said,) = [event for event in await api.events() if event.startswith("N CREATE_FAILED Embedded stack arn:")]
    assert said.endswith("was not successfully created: The following resource(s) failed to create: [I]. ")
    assert [each["StackId"] for each in (await api("describe_stacks"))["Stacks"]] == [id_]


async def test_a_nested_stack_says_why_it_was_not_updated(api: Api, bucket: dict[str, str]) -> None:
    bucket["t"] = template({"I": {"Size": 1}})
    await api.make({"N": _nested()})
    await api.settle(3)
    bucket["t"] = template({"I": {"Wings": 2}})
    await api.change({"N": _nested()})
    await api.settle(10)
    (said,) = [event for event in await api.events() if event.startswith("N UPDATE_FAILED")]
    why = "Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: The following resource(s) failed to update: [I]. "
    assert said.endswith(why)


async def test_a_nested_stack_goes_back_with_its_parent(api: Api, bucket: dict[str, str]) -> None:
    bucket["t"] = template({"I": {"Size": 1}})
    await api.make({"N": _nested()})
    await api.settle(3)
    bucket["t"] = template({"I": {"Size": 2}})
    await api.change({"N": _nested(), "A": {"Wings": 1, "After": {"Ref": "N"}}})
    await api.settle(10)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert [thing["Size"] for thing in api.shelf.things.values()] == [1]
    assert len(api.shelf.called("update")) == 2, "there and back"


Send = Callable[..., Any]


@pytest.fixture
def send(api: Api) -> Send:
    """Send a signal to a handle's URL."""

    async def put(url: str, body: Any, method: bytes = b"PUT") -> int:
        path = url[url.index(PATH) :].encode()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(method, path, 11, Headers(), data, ("127.0.0.1", 1))
        return (await api.cloud.doors[PATH](request)).status

    return put


def _waiting(**properties: Any) -> dict[str, Any]:
    wait = {"Handle": {"Ref": "H"}, "Timeout": "60", "Count": 2} | properties
    return {
        "H": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "W": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": wait},
        "A": {"Size": {"Fn::GetAtt": ["W", "Data"]}},
    }


async def _url(api: Api) -> str:
    found = await api("describe_stack_resource", StackName="s", LogicalResourceId="H")
    url: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return url


async def test_a_wait_condition(api: Api, send: Send) -> None:
    await api.make(_waiting())
    url = await _url(api)
    assert await send(url, {"Status": "SUCCESS", "UniqueId": "1", "Data": "x"}) == 200
    assert await send(url, {"Status": "SUCCESS", "UniqueId": "1", "Data": "y"}) == 200
    await api.settle(5)
    assert await api.status() == "CREATE_IN_PROGRESS", "the same signal counts once"
    assert await send(url, {"Status": "MAYBE", "UniqueId": "2"}) == 400
    assert await send(url, b"{") == 400
    assert await send(url + "x", {"Status": "SUCCESS", "UniqueId": "2"}) == 404
    assert await send(url, {"Status": "SUCCESS", "UniqueId": "2"}, b"GET") == 405
    assert await send(url, {"Status": "SUCCESS", "UniqueId": "2"}) == 200
    await api.still()
    assert await api.status() == "CREATE_COMPLETE", "also while the clock stands still"
    (thing,) = api.shelf.things.values()
    assert json.loads(thing["Size"]) == {"1": "x", "2": ""}
    await api("delete_stack", StackName="s")
    await api.settle(2)
    assert await send(url, {"Status": "SUCCESS", "UniqueId": "3"}) == 404


async def test_a_wait_condition_fails(api: Api, send: Send) -> None:
    await api.make(_waiting())
    await send(await _url(api), {"Status": "FAILURE", "UniqueId": "1", "Reason": "no luck"})
    await api.settle(2)
    assert "W CREATE_FAILED WaitCondition received failed message: 'no luck' for uniqueId: 1" in await api.events()
    assert await api.status() == "ROLLBACK_COMPLETE"


async def test_a_wait_condition_times_out(api: Api, send: Send) -> None:
    await api.make(_waiting())
    await send(await _url(api), {"Status": "SUCCESS", "UniqueId": "1"})
    await api.settle(59)
    assert await api.status() == "CREATE_IN_PROGRESS"
    await api.settle(3)
    why = "W CREATE_FAILED WaitCondition timed out. Received 1 conditions when expecting 2"
    assert why in await api.events()


async def test_signals(api: Api) -> None:
    """A CreationPolicy waits for SignalResource; each unique id counts once."""
    waits = {"Properties": {}, "CreationPolicy": {"ResourceSignal": {"Count": 2, "Timeout": "PT1M30S"}}}
    for name in ("s", "t"):
        await api.make({"A": waits}, name)
    given: dict[str, Any] = {"LogicalResourceId": "A", "Status": "SUCCESS"}
    for unique in ("1", "1", "2"):
        assert await api.status() == "CREATE_IN_PROGRESS"
        await api("signal_resource", StackName="s", UniqueId=unique, **given)
        await api.settle()
    assert await api.status() == "CREATE_COMPLETE"
    assert "A CREATE_IN_PROGRESS Received SUCCESS signal with UniqueId 1" in await api.events()
    error = await api.error("signal_resource", StackName="s", UniqueId="3", **given)
    assert error.message == "Resource A is in CREATE_COMPLETE state and cannot be signaled"
    await api.settle(88)
    assert await api.status("t") == "CREATE_IN_PROGRESS"
    await api.settle(4)
    why = "A CREATE_FAILED Failed to receive 2 resource signal(s) within the specified duration"
    assert why in await api.events("t")


async def test_what_waits_for_signals_is_cancelled(api: Api) -> None:
    """At once, when its stack is deleted, or fails: not only when the signals are late."""
    waits = {"Properties": {}, "CreationPolicy": {"ResourceSignal": {"Timeout": "PT2H"}}}
    id_ = await api.make({"A": waits})
    await api("delete_stack", StackName="s")
    await api.settle(1)
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    await api.make({"A": waits, "B": {"Wings": 1, "After": {"Ref": "C"}}, "C": {}})
    await api.settle(1)
    assert await api.status() == "ROLLBACK_COMPLETE"
    assert "A CREATE_FAILED Resource creation cancelled" in await api.events()
    assert api.shelf.things == {}


async def test_topics_are_told(api: Api) -> None:
    told: list[dict[str, str]] = []
    api.fakes["sns", "publish"] = lambda **given: told.append(given) or {}
    await api.make({"A": {"Size": 1}}, NotificationARNs=["arn:aws:sns:us-east-1:111122223333:t"])
    await api.settle()
    assert [message.split("ResourceStatus='")[1].split("'")[0] for message in (each["Message"] for each in told)] == [
        "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_COMPLETE",
    ]  # fmt: skip
    assert {each["Subject"] for each in told} == {"AWS CloudFormation Notification"}
    assert "\nResourceProperties='{\"Size\":1}'\n" in told[1]["Message"]


async def test_events_of_eventbridge(api: Api) -> None:
    heard: list[Any] = []
    for kind in ("Stack", "Resource"):
        api.cloud.events.listen("aws.cloudformation", f"CloudFormation {kind} Status Change", heard.append)
    id_ = await api.make({"A": {}}, ClientRequestToken="t-1")
    assert [event.detail["status-details"]["status"] for event in heard] == [
        "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_COMPLETE",
    ]  # fmt: skip
    physical = next(iter(api.shelf.things))
    assert heard[3].detail == {
        "stack-id": id_,
        "logical-resource-id": "A",
        "physical-resource-id": physical,
        "resource-type": "Test::Shelf::Thing",
        "status-details": {"status": "CREATE_COMPLETE", "status-reason": ""},
        "client-request-token": "t-1",
    }
    assert heard[-1].resources == (id_,)


async def test_alarms_turn_an_update_back(api: Api) -> None:
    """While it goes on, and for as long after everything is made as it is to be watched."""
    state = {"StateValue": "OK"}
    arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors"
    alarm = {"AlarmName": "errors", "AlarmArn": arn}
    api.fakes["cloudwatch", "describe_alarms"] = lambda **_: {"MetricAlarms": [alarm | state]}
    watch = {"MonitoringTimeInMinutes": 5, "RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"}]}
    await api.make({"A": {"Size": 1}}, RollbackConfiguration=watch)
    await api.settle(298)
    assert await api.status() == "CREATE_IN_PROGRESS"
    await api.settle(20)
    assert await api.status() == "CREATE_COMPLETE"
    await api.change({"A": {"Size": 2}})
    await api.settle(120)
    assert api.shelf.things[api.shelf.names()["A"]]["Size"] == 2
    state["StateValue"] = "ALARM"
    await api.settle(20)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert api.shelf.things[api.shelf.names()["A"]]["Size"] == 1
    assert any(arn in event for event in await api.events() if "UPDATE_ROLLBACK_IN_PROGRESS" in event)
