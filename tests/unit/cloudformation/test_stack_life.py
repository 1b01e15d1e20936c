"""Stacks from creation to deletion: order, states and events."""

from __future__ import annotations

from tests.unit.cloudformation.conftest import Api, refused


async def test_a_stack_is_made_in_order(api: Api) -> None:
    """Each resource once those are there that it needs; events in AWS's order."""
    await api.make(
        {"B": {"Of": {"Ref": "A"}, "Size": {"Fn::GetAtt": ["A", "Size"]}}, "A": {"Size": "3"}},
        template={"Outputs": {"Out": {"Value": {"Ref": "B"}, "Export": {"Name": "x"}}}},
    )
    assert api.shelf.called("create") == ["A", "B"]
    assert await api.events() == [
        "s CREATE_IN_PROGRESS User Initiated",
        "A CREATE_IN_PROGRESS",
        "A CREATE_IN_PROGRESS Resource creation Initiated",
        "A CREATE_COMPLETE",
        "B CREATE_IN_PROGRESS",
        "B CREATE_IN_PROGRESS Resource creation Initiated",
        "B CREATE_COMPLETE",
        "s CREATE_COMPLETE",
    ]
    made = {name.split("-")[1]: properties for name, properties in api.shelf.things.items()}
    assert made["B"]["Size"] == "3"
    assert made["B"]["Of"].startswith("s-A-")
    (output,) = (await api.stack())["Outputs"]
    assert output["ExportName"] == "x" and output["OutputValue"].startswith("s-B-")


async def test_what_fails_is_taken_back(api: Api) -> None:
    """Deleted in reverse, with the reason in AWS's words; what was under way is cancelled."""
    api.shelf.slow.add("C")
    api.shelf.broken["create", "B"] = refused("No room")
    await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}, "C": {}})
    await api.settle(2)
    events = await api.events()
    assert "C CREATE_FAILED Resource creation cancelled" in events
    details = "(Service: Shelf, Status Code: 400, Request ID: r-1)"
    said = f'B CREATE_FAILED Resource handler returned message: "No room {details}" (RequestToken: '
    (why,) = [each for each in events if each.startswith(said)]
    assert why.endswith(", HandlerErrorCode: InvalidRequest)")
    reason = "The following resource(s) failed to create: [B, C]. Rollback requested by user."
    assert f"s ROLLBACK_IN_PROGRESS {reason}" in events
    assert await api.status() == "ROLLBACK_COMPLETE"
    assert api.shelf.things == {}
    assert set((await api.statuses()).values()) == {"DELETE_COMPLETE"}


async def test_a_stack_is_deleted_in_reverse(api: Api) -> None:
    id_ = await api.make({"A": {}, "B": {"Of": {"Ref": "A"}}, "K": {"Properties": {}, "DeletionPolicy": "Retain"}})
    await api("delete_stack", StackName="s")
    await api.settle(2)
    assert api.shelf.called("delete") == ["B", "A"]
    assert [name.split("-")[1] for name in api.shelf.things] == ["K"]
    assert (await api.error("describe_stacks", StackName="s")).message == "Stack with id s does not exist"
    assert (await api.stack(id_))["StackStatus"] == "DELETE_COMPLETE"
    assert await api.statuses(id_) == {"A": "DELETE_COMPLETE", "B": "DELETE_COMPLETE", "K": "DELETE_SKIPPED"}


async def test_an_update_changes_replaces_adds_and_removes(api: Api) -> None:
    await api.make({"Same": {"Size": 1}, "Grown": {"Size": 1}, "Formed": {"Shape": "o"}, "Gone": {}})
    before = {name.split("-")[1]: name for name in api.shelf.things}
    await api.change({"Same": {"Size": 1}, "Grown": {"Size": 2}, "Formed": {"Shape": "x"}, "New": {}})
    await api.settle(2)
    assert await api.status() == "UPDATE_COMPLETE"
    after = {name.split("-")[1]: name for name in api.shelf.things}
    assert set(after) == {"Same", "Grown", "Formed", "New"}
    assert after["Same"] == before["Same"] and after["Grown"] == before["Grown"]
    assert after["Formed"] != before["Formed"]
    assert api.shelf.things[after["Grown"]]["Size"] == 2
    assert api.shelf.called("update") == ["Grown"]
    assert sorted(api.shelf.called("delete")) == ["Formed", "Gone"]
    events = await api.events()
    cleanup = events.index("s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    assert events.index("Formed DELETE_IN_PROGRESS") > cleanup
    assert not any(event.startswith("Same UPDATE") for event in events)


async def test_a_failed_update_goes_back(api: Api) -> None:
    await api.make({"A": {"Size": 1}, "B": {"Shape": "o"}, "C": {"Size": 1, "Of": {"Ref": "B"}}})
    before = dict(api.shelf.things)
    api.shelf.broken["create", "D"] = refused("No room")
    await api.change({"A": {"Size": 2}, "B": {"Shape": "x"}, "C": {"Size": 2, "Of": {"Ref": "B"}},
                      "D": {"Of": {"Ref": "C"}}})  # fmt: skip
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert api.shelf.things == before
    events = await api.events()
    assert "s UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [D]. " in events
    assert set(await api.statuses()) == {"A", "B", "C"}
    await api("delete_stack", StackName="s")
    await api.settle(2)
    assert api.shelf.things == {}
