"""What goes wrong: what becomes of the stack, and how its owner goes on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, ThingKind, failed, refused

from cloudarium.services.cloudformation.kinds.kind import Work
from cloudarium.services.cloudformation.resources import StackTemplate


async def test_a_failed_stack_can_stay(api: Api) -> None:
    """OnFailure DO_NOTHING: CREATE_FAILED, and from there an update makes the rest, or RollbackStack takes it back."""
    api.shelf.broken["create", "B"] = failed("It is Sunday")
    await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}}, OnFailure="DO_NOTHING")
    stack = await api.stack()
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to create: [B]. "
    assert await api.statuses() == {"A": "CREATE_COMPLETE", "B": "CREATE_FAILED"}
    assert "B CREATE_FAILED It is Sunday" in await api.events()
    api.shelf.broken.clear()
    await api.change({"A": {}, "B": {"Of": {"Ref": "A"}, "Size": 1}})
    assert await api.status() == "UPDATE_COMPLETE"
    assert sorted(api.shelf.names()) == ["A", "B"]


async def test_what_stayed_is_taken_back(api: Api) -> None:
    api.shelf.broken["create", "B"] = failed("It is Sunday")
    await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}}, DisableRollback=True)
    await api("rollback_stack", StackName="s")
    await api.settle(1)
    assert await api.status() == "ROLLBACK_COMPLETE"
    assert api.shelf.things == {}
    message = (await api.error("update_stack", StackName="s", UsePreviousTemplate=True)).message
    assert message.endswith(" is in ROLLBACK_COMPLETE state and can not be updated.")


async def test_a_failed_stack_can_go(api: Api) -> None:
    api.shelf.broken["create", "B"] = failed("It is Sunday")
    id_ = await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}}, OnFailure="DELETE")
    await api.settle(1)
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.things == {}
    reason = "The following resource(s) failed to create: [B]. Delete requested by user."
    assert f"s DELETE_IN_PROGRESS {reason}" in await api.events(id_)


async def test_it_takes_too_long(api: Api) -> None:
    api.shelf.slow.add("A")
    await api.make({"A": {}}, TimeoutInMinutes=2)
    await api.settle(119)
    assert await api.status() == "CREATE_IN_PROGRESS"
    await api.settle(3)
    assert await api.status() == "ROLLBACK_COMPLETE"
    reason = "Stack creation time exceeded the specified timeout. Rollback requested by user."
    assert f"s ROLLBACK_IN_PROGRESS {reason}" in await api.events()
    assert api.shelf.things == {}


async def test_throttling_passes(api: Api) -> None:
    """What a later attempt may well do is tried again, with the same token; in the end it fails."""
    api.shelf.broken["create", "A"] = refused("Rate exceeded", "Throttling")
    await api.make({"A": {}})
    await api.settle(3)
    assert await api.status() == "CREATE_IN_PROGRESS"
    assert len(api.shelf.called("create")) >= 3
    assert len({work.token for work in api.shelf.works}) == 1
    api.shelf.broken.clear()
    await api.settle(10)
    assert await api.status() == "CREATE_COMPLETE"
    api.shelf.broken["create", "A"] = refused("Out of order", "InternalError", 500)
    await api.make({"A": {}}, "t")
    await api.settle(600)
    assert await api.status("t") == "ROLLBACK_COMPLETE"
    assert any("HandlerErrorCode: ServiceInternalError" in event for event in await api.events("t"))


async def test_a_defect_of_a_kind_fails_its_resource(api: Api) -> None:
    api.shelf.broken["create", "A"] = KeyError("oops")
    await api.make({"A": {}})
    assert await api.status() == "ROLLBACK_COMPLETE"
    assert any("This is a defect in Cloudarium (KeyError: 'oops')" in event for event in await api.events())


async def test_properties_are_checked(api: Api) -> None:
    await api.make({"A": {"Wings": 2}})
    assert await api.status() == "ROLLBACK_COMPLETE"
    reason = "Properties validation failed for resource A with message:\n#: extraneous key [Wings] is not permitted"
    assert f"A CREATE_FAILED {reason}" in await api.events()
    assert api.shelf.calls == []


async def test_an_update_is_cancelled(api: Api) -> None:
    await api.make({"A": {"Size": 1}, "B": {}})
    api.shelf.slow.add("A")
    await api.change({"A": {"Size": 2}, "B": {}, "C": {"Of": {"Ref": "A"}}})
    assert await api.status() == "UPDATE_IN_PROGRESS"
    await api("cancel_update_stack", StackName="s")
    api.shelf.slow.clear()
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert "A UPDATE_FAILED Resource update cancelled" in await api.events()
    assert sorted(api.shelf.names()) == ["A", "B"]
    assert api.shelf.things[api.shelf.names()["A"]]["Size"] == 1
    error = await api.error("cancel_update_stack", StackName="s")
    assert error.message == "CancelUpdateStack cannot be called from current stack status"


async def _stuck(api: Api) -> None:
    """A stack whose update was cancelled, and that cannot go back."""
    await api.make({"A": {"Size": 1}, "Z": {"Size": 1}})
    api.shelf.slow.add("B")
    await api.change({"A": {"Size": 2}, "Z": {"Size": 2}, "B": {"Of": {"Ref": "A"}}})
    api.shelf.broken["update", "A"] = failed("Not any more")
    await api("cancel_update_stack", StackName="s")
    await api.settle(2)
    stack = await api.stack()
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to update: [A]. "
    assert (await api.error("update_stack", StackName="s", UsePreviousTemplate=True)).code == "ValidationError"


async def test_a_rollback_that_failed_is_continued(api: Api) -> None:
    await _stuck(api)
    api.shelf.broken.clear()
    await api("continue_update_rollback", StackName="s")
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: api.shelf.things[id_]["Size"] for name, id_ in api.shelf.names().items()} == {"A": 1, "Z": 1}


async def test_a_rollback_passes_over_what_cannot_go_back(api: Api) -> None:
    await _stuck(api)
    error = await api.error("continue_update_rollback", StackName="s", ResourcesToSkip=["Z"])
    assert error.message == "Resources to skip must be in UPDATE_FAILED state: [Z]"
    await api("continue_update_rollback", StackName="s", ResourcesToSkip=["A"])
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: api.shelf.things[id_]["Size"] for name, id_ in api.shelf.names().items()} == {"A": 2, "Z": 1}


async def test_a_failed_update_can_stay(api: Api) -> None:
    """DisableRollback: UPDATE_FAILED, and from there on or, with RollbackStack, back to what it was."""
    await api.make({"A": {"Size": 1}, "B": {"Shape": "o"}})
    before = dict(api.shelf.things)
    api.shelf.broken["create", "C"] = failed("No room")
    new = {"A": {"Size": 2}, "B": {"Shape": "x"}, "C": {"Of": [{"Ref": "A"}, {"Ref": "B"}]}}
    await api.change(new, DisableRollback=True)
    assert await api.status() == "UPDATE_FAILED"
    # Another attempt fails as well: what was replaced twice is remembered as it was in the beginning.
    await api.change(new | {"B": {"Shape": "y"}}, DisableRollback=True)
    assert await api.status() == "UPDATE_FAILED"
    await api("rollback_stack", StackName="s")
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert api.shelf.things == before


async def test_a_deletion_fails(api: Api) -> None:
    """DELETE_FAILED; then RetainResources, or FORCE_DELETE_STACK, leaves what cannot be deleted."""
    ids = {}
    for name in ("s", "t"):
        ids[name] = await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}, "C": {}}, name)
    api.shelf.broken["delete", "B"] = failed("Still in use")
    for name in ids:
        await api("delete_stack", StackName=name)
    await api.settle(1)
    stack = await api.stack()
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [B]. "
    assert await api.statuses() == {"A": "CREATE_COMPLETE", "B": "DELETE_FAILED", "C": "DELETE_COMPLETE"}
    await api("delete_stack", StackName="s", RetainResources=["B"])
    await api("delete_stack", StackName="t", DeletionMode="FORCE_DELETE_STACK")
    await api.settle(1)
    for name, id_ in ids.items():
        assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE", name
        assert (await api.statuses(id_))["B"] == "DELETE_SKIPPED"
    assert sorted(name.split("-")[1] for name in api.shelf.things) == ["B", "B"]


async def test_a_stack_is_deleted_while_it_is_made(api: Api) -> None:
    api.shelf.slow.add("A")
    id_ = await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}})
    await api("delete_stack", StackName="s")
    await api.settle(1)
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert api.shelf.things == {} and api.shelf.called("create") == ["A"]


async def test_needs_replacement(api: Api) -> None:
    """A kind may find out only then that a change takes another resource."""
    await api.make({"A": {"Size": 1}})
    before = api.shelf.names()["A"]
    await api.change({"A": {"Size": 2, "Moves": True}})
    await api.settle(1)
    assert await api.status() == "UPDATE_COMPLETE"
    assert list(api.shelf.names()) == ["A"] and api.shelf.names()["A"] != before
    assert api.shelf.works[-1].physical_id == before, "the old one was deleted last"
    (made,) = [work for work in api.shelf.works if work.replaces]
    assert made.replaces == before


async def test_a_stack_stuck_between_two_templates_is_deleted_whole(api: Api) -> None:
    """What was replaced is still there then, beside what replaced it."""
    await api.make({"A": {"Shape": "o"}, "B": {"Shape": "o"}})
    api.shelf.broken["create", "C"] = failed("No room")
    new = {"A": {"Shape": "x"}, "B": {"Shape": "x"}, "C": {"Of": [{"Ref": "A"}, {"Ref": "B"}]}}
    await api.change(new, DisableRollback=True)
    assert len(api.shelf.things) == 4
    await api("delete_stack", StackName="s")
    await api.settle(2)
    assert api.shelf.things == {}


async def test_nothing_is_kept_of_former_templates(api: Api) -> None:
    """However often a stack is updated, well or not, and change sets are made for it."""
    await api.make({"A": {"Size": 1}})
    for size in (2, 3, 4):
        api.shelf.broken = {} if size % 2 else {("create", "B"): failed("No room")}
        await api.change({"A": {"Size": size}, "B": {}})
        await api.settle(2)
        await api("create_change_set", StackName="s", ChangeSetName="c", UsePreviousTemplate=True)
        await api("delete_change_set", StackName="s", ChangeSetName="c")
    assert api.cloud.store.table(StackTemplate).count(api.ctx.scope) == 1


async def test_an_export_is_free_again_after_a_failed_update(api: Api) -> None:
    await api.make({"X": {}}, "from", template={"Outputs": {"O": {"Value": "1", "Export": {"Name": "e"}}}})
    await api.make({"A": {"Size": 1}})
    api.shelf.broken["create", "B"] = failed("No room")
    await api.change({"A": {"Size": {"Fn::ImportValue": "e"}}, "B": {"Of": {"Ref": "A"}}})
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    await api("delete_stack", StackName="from")
    await api.settle(1)
    assert (await api.error("describe_stacks", StackName="from")).message == "Stack with id from does not exist"


async def test_values_that_cannot_be_looked_up(api: Api) -> None:
    """An error of the service that has them fails the resource; one that passes is waited for."""
    answers: list[Any] = [refused("Rate exceeded", "Throttling"), refused("You may not", "AccessDeniedException")]

    def get_parameter(Name: str) -> dict[str, Any]:
        raise answers.pop(0)

    api.fakes["ssm", "get_parameter"] = get_parameter
    await api.make({"A": {"Word": "{{resolve:ssm:/p}}"}})
    await api.settle(5)
    assert "A CREATE_FAILED You may not" in await api.events()
    assert await api.status() == "ROLLBACK_COMPLETE" and answers == []


async def test_what_an_error_of_the_server_has_made_is_deleted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to the last attempt was lost, though it made something: that is looked for before all is given up."""
    looked: list[str] = []

    async def found(_: ThingKind, work: Work) -> str:
        looked.append(work.name)
        if len(looked) == 13:
            api.shelf.things[work.name] = {}
        return work.name if work.name in api.shelf.things else ""

    monkeypatch.setattr(ThingKind, "found", found)
    api.shelf.broken["create", "A"] = refused("Out of order", "InternalError", 500)
    await api.make({"A": {}})
    await api.settle(600)
    assert await api.status() == "ROLLBACK_COMPLETE"
    assert len(looked) == 13 and api.shelf.called("delete") == ["A"]
    assert api.shelf.things == {}


async def test_a_missing_secret_is_said_by_secrets_manager(api: Api) -> None:
    def get_secret_value(SecretId: str) -> dict[str, Any]:
        raise refused("Secrets Manager can't find the specified secret.", "ResourceNotFoundException")

    api.fakes["secretsmanager", "get_secret_value"] = get_secret_value
    await api.make({"A": {"Word": "{{resolve:secretsmanager:db}}"}})
    assert (
        "A CREATE_FAILED Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; "
        "Status Code: 400; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)"
    ) in await api.events()
    assert api.shelf.called("create") == []


async def test_a_secret_may_be_gone_when_it_is_not_needed_any_more(api: Api) -> None:
    secret = "{{resolve:secretsmanager:db}}"
    answers: dict[str, Any] = {"SecretString": "hush"}

    def get_secret_value(SecretId: str) -> dict[str, Any]:
        if not answers:
            raise refused("Secrets Manager can't find the specified secret.", "ResourceNotFoundException")
        return answers

    api.fakes["secretsmanager", "get_secret_value"] = get_secret_value
    await api.make({"A": {"Word": secret}, "B": {"Word": secret}})
    answers.clear()
    await api.change({"A": {"Word": "loud"}, "B": {"Word": secret}})
    await api.settle(2)
    assert await api.status() == "UPDATE_COMPLETE"
    assert [thing["Word"] for thing in api.shelf.things.values()] == ["loud", "hush"]
    await api("delete_stack", StackName="s")
    await api.settle(2)
    assert api.shelf.things == {}
