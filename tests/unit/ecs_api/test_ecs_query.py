"""The cluster query language: the documentation's examples, precedence, and whatever anybody types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.ecs.placement import Candidate, QueryError, expression

SMALL = Candidate(
    "a",
    attributes={"ecs.instance-type": "t2.small", "stack": "prod", "ssd": None, "rank": "9"},
    zone="us-east-1a",
    groups={"service:production": 1, "database": 0},
    running=1,
    agent_version="1.14.4",
    ec2_instance_id="i-abcd1234",
    registered_at=1_500_000_000.0,
)
BIG = Candidate(
    "b",
    attributes={"ecs.instance-type": "g2.2xlarge", "rank": "10"},
    zone="us-east-1d",
    groups={"database": 2},
    running=3,
    agent_version="1.99.1",
    ec2_instance_id="i-wxyx7890",
    registered_at=1_700_000_000.0,
    agent_connected=False,
)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("attribute:ecs.instance-type == t2.small", "a"),
        ("attribute:ecs.instance-type equals t2.small", "a"),
        ("attribute:ecs.instance-type != t2.small", "b"),
        ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", "a"),
        ("attribute:ecs.availability-zone not_in ['us-east-1a']", "b"),
        ("attribute:ecs.availability-zone !in [us-east-1a]", "b"),
        ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1a", "b"),
        ("attribute:ecs.instance-type matches t2\\..*|t3\\..*", "a"),
        ("attribute:ecs.instance-type !~ t2.*", "b"),
        ("task:group == service:production", "a"),
        ("not(task:group == database)", "a"),
        ("!(task:group == database)", "a"),
        ("task:group =~ service:.*", "a"),
        ("runningTasksCount == 1", "a"),
        ("runningTasksCount > 1", "b"),
        ("agentVersion < 1.14.5", "a"),
        ("agentVersion >= 1.14.10", "b"),
        ("agentConnected == false", "b"),
        ("registeredAt < 2018-02-13", "a"),
        ("registeredAt > 2018-06-18T22:28:28+00:00", "b"),
        ("ec2InstanceId in ['i-abcd1234', \"i-x\"]", "a"),
        ("attribute:stack exists", "a"),
        ("attribute:ssd exists", "a"),
        ("attribute:stack not_exists", "b"),
        ("attribute:stack !exists", "b"),
        ("attribute:rank > 9", "b"),
        ("attribute:stack == prod or attribute:nothing == x", "a"),
        ("runningTasksCount > 0 && attribute:stack == prod || attribute:nothing exists", "a"),
        ("runningTasksCount > 0 and (attribute:nothing exists or attribute:rank == 10)", "b"),
        ("not not attribute:stack exists", "a"),
    ],
)
def test_what_an_expression_selects(text: str, selected: str) -> None:
    assert [each.id for each in (SMALL, BIG) if expression(text)(each)] == [selected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "attribute:x",
        "attribute: == y",
        "attribute:x ==",
        "attribute:x in a",
        "attribute:x in [a",
        "attribute:x in []",
        "(attribute:x exists",
        "attribute:x exists)",
        "nonsense == 1",
        "runningTasksCount =~ 1",
        "runningTasksCount == many",
        "registeredAt > yesterday",
        "agentVersion == x",
        "attribute:x =~ (a+)+",
        "attribute:x =~ [",
        "attribute:x =~ .*.*.*.*x",
        "attribute:x exists and",
        "(" * 100 + "attribute:x exists" + ")" * 100,
        "not " * 400 + "attribute:x exists",
        "x" * 3000,
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(QueryError):
        expression(text)


_PIECES = st.sampled_from(
    [
        *("attribute:a", "task:group", "runningTasksCount", "agentVersion", "1", "1.2", "x", "'q", '"q"', ".*"),
        *("==", "!=", "=~", "!~", "in", "!in", ">", "exists", "and", "or", "not", "!", "&&", "||"),
        *("[", "]", "(", ")", ",", " ", "\t"),
    ]
)


@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.text(max_size=80))
def test_anything_is_an_expression_or_an_error(text: str) -> None:
    try:
        found = expression(text)
    except QueryError:
        return
    assert found(SMALL) in (True, False)
    assert found(BIG) in (True, False)


_TERM = st.sampled_from(["attribute:stack exists", "runningTasksCount > 1", "task:group == database"])
_TREE = st.recursive(
    _TERM.map(lambda text: (text, text)),
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(
            lambda t: (f"({t[1][0]} {t[0]} {t[2][0]})", (t[0], t[1][1], t[2][1]))
        )
        | inner.map(lambda one: (f"not {one[0]}", ("not", one[1])))
    ),
    max_leaves=8,
)


def _value(tree: object, candidate: Candidate) -> bool:
    if isinstance(tree, str):
        return expression(tree)(candidate)
    assert isinstance(tree, tuple)
    if tree[0] == "not":
        return not _value(tree[1], candidate)
    left, right = _value(tree[1], candidate), _value(tree[2], candidate)
    return (left and right) if tree[0] == "and" else (left or right)


@given(_TREE)
def test_compound_expressions_mean_what_they_are_made_of(tree: tuple[str, object]) -> None:
    text, meaning = tree
    for candidate in (SMALL, BIG):
        assert expression(text)(candidate) is _value(meaning, candidate)
