"""Change sets: what they say would change, and doing it."""

from __future__ import annotations

from typing import Any

from tests.unit.cloudformation.conftest import Api, template


async def _changes(api: Api, resources: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    """The changes by logical id, of a change set for the stack ``s``."""
    text = template(resources, **more.pop("template", {}))
    await api("create_change_set", StackName="s", ChangeSetName="c", TemplateBody=text, **more)
    found = await api("describe_change_set", StackName="s", ChangeSetName="c", IncludePropertyValues=True)
    assert found["Status"] == "CREATE_COMPLETE", found.get("StatusReason")
    await api("delete_change_set", StackName="s", ChangeSetName="c")
    return {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in found["Changes"]}


def _why(change: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (
            e["Target"].get("Name", e["Target"]["Attribute"]),
            e["ChangeSource"],
            e["Evaluation"],
            e.get("CausingEntity", ""),
        )
        for e in change["Details"]
    ]


async def test_a_stack_is_reviewed_and_made(api: Api) -> None:
    answer = await api("create_change_set", StackName="s", ChangeSetName="c", ChangeSetType="CREATE",
                       TemplateBody=template({"A": {"Size": 1}}))  # fmt: skip
    assert await api.status() == "REVIEW_IN_PROGRESS"
    error = await api.error("update_stack", StackName="s", TemplateBody=template({}))
    assert error.message.endswith("is in REVIEW_IN_PROGRESS state and can not be updated.")
    found = await api("describe_change_set", ChangeSetName=answer["Id"])
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    (change,) = found["Changes"]
    assert change["ResourceChange"]["Action"] == "Add" and change["ResourceChange"]["Scope"] == []
    await api("execute_change_set", ChangeSetName=answer["Id"])
    await api.settle()
    assert await api.status() == "CREATE_COMPLETE"
    assert (await api.stack())["ChangeSetId"] == answer["Id"]
    assert (await api("describe_change_set", ChangeSetName=answer["Id"]))["ExecutionStatus"] == "EXECUTE_COMPLETE"
    error = await api.error("execute_change_set", ChangeSetName=answer["Id"])
    assert error.code == "InvalidChangeSetStatus"
    error = await api.error("create_change_set", StackName="s", ChangeSetName="d", ChangeSetType="CREATE",
                            TemplateBody=template({"A": {}}))  # fmt: skip
    assert error.message == "Stack [s] already exists and cannot be created again with the changeSet [d]."


async def test_actions_and_replacement(api: Api) -> None:
    await api.make({"Same": {"Size": 1}, "Grown": {"Size": 1}, "Formed": {"Shape": "o"}, "Gone": {},
                    "Kept": {"Properties": {}, "DeletionPolicy": "Retain"}})  # fmt: skip
    found = await _changes(api, {"Same": {"Size": 1}, "Grown": {"Size": 2}, "Formed": {"Shape": "x"}, "New": {},
                                 "User": {"Of": {"Ref": "Formed"}}})  # fmt: skip
    kinds = {name: (e["Action"], e.get("Replacement"), e.get("PolicyAction")) for name, e in found.items()}
    assert kinds == {
        "Gone": ("Remove", None, "Delete"),
        "Kept": ("Remove", None, "Retain"),
        "Grown": ("Modify", "False", None),
        "Formed": ("Modify", "True", "ReplaceAndDelete"),
        "New": ("Add", None, None),
        "User": ("Add", None, None),
    }
    assert _why(found["Grown"]) == [("Size", "DirectModification", "Static", "")]
    target = found["Grown"]["Details"][0]["Target"]
    assert (target["BeforeValue"], target["AfterValue"], target["Path"]) == ("1", "2", "/Properties/Size")
    assert found["Formed"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    assert found["User"]["AfterContext"] == '{"Properties":{"Of":"{{changeSet:KNOWN_AFTER_APPLY}}"}}'
    assert len(api.shelf.calls) == 5, "nothing was done"


async def test_causes(api: Api) -> None:
    """What refers to what changes, changes: by a parameter, by a new resource, maybe by an attribute."""
    parameters: dict[str, Any] = {"Parameters": {"P": {"Type": "String", "Default": "1"}}}
    resources = {
        "A": {"Shape": {"Ref": "P"}},
        "B": {"Of": {"Ref": "A"}, "Shape": {"Ref": "A"}},
        "C": {"Of": {"Fn::GetAtt": ["D", "Size"]}},
        "D": {"Size": {"Ref": "P"}},
        "E": {"Of": {"Ref": "D"}},
    }
    await api.make(resources, template=parameters)
    found = await _changes(
        api, resources, template=parameters, Parameters=[{"ParameterKey": "P", "ParameterValue": "2"}]
    )
    assert sorted(found) == ["A", "B", "C", "D"], "E refers to what stays"
    assert _why(found["A"]) == [
        ("Shape", "ParameterReference", "Static", "P"),
        ("Shape", "DirectModification", "Dynamic", ""),
    ]
    assert _why(found["B"]) == [
        ("Of", "ResourceReference", "Dynamic", "A"),
        ("Shape", "ResourceReference", "Dynamic", "A"),
    ]
    assert _why(found["C"]) == [("Of", "ResourceAttribute", "Dynamic", "D.Size")]
    assert [found[name]["Replacement"] for name in "ABCD"] == ["True", "True", "False", "False"]


async def test_what_may_be_replaced_may_replace_others(api: Api) -> None:
    """A new resource that is not certain does not make another one certain."""
    resources = {
        "A": {"Size": 1},
        "B": {"Shape": {"Fn::GetAtt": ["A", "Name"]}},
        "C": {"Shape": {"Ref": "B"}},
        "D": {"Of": {"Ref": "C"}},
    }
    await api.make(resources)
    found = await _changes(api, resources | {"A": {"Size": 2}})
    assert {name: each["Replacement"] for name, each in found.items()} == {
        "A": "False",
        "B": "Conditional",
        "C": "Conditional",
        "D": "False",
    }
    assert _why(found["C"]) == [("Shape", "ResourceReference", "Dynamic", "B")]


async def test_tags_and_metadata(api: Api) -> None:
    await api.make({"A": {}, "B": {"Properties": {}, "Metadata": {"n": 1}}})
    found = await _changes(api, {"A": {}, "B": {"Properties": {}, "Metadata": {"n": 2}}})
    assert (found["B"]["Scope"], "A" in found) == (["Metadata"], False)
    found = await _changes(api, {"A": {}, "B": {"Properties": {}, "Metadata": {"n": 1}}},
                           Tags=[{"Key": "k", "Value": "v"}])  # fmt: skip
    assert {name: each["Scope"] for name, each in found.items()} == {"A": ["Tags"], "B": ["Tags"]}


async def test_values_of_noecho_parameters_are_not_told(api: Api) -> None:
    parameters: dict[str, Any] = {"Parameters": {"P": {"Type": "String", "NoEcho": True}}}
    resources = {"A": {"Word": {"Ref": "P"}}}
    await api.make(resources, template=parameters, Parameters=[{"ParameterKey": "P", "ParameterValue": "hush-1"}])
    found = await _changes(
        api, resources, template=parameters, Parameters=[{"ParameterKey": "P", "ParameterValue": "hush-2"}]
    )
    assert "hush" not in repr(found)
    assert found["A"]["Details"][0]["Target"]["AfterValue"] == "****"


async def test_one_without_changes_has_failed(api: Api) -> None:
    await api.make({"A": {}})
    await api("create_change_set", StackName="s", ChangeSetName="c", UsePreviousTemplate=True)
    found = await api("describe_change_set", StackName="s", ChangeSetName="c")
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    error = await api.error("execute_change_set", StackName="s", ChangeSetName="c")
    assert error.message.endswith("cannot be executed in its current status of [FAILED]")
    error = await api.error("create_change_set", StackName="s", ChangeSetName="c", UsePreviousTemplate=True)
    assert (error.code, error.message) == ("AlreadyExistsException", "ChangeSet c already exists")


async def test_they_belong_to_their_stack(api: Api) -> None:
    """Each stack has its own, whatever they are called; when one is executed the others go."""
    for name in ("s", "t"):
        await api.make({"A": {"Size": 1}}, name)
        for change_set in ("c", "d"):
            await api("create_change_set", StackName=name, ChangeSetName=change_set,
                      TemplateBody=template({"A": {"Size": 2}}))  # fmt: skip
    await api("execute_change_set", StackName="s", ChangeSetName="c")
    await api.settle(1)
    assert await api.status("s") == "UPDATE_COMPLETE" and await api.status("t") == "CREATE_COMPLETE"
    listed = {name: (await api("list_change_sets", StackName=name))["Summaries"] for name in ("s", "t")}
    assert {name: [each["ChangeSetName"] for each in found] for name, found in listed.items()} == {
        "s": ["c"],
        "t": ["c", "d"],
    }
    error = await api.error("describe_change_set", StackName="s", ChangeSetName="d")
    assert (error.code, error.message) == ("ChangeSetNotFound", "ChangeSet [d] does not exist")
    text = await api("get_template", StackName="t", ChangeSetName="c")
    assert '"Size": 2' in text["TemplateBody"]


async def test_imports_are_refused_by_name(api: Api) -> None:
    error = await api.error("create_change_set", StackName="s", ChangeSetName="c", ChangeSetType="IMPORT",
                            TemplateBody=template({"A": {}}))  # fmt: skip
    assert error.code == "NotImplemented" and "Importing resources" in error.message
