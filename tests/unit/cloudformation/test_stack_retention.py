"""What is kept of stacks: not everything for ever."""

from __future__ import annotations

import pytest
from tests.unit.cloudformation.conftest import SCOPE, Api, template

from cloudarium.services.cloudformation.engine import retention
from cloudarium.services.cloudformation.resources import StackEvent, StackResource, StackTemplate


async def _made_and_deleted(api: Api, name: str) -> str:
    id_ = await api.make({"A": {"Size": 1}}, name)
    await api("delete_stack", StackName=name)
    await api.settle(1)
    return id_


async def _kept(api: Api) -> list[str]:
    found = (await api("list_stacks", StackStatusFilter=["DELETE_COMPLETE"]))["StackSummaries"]
    return sorted(each["StackName"] for each in found)


async def test_the_first_deleted_are_forgotten_when_there_are_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_DELETED", 2)
    await api.make({"A": {}}, "alive")
    for name in ("a", "b", "c"):
        last = await _made_and_deleted(api, name)
    assert await _kept(api) == ["b", "c"]
    events, resources = (api.cloud.store.table(kind).all(SCOPE) for kind in (StackEvent, StackResource))
    for each in (*events, *resources):
        assert each.stack_id.split("/")[1] in ("alive", "b", "c")
    assert len(api.cloud.store.table(StackTemplate).all(SCOPE)) == 3
    assert (await api.stack(last))["StackStatus"] == "DELETE_COMPLETE"


async def test_or_when_they_had_many_events(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_DELETED_EVENTS", 10)
    for name in ("a", "b"):
        await _made_and_deleted(api, name)
    assert await _kept(api) == ["b"], "a stack has eight of them"


async def test_of_a_stack_that_is_often_changed_the_last_events_are_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_EVENTS", 8)
    await api.make({"A": {"Size": 0}})
    for size in range(1, 6):
        await api.change({"A": {"Size": size}})
        assert len(await api.events()) <= 8 + 5, "and those of the operation itself"
    assert (await api.events())[-1] == "s UPDATE_COMPLETE"


async def test_failed_change_sets_make_room(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_CHANGE_SETS", 3)
    await api.make({"A": {"Size": 1}})
    for name, size in (("none", 1), ("one", 2), ("two", 2), ("three", 2)):
        text = template({"A": {"Size": size}})
        await api("create_change_set", StackName="s", ChangeSetName=name, TemplateBody=text)
        await api.settle(1)
    found = (await api("list_change_sets", StackName="s"))["Summaries"]
    assert [each["ChangeSetName"] for each in found] == ["one", "two", "three"]
    error = await api.error("create_change_set", StackName="s", ChangeSetName="four", TemplateBody=text)
    assert (error.code, error.message) == ("LimitExceededException", "ChangeSet limit exceeded for stack s")
