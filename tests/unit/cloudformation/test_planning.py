"""What is next for a stack, and how its failures, names and templates' addresses read: the pure parts."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.cloudformation.engine import failures, names
from cloudarium.services.cloudformation.engine.changes import Causes, details, replacement
from cloudarium.services.cloudformation.engine.planning import MOST_AT_ONCE, decide, deletable, startable
from cloudarium.services.cloudformation.engine.wanted import iso_seconds
from cloudarium.services.cloudformation.resources import Made, StackResource
from cloudarium.services.cloudformation.template import Resource


class _Schema:
    create_only = frozenset({"Shape", "Deep.Down"})
    conditional_create_only = frozenset({"Maybe"})
    tag_property = "Tags"

    def replaced(self, before: Any, after: Any) -> set[str]:
        return {name for name in ("Shape",) if before.get(name) != after.get(name)}


def _made(*needs: str, **properties: Any) -> Made:
    return Made(type="T", physical_id="p", properties=properties, depends_on=needs)


def _row(name: str, *needs: str) -> StackResource:
    return StackResource(key=name, stack_id="s", logical_id=name, type="T", updated=0, made=_made(*needs))


def test_what_is_started() -> None:
    needs = {"A": frozenset[str](), "B": frozenset({"A"}), "C": frozenset({"A", "B"}), "D": frozenset[str]()}
    assert startable(needs, (), ()) == ["A", "D"]
    assert startable(needs, ["A"], ["A", "D"]) == ["B"]
    assert startable(needs, ["A", "B"], ["A", "B", "D"]) == ["C"]
    many = {f"R{number}": frozenset[str]() for number in range(100)}
    assert len(startable(many, (), ())) == MOST_AT_ONCE
    assert len(startable(many, ["R0"], ["R0", "R1", "R2"])) == MOST_AT_ONCE - 2


def test_what_is_deleted() -> None:
    a, b, c = _row("A"), _row("B", "A"), _row("C", "B")
    assert deletable([a, b, c], [a, b, c]) == [c]
    assert deletable([a, b], [a, b]) == [b]
    assert deletable([a], [a]) == [a]


@pytest.mark.parametrize(
    ("made", "wanted", "decision"),
    [
        (None, _made(Size=1), "create"),
        (_made(Size=1), _made(Size=1), "keep"),
        (_made(Size=1), _made(Size=2), "update"),
        (_made(Shape="o"), _made(Shape="x"), "replace"),
        (_made(), Made(type="Other"), "replace"),
        (_made(), Made(type="T", tags={"k": "v"}), "update"),
    ],
)
def test_what_is_done_to_a_resource(made: Made | None, wanted: Made, decision: str) -> None:
    assert decide(made, wanted, _Schema()) == decision


@pytest.mark.parametrize(
    ("name", "expected"), [("Size", "False"), ("Shape", "True"), ("Deep", "Conditional"), ("Maybe", "Conditional")]
)
def test_what_is_replaced(name: str, expected: str) -> None:
    old, new = (Resource(logical_id="A", type="T", properties={name: value}) for value in (1, 2))
    found = details({name: 1}, {name: 2}, old, new, Causes(), _Schema())
    assert replacement(found) == expected


def test_names_follow_from_what_is_stored() -> None:
    name = names.physical_name("arn:1", "stack", "Queue", 1)
    assert name == names.physical_name("arn:1", "stack", "Queue", 1)
    assert name.startswith("stack-Queue-") and len(name) == len("stack-Queue-") + 12
    others = {names.physical_name(id_, "stack", "Queue", number) for id_ in ("arn:1", "arn:2") for number in (1, 2)}
    assert len(others) == 4
    tokens = {names.token("arn:1", "Queue", number, action, stage)
              for number in (1, 2) for action in ("create", "update") for stage in ("a:forward", "a:back")}  # fmt: skip
    assert len(tokens) == 6, "a creation is the same in every phase"


@pytest.mark.parametrize(
    ("error", "code", "passes"),
    [
        (AwsError("InvalidParameterValue", "", 400), "InvalidRequest", False),
        (AwsError("BucketAlreadyExists", "", 409), "AlreadyExists", False),
        (AwsError("InvalidVpcID.NotFound", "", 400), "NotFound", False),
        (AwsError("AccessDeniedException", "", 400), "AccessDenied", False),
        (AwsError("VpcLimitExceeded", "", 400), "ServiceLimitExceeded", False),
        (AwsError("DependencyViolation", "", 400), "ResourceConflict", False),
        (AwsError("Throttling", "", 400), "Throttling", True),
        (AwsError("ServiceUnavailable", "", 503), "ServiceInternalError", True),
        (NotThere("This"), "ServiceInternalError", False),
    ],
)
def test_errors_of_services(error: AwsError, code: str, passes: bool) -> None:
    assert (failures.handler_code(error), failures.passes(error)) == (code, passes)


@pytest.mark.parametrize(("text", "seconds"), [("PT5M", 300), ("PT1H15M30S", 4530), ("PT100H", 43_200)])
def test_durations(text: str, seconds: float) -> None:
    assert iso_seconds(text) == seconds
