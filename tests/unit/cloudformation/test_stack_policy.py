"""Stack policies: what they allow, and that an update cannot pass them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, template

from cloudarium.services.cloudformation.engine import policy

_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


def _deny(**more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"} | more


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([_ALL], True),
        ([_ALL, _deny(Resource="LogicalResourceId/A")], False),
        ([_ALL, _deny(Resource="LogicalResourceId/B*")], True),
        ([_ALL, _deny(Action=["Update:Replace", "Update:Delete"])], True),
        ([_ALL, _deny(NotResource="LogicalResourceId/A")], True),
        ([_ALL, _deny(Condition={"StringEquals": {"ResourceType": ["T"]}})], False),
        ([_ALL, _deny(Condition={"StringLike": {"ResourceType": ["AWS::RDS::*"]}})], True),
        ([{**_ALL, "Resource": "LogicalResourceId/B"}], False),
        ([{"Effect": "Allow", "NotAction": "Update:Delete", "Principal": "*", "Resource": "*"}], True),
    ],
)
def test_what_is_allowed(statements: list[dict[str, Any]], allowed: bool) -> None:
    checked = policy.checked(json.dumps({"Statement": statements}))
    assert (policy.denied(checked, "Update:Modify", "A", "T") == "") is allowed


_NONE = ({"Effect": "No"}, _ALL | {"Action": "s3:*"})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"Statement": []}', "[" * 5000, *(json.dumps({"Statement": each}) for each in _NONE)],
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(policy.BadPolicy):
        policy.checked(text)


async def test_an_update_cannot_pass_it(api: Api) -> None:
    text = json.dumps({"Statement": [_ALL, _deny(Resource="LogicalResourceId/A")]})
    await api.make({"A": {"Size": 1}, "B": {"Size": 1}}, StackPolicyBody=text)
    assert (await api("get_stack_policy", StackName="s"))["StackPolicyBody"] == text
    await api.change({"A": {"Size": 2}, "B": {"Size": 2}})
    await api.settle(2)
    assert await api.status() == "UPDATE_ROLLBACK_COMPLETE"
    reason = "Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource "
    assert f"A UPDATE_FAILED {reason}[LogicalResourceId/A]" in await api.events()
    await api.change({"B": {"Size": 1}})
    await api.settle(2)
    assert "A" in api.shelf.names(), "removing it is an update too"
    await api("update_stack", StackName="s", TemplateBody=template({"A": {"Size": 2}, "B": {"Size": 2}}),
              StackPolicyDuringUpdateBody=json.dumps({"Statement": [_ALL]}))  # fmt: skip
    await api.settle(2)
    assert await api.status() == "UPDATE_COMPLETE"
    await api("set_stack_policy", StackName="s", StackPolicyBody=json.dumps({"Statement": [_ALL]}))
    await api.change({"B": {"Size": 2}})
    await api.settle(2)
    assert sorted(api.shelf.names()) == ["B"]
