"""What happens while something is awaited: another call, another operation, a service that does not answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, refused, template

from cloudarium.kernel.errors import AwsError

_PARAMETER = {"Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"}}}


class Lookups:
    """Parameters of SSM, which are answered when ``open`` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked: list[str] = []
        self.missing: set[str] = set()

    async def __call__(self, Name: str, **_: Any) -> dict[str, Any]:
        self.asked.append(Name)
        await self.open.wait()
        if Name in self.missing:
            raise AwsError("ParameterNotFound", "", 400)
        return {"Parameter": {"Type": "String", "Value": "v"}}


@pytest.fixture
def lookups(api: Api) -> Lookups:
    made = api.fakes["ssm", "get_parameter"] = Lookups()
    return made


async def test_a_stack_that_is_deleted_while_values_are_looked_up_makes_nothing(api: Api, lookups: Lookups) -> None:
    id_ = await api.make({"A": {"Size": "{{resolve:ssm:/x}}"}, "B": {}, "C": {}})
    assert lookups.asked == ["/x"] and api.shelf.things == {}
    await api("delete_stack", StackName="s")
    lookups.open.set()
    await api.settle(5)
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.called("create") == [] and api.shelf.things == {}


@pytest.mark.parametrize("where", ["resource", "output"])
async def test_what_is_not_found_does_not_stop_a_deletion(api: Api, lookups: Lookups, where: str) -> None:
    lookups.missing.add("/x")
    missing = "{{resolve:ssm:/x}}"
    more = {"template": {"Outputs": {"O": {"Value": missing}}}} if where == "output" else {}
    id_ = await api.make({"A": {"Size": missing} if where == "resource" else {}}, **more)
    assert lookups.asked == ["/x"]
    await api("delete_stack", StackName="s")
    lookups.open.set()
    await api.settle(5)
    found = await api.stack(id_)
    assert found["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.things == {}
    events = (await api("describe_stack_events", StackName=id_))["StackEvents"]
    ids = [each["EventId"] for each in events]
    assert len(set(ids)) == len(ids) and not any("FAILED" in each["ResourceStatus"] for each in events)


async def test_a_change_set_is_made_once(api: Api, lookups: Lookups) -> None:
    """Two requests at once for a change set of the same name, of a stack that is not there yet."""
    text = template({"A": {"Size": {"Ref": "P"}}}, **_PARAMETER)
    request = {"StackName": "s", "ChangeSetName": "c", "ChangeSetType": "CREATE", "TemplateBody": text}
    calls = [asyncio.ensure_future(api("create_change_set", **request)) for _ in range(2)]
    await api.settle()
    lookups.open.set()
    first, second = await asyncio.gather(*calls, return_exceptions=True)
    assert "StackId" in first and isinstance(second, AwsError) and second.code == "AlreadyExistsException"
    assert len((await api("describe_stacks"))["Stacks"]) == 1
    (only,) = (await api("list_change_sets", StackName="s"))["Summaries"]
    assert only["ChangeSetId"] == first["Id"]


async def test_nobody_sees_a_change_set_before_it_is_whole(api: Api, lookups: Lookups) -> None:
    """Were it written down before, what fails then would take away what others have put beside it."""
    text = template({"A": {"Size": "{{resolve:ssm:/x}}"}})
    call = asyncio.ensure_future(
        api("create_change_set", StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=text)
    )
    await api.settle()
    assert lookups.asked == ["/x"] and (await api("describe_stacks"))["Stacks"] == []
    lookups.open.set()
    await call
    assert await api.status() == "REVIEW_IN_PROGRESS"


async def test_a_request_sent_twice_at_once_has_one_answer(api: Api, lookups: Lookups) -> None:
    text = template({"A": {"Size": {"Ref": "P"}}}, **_PARAMETER)
    request = {"StackName": "s", "TemplateBody": text, "ClientRequestToken": "t"}
    calls = [asyncio.ensure_future(api("create_stack", **request)) for _ in range(2)]
    await api.settle()
    lookups.open.set()
    first, second = await asyncio.gather(*calls)
    assert first == second
    await api.settle()
    request = {"StackName": "s", "TemplateBody": template({"A": {"Size": "{{resolve:ssm:/y}}!"}})}
    lookups.open.clear()
    calls = [asyncio.ensure_future(api("update_stack", **request, ClientRequestToken="u")) for _ in range(2)]
    await api.settle()
    lookups.open.set()
    first, second = await asyncio.gather(*calls)
    assert first == second


async def test_what_was_made_in_vain_is_found_once_its_service_answers(api: Api) -> None:
    """Killed in a creation; when it is to be found out what that has made, the service is not there yet."""
    hangs = api.shelf.hangs["create", "A"] = asyncio.Event()
    id_ = await api.make({"A": {}, "B": {}})
    assert len(api.shelf.things) == 2 and not hangs.is_set()
    await api("delete_stack", StackName="s")
    await api.settle()
    api.shelf.hangs.clear()
    api.shelf.broken["found", "A"] = refused("Not now", "ServiceUnavailable", 503)
    await api.restart()
    api.shelf.broken.clear()
    await api.settle(60)
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.things == {}


async def test_what_waits_is_not_asked_whenever_something_else_ends(api: Api) -> None:
    """Deleting a hundred things would ask a hundred times after each that takes its time."""
    chain = {f"T{n}": {"Of": {"Ref": f"T{n - 1}"} if n else "none"} for n in range(10)}
    await api.make({"Slow": {}, **chain})
    api.shelf.staying.add("Slow")
    await api("delete_stack", StackName="s")
    await api.settle()
    assert len(api.shelf.things) == 0
    assert len(api.shelf.called("gone")) == 1 and len(api.shelf.called("delete")) == 11
    await api.settle(3)
    assert len(api.shelf.called("gone")) == 4
