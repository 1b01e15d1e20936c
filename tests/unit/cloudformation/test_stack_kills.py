"""A cloud that is killed while it works on a stack: the next one goes on, and makes nothing twice."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.cloudformation.conftest import Api, refused


async def _killed_in(api: Api, call: str, name: str) -> None:
    """Kill the cloud while a call has had its effect and not answered yet."""
    assert (call, name) in api.shelf.calls
    api.shelf.hangs.clear()
    await api.restart()
    await api.settle(5)


async def test_in_create(api: Api) -> None:
    api.shelf.hangs["create", "A"] = asyncio.Event()
    await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}})
    await _killed_in(api, "create", "A")
    assert await api.status() == "CREATE_COMPLETE"
    assert api.shelf.called("create") == ["A", "B"], "what was made before was found"
    assert api.shelf.called("found") == ["A"]
    assert len(api.shelf.things) == 2


async def test_before_create_had_an_effect(api: Api) -> None:
    """The call is made again, with the same token and name."""
    api.shelf.hangs["create", "A"] = asyncio.Event()
    await api.make({"A": {}})
    api.shelf.things.clear()
    await _killed_in(api, "create", "A")
    assert await api.status() == "CREATE_COMPLETE"
    first, _, second = api.shelf.works
    assert first.token == second.token and first.name == second.name
    assert len(first.token) == 32 and first.token.isalnum() and first.token == first.token.lower()


async def test_in_update(api: Api) -> None:
    await api.make({"A": {"Size": 1}, "B": {"Size": {"Fn::GetAtt": ["A", "Size"]}}})
    api.shelf.hangs["update", "A"] = asyncio.Event()
    await api.change({"A": {"Size": 2}, "B": {"Size": {"Fn::GetAtt": ["A", "Size"]}}})
    await _killed_in(api, "update", "A")
    assert await api.status() == "UPDATE_COMPLETE"
    assert {each["Size"] for each in api.shelf.things.values()} == {2, "2"}
    assert api.shelf.called("create") == ["A", "B"]


async def test_in_a_replacement(api: Api) -> None:
    await api.make({"A": {"Shape": "o"}})
    api.shelf.hangs["create", "A"] = asyncio.Event()
    await api.change({"A": {"Shape": "x"}})
    await _killed_in(api, "create", "A")
    assert await api.status() == "UPDATE_COMPLETE"
    assert [each["Shape"] for each in api.shelf.things.values()] == ["x"]
    assert api.shelf.called("create") == ["A", "A"]


async def test_on_the_way_back(api: Api) -> None:
    await api.make({"A": {"Size": 1}})
    api.shelf.broken["create", "B"] = refused("No room")
    hangs = api.shelf.hangs["update", "A"] = asyncio.Event()
    await api.change({"A": {"Size": 2}, "B": {"Of": {"Ref": "A"}}})
    hangs.set()
    hangs = api.shelf.hangs["update", "A"] = asyncio.Event()
    await api.settle(1)
    assert await api.status() == "UPDATE_ROLLBACK_IN_PROGRESS"
    await _killed_in(api, "update", "A")
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert [each["Size"] for each in api.shelf.things.values()] == [1]


async def test_in_delete(api: Api) -> None:
    id_ = await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}})
    api.shelf.hangs["delete", "B"] = asyncio.Event()
    await api("delete_stack", StackName="s")
    await api.settle()
    await _killed_in(api, "delete", "B")
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.things == {}
    assert api.shelf.called("delete") == ["B", "B", "A"]


@pytest.mark.parametrize("broken", ["B", ""])
async def test_what_was_made_in_vain_is_found(api: Api, broken: str) -> None:
    """Killed within a creation, of a stack that has failed meanwhile: what had been made is deleted too."""
    api.shelf.hangs["create", "A"] = asyncio.Event()
    if broken:
        api.shelf.broken["create", broken] = refused("No room")
    id_ = await api.make({"A": {}, "B": {}})
    if not broken:
        await api("delete_stack", StackName="s")
        await api.settle()
    await _killed_in(api, "create", "A")
    assert (await api.stack(id_))["StackStatus"] == ("ROLLBACK_COMPLETE" if broken else "DELETE_COMPLETE")
    assert api.shelf.things == {}
    assert sorted(api.shelf.called("create")) == ["A", "B"]


async def test_events_are_there_once(api: Api) -> None:
    api.shelf.slow.add("A")
    await api.make({"A": {}})
    await api.restart()
    api.shelf.slow.clear()
    await api.restart()
    await api.settle(2)
    assert await api.events() == [
        "s CREATE_IN_PROGRESS User Initiated",
        "A CREATE_IN_PROGRESS",
        "A CREATE_IN_PROGRESS Resource creation Initiated",
        "A CREATE_COMPLETE",
        "s CREATE_COMPLETE",
    ]
