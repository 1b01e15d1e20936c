"""Exports and imports: values that stacks of one account and region share."""

from __future__ import annotations

from typing import Any

from tests.unit.cloudformation.conftest import Api, template


def _exports(size: str = "1", name: str = "size") -> dict[str, Any]:
    return {"Outputs": {"Size": {"Value": size, "Export": {"Name": name}}}}


async def test_what_is_imported_stays(api: Api) -> None:
    await api.make({"A": {}}, "from", template=_exports())
    await api.make({"B": {"Size": {"Fn::ImportValue": "size"}}}, "to")
    assert api.shelf.things[api.shelf.names()["B"]]["Size"] == "1"
    (export,) = (await api("list_exports"))["Exports"]
    assert (export["Name"], export["Value"]) == ("size", "1")
    assert (await api("list_imports", ExportName="size"))["Imports"] == ["to"]
    in_use = "Export size cannot be {} as it is in use by to"
    await api.change({"A": {}}, "from", template=_exports("2"))
    await api.settle(2)
    assert await api.status("from") == "UPDATE_ROLLBACK_COMPLETE"
    assert f"from UPDATE_ROLLBACK_IN_PROGRESS {in_use.format('updated')}" in await api.events("from")
    await api.change({"A": {}}, "from", template={"Outputs": {"Size": {"Value": "1"}}})
    await api.settle(2)
    assert f"from UPDATE_ROLLBACK_IN_PROGRESS {in_use.format('deleted')}" in await api.events("from")
    await api("delete_stack", StackName="from")
    await api.settle(2)
    stack = await api.stack("from")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stack["StackStatusReason"] == in_use.format("deleted")
    await api("delete_stack", StackName="to")
    await api.settle(2)
    error = await api.error("list_imports", ExportName="size")
    assert error.message == "Export 'size' is not imported by any stack."
    await api("delete_stack", StackName="from")
    await api.settle(2)
    assert (await api("list_exports"))["Exports"] == []
    assert api.shelf.things == {}


async def test_names_of_exports_are_unique(api: Api) -> None:
    await api.make({"A": {}}, "one", template=_exports())
    await api.make({"A": {}}, "two", template=_exports())
    await api.settle(1)
    assert await api.status("two") == "ROLLBACK_COMPLETE"
    reason = "Export with name size is already exported by stack one. Rollback requested by user."
    assert f"two ROLLBACK_IN_PROGRESS {reason}" in await api.events("two")


async def test_what_nobody_exports(api: Api) -> None:
    await api.make({"A": {"Size": {"Fn::ImportValue": "size"}}})
    assert await api.status() == "ROLLBACK_COMPLETE"
    reason = "No export named size found. Rollback requested by user."
    assert f"s ROLLBACK_IN_PROGRESS {reason}" in await api.events()


async def test_an_import_may_go(api: Api) -> None:
    """Once an update no longer uses an export, it can be taken away."""
    await api.make({"A": {}}, "from", template=_exports())
    await api.make({"B": {"Size": {"Fn::ImportValue": "size"}}}, "to")
    await api.change({"B": {"Size": "1", "More": 1}}, "to")
    await api.settle(1)
    await api("update_stack", StackName="from", TemplateBody=template({"A": {}}, Outputs={}))
    await api.settle(1)
    assert await api.status("from") == "UPDATE_COMPLETE"
    assert (await api("list_exports"))["Exports"] == []


async def test_nobody_leans_on_what_is_going(api: Api) -> None:
    """A deletion that is under way takes the exports with it in the end."""
    await api.make({"A": {}}, "from", template=_exports())
    api.shelf.staying.add("A")
    await api("delete_stack", StackName="from")
    await api.settle(1)
    assert await api.status("from") == "DELETE_IN_PROGRESS"
    await api.make({"B": {"Size": {"Fn::ImportValue": "size"}}}, "to")
    await api.settle(1)
    assert await api.status("to") == "ROLLBACK_COMPLETE"
    assert "to ROLLBACK_IN_PROGRESS No export named size found. Rollback requested by user." in await api.events("to")
    api.shelf.staying.clear()
    await api.settle(5)
    assert api.shelf.things == {}
