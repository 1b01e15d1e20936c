"""What nobody may see is not in change sets, reasons, events nor records."""

from __future__ import annotations

import json

import pytest
from tests.unit.cloudformation.conftest import SCOPE, Api, refused, template

from cloudarium.services.cloudformation.resources import StackEvent, StackResource

_SECRET = "hunter2-hunter2"
_HIDDEN = {"Parameters": {"P": {"Type": "String", "NoEcho": True}}}
_GIVEN = [{"ParameterKey": "P", "ParameterValue": _SECRET}]


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_change_set_does_not_show_what_was_hidden(api: Api, keeps: bool) -> None:
    """Nor when the parameter goes, or is hidden no more."""
    await api.make({"A": {"Size": {"Ref": "P"}}, "B": {}}, template=_HIDDEN, Parameters=_GIVEN)
    text = template({"A": {"Size": "1"}, "B": {}} if keeps else {"B": {}})
    await api("create_change_set", StackName="s", ChangeSetName="c", TemplateBody=text)
    found = await api("describe_change_set", StackName="s", ChangeSetName="c", IncludePropertyValues=True)
    assert [each["ResourceChange"]["Action"] for each in found["Changes"]] == ["Modify" if keeps else "Remove"]
    assert _SECRET not in json.dumps(found, default=str)


async def test_a_reason_does_not_repeat_it(api: Api) -> None:
    api.shelf.broken["create", "A"] = refused(f"1 validation error: Value '{_SECRET}' is weak")
    await api.make({"A": {"Size": {"Ref": "P"}}}, template=_HIDDEN, Parameters=_GIVEN, DisableRollback=True)
    (said,) = [each for each in await api.events() if "A CREATE_FAILED" in each]
    assert "Value '****' is weak" in said


async def test_a_reason_does_not_repeat_a_secret_either(api: Api) -> None:
    api.fakes["secretsmanager", "get_secret_value"] = lambda SecretId: {"SecretString": _SECRET}
    api.shelf.broken["create", "A"] = refused(f"1 validation error: Value '{_SECRET}' is weak")
    await api.make({"A": {"Size": "{{resolve:secretsmanager:x}}"}}, DisableRollback=True)
    (said,) = [each for each in await api.events() if "A CREATE_FAILED" in each]
    assert "Value '****' is weak" in said
    assert api.shelf.works[-1].properties == {"Size": _SECRET}
    events, resources = (api.cloud.store.table(kind).all(SCOPE) for kind in (StackEvent, StackResource))
    assert _SECRET not in repr([*events, *resources])
