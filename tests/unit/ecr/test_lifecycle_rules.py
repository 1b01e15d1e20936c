"""Lifecycle policies: AWS's documented examples, its validation, and what holds for every policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecr.lifecycle.evaluate import DAY, Candidate, evaluate, selects
from cloudarium.services.ecr.lifecycle.policy import Rule, parse

NOW = 1_000 * DAY


def image(name: str, *tags: str, days: float = 0, **more: Any) -> Candidate:
    return Candidate(name, tags, NOW - days * DAY, **more)


def rule(priority: int = 1, **selection: Any) -> dict[str, Any]:
    action = selection.pop("action", {"type": "expire"})
    found = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1, **selection}
    return {"rulePriority": priority, "description": "x" * 60, "selection": found, "action": action}


def policy(*rules: dict[str, Any]) -> tuple[Rule, ...]:
    return parse(json.dumps({"rules": list(rules)}))


def tagged(priority: int, prefixes: list[str], **more: Any) -> dict[str, Any]:
    return rule(priority, tagStatus="tagged", tagPrefixList=prefixes, **more)


def by_age(days: int) -> dict[str, Any]:
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}


A = image("A", "beta-1", "prod-1", days=10)
B = image("B", "beta-2", "prod-2", days=9)
C = image("C", "beta-3", days=8)
UNTAGGED = [image("A", days=12), image("B", days=11), image("C", days=10), image("D", "t", days=9)]

# Examples of https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html, and relatives.
EXAMPLES: list[tuple[str, list[dict[str, Any]], list[Candidate], list[tuple[str, int]]]] = [
    (
        "several rules, A: rule 1 keeps B",
        [tagged(1, ["prod"]), tagged(2, ["beta"])],
        [A, B, C],
        [("A", 1)],
    ),
    ("several rules, B", [tagged(1, ["beta"]), tagged(2, ["prod"])], [A, B, C], [("A", 1), ("B", 1)]),
    (
        "several tags in a rule, A: images must have all",
        [tagged(1, ["alpha", "beta"], **by_age(5))],
        [
            image("A", "alpha-1", days=12),
            image("B", "beta-1", days=11),
            image("C", "alpha-2", "beta-2", days=10),
            image("D", "alpha-3", days=4),
            image("E", "beta-3", days=3),
            image("F", "alpha-4", "beta-4", days=2),
        ],
        [("C", 1)],
    ),
    (
        "several tags in a rule, B: they may have more",
        [tagged(1, ["alpha", "beta"])],
        [
            image("A", "alpha-1", "beta-1", "gamma-1", days=10),
            image("B", "alpha-2", "beta-2", days=9),
            image("C", "alpha-3", "beta-3", "gamma-2", days=8),
        ],
        [("A", 1), ("B", 1)],
    ),
    (
        "all images: only what no earlier rule decides about",
        [tagged(1, ["alpha"]), rule(2, tagStatus="untagged"), rule(3)],
        [
            image("A", "alpha-1", "beta-1", days=12),
            image("B", days=11),
            image("C", "alpha-2", days=10),
            image("D", "git-hash", days=9),
            image("E", days=8),
        ],
        [("A", 1), ("B", 2), ("D", 3)],
    ),
    (
        "untagged by count",
        [rule(1, tagStatus="untagged", countNumber=1)],
        UNTAGGED,
        [("A", 1), ("B", 1)],
    ),
    ("untagged by age", [rule(1, tagStatus="untagged", **by_age(11))], UNTAGGED, [("A", 1), ("B", 1)]),
    ("any, by count", [rule(1, countNumber=1)], [A, B, C], [("A", 1), ("B", 1)]),
    (
        "a later rule counts what an earlier one decides about",
        [tagged(1, ["prod"]), rule(2, countNumber=2)],
        [image("young", "prod-2", days=1), image("old", "prod-1", days=9), image("oldest", "x", days=10)],
        [("old", 1), ("oldest", 2)],
    ),
    (
        "age by pattern",
        [rule(1, tagStatus="tagged", tagPatternList=["prod*"], **by_age(14))],
        [image("A", "prod1", days=14), image("B", "prod2", days=13), image("C", "myprod", days=99)],
        [("A", 1)],
    ),
    (
        "wildcards anywhere",
        [rule(1, tagStatus="tagged", tagPatternList=["*-rc*"], countNumber=1)],
        [image("A", "1.0-rc1", days=3), image("B", "1.0-rc2", days=2), image("C", "1.0", days=9)],
        [("A", 1)],
    ),
    ("referenced by a list", [rule(1, countNumber=1)], [A._replace(referenced=True), B, C], [("B", 1)]),
    (
        "since pulled, or pushed when never pulled",
        [rule(1, countType="sinceImagePulled", countUnit="days", countNumber=5)],
        [
            image("pulled", days=90, pulled=NOW - DAY),
            image("idle", days=90, pulled=NOW - 6 * DAY),
            image("never", days=5),
            image("restored", days=90, pulled=NOW - 60 * DAY, activated=NOW - DAY),
        ],
        [("idle", 1), ("never", 1)],
    ),
    (
        "archived images are not selected",
        [rule(1, **by_age(1))],
        [image("A", days=9, storage_class="archive", archived=NOW), image("B", days=8)],
        [("B", 1)],
    ),
    (
        "since transitioned",
        [rule(1, storageClass="archive", countType="sinceImageTransitioned", countUnit="days", countNumber=90)],
        [
            image("old", days=400, storage_class="archive", archived=NOW - 90 * DAY),
            image("new", days=400, storage_class="archive", archived=NOW - 89 * DAY),
            image("standard", days=400),
        ],
        [("old", 1)],
    ),
]


@pytest.mark.parametrize(("rules", "images", "expected"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_examples(rules: list[dict[str, Any]], images: list[Candidate], expected: list[tuple[str, int]]) -> None:
    verdicts = evaluate(policy(*rules), images, NOW)
    assert sorted((each.image.digest, each.priority) for each in verdicts) == sorted(expected)


def test_transition() -> None:
    """The action is told apart from expiry, and rules of the two storage classes do not meet."""
    archive = {"type": "transition", "targetStorageClass": "archive"}
    expire = {"storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 90}
    rules = policy(rule(1, action=archive, **by_age(30)), rule(2, **expire))
    old = image("B", days=400, storage_class="archive", archived=NOW - 91 * DAY)
    verdicts = evaluate(rules, [image("A", days=40), old, image("C", days=20)], NOW)
    assert [(each.image.digest, each.action) for each in verdicts] == [("A", "transition"), ("B", "expire")]


# -- validation --------------------------------------------------------------------------------------------------------

BAD = {
    "no rules": ({}, 'object has missing required properties (["rules"])'),
    "rules no list": ({"rules": {}}, 'does not match any allowed primitive type (allowed: ["array'),
    "empty": ({"rules": []}, "array is too short"),
    "no selection": ({"rules": [{"rulePriority": 1, "action": {"type": "expire"}}]}, '(["selection"])'),
    "unknown property": ({"rules": [rule() | {"more": 1}]}, 'not allowed by the schema: (["more"])'),
    "priority 0": ({"rules": [rule(0)]}, "lower than the required minimum (minimum: 1, found: 0)"),
    "same priority": ({"rules": [rule(1), tagged(1, ["a"])]}, "rulePriority must be unique"),
    "any not last": ({"rules": [rule(1), tagged(2, ["a"])]}, "tagStatus any must have the highest value"),
    "two untagged": ({"rules": [rule(n, tagStatus="untagged") for n in (1, 2)]}, "only one rule is allowed to select"),
    "same prefixes": ({"rules": [tagged(1, ["a", "b"]), tagged(2, ["b", "a"])]}, "only one rule is allowed to select"),
    "tagged without list": ({"rules": [rule(tagStatus="tagged")]}, "tagPrefixList or tagPatternList must be specified"),
    "both lists": ({"rules": [tagged(1, ["a"], tagPatternList=["b"])]}, "cannot both be specified"),
    "untagged with list": ({"rules": [rule(tagStatus="untagged", tagPrefixList=["a"])]}, "must not be specified"),
    "five wildcards": ({"rules": [rule(tagStatus="tagged", tagPatternList=["*a*b*c*d*"])]}, "more than 4 wildcards"),
    "age without unit": ({"rules": [rule(countType="sinceImagePushed")]}, '(["countUnit"])'),
    "count with unit": ({"rules": [rule(countUnit="days")]}, "countUnit must not be specified"),
    "hours": ({"rules": [rule(**(by_age(1) | {"countUnit": "hours"}))]}, 'possible values: ["days"]'),
    "a float": ({"rules": [rule(countNumber=1.5)]}, "instance type (number)"),
    "a boolean": ({"rules": [rule(countNumber=True)]}, "instance type (boolean)"),
    "count type": ({"rules": [rule(countType="sinceImageBuilt")]}, "not found in enum"),
    "action": ({"rules": [rule(action={"type": "delete"})]}, "not found in enum"),
    "no target class": ({"rules": [rule(action={"type": "transition"})]}, '(["targetStorageClass"])'),
    "51 rules": ({"rules": [tagged(n, [f"p{n}"]) for n in range(1, 52)]}, "array is too long"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), BAD.values(), ids=BAD)
def test_refused(document: Any, reason: str) -> None:
    with pytest.raises(AwsError) as caught:
        parse(json.dumps(document).ljust(100))
    assert caught.value.code == "InvalidParameterException"
    assert caught.value.message.startswith(
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure:"
    )
    assert reason in caught.value.message


@given(st.text(min_size=100, max_size=400) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["rules", "rulePriority", "selection", "action", "type", "tagStatus", "countType", "x"]),
        inner, max_size=4),
).map(lambda value: json.dumps(value).ljust(100)))  # fmt: skip
def test_any_text_is_refused_in_order(text: str) -> None:
    try:
        parse(text)
    except AwsError as error:
        assert error.code == "InvalidParameterException"


# -- what always holds -------------------------------------------------------------------------------------------------

_TAGS = st.lists(st.sampled_from(["a1", "a2", "b1", "b2", "c"]), max_size=3, unique=True)
_IMAGES = st.lists(
    st.tuples(_TAGS, st.integers(0, 30), st.booleans()), max_size=8
).map(lambda rows: [image(str(n), *tags, days=d, referenced=r) for n, (tags, d, r) in enumerate(rows)])  # fmt: skip
_SELECTIONS = st.sampled_from([
    {"tagStatus": "tagged", "tagPrefixList": ["a"]},
    {"tagStatus": "tagged", "tagPrefixList": ["b"]},
    {"tagStatus": "tagged", "tagPatternList": ["*1", "a*"]},
    {"tagStatus": "untagged"},
])  # fmt: skip
_COUNTS = st.one_of(
    st.integers(1, 4).map(lambda n: {"countType": "imageCountMoreThan", "countNumber": n}),
    st.integers(1, 30).map(by_age),
)


@given(st.lists(st.tuples(_SELECTIONS, _COUNTS), min_size=1, max_size=4, unique_by=lambda pair: str(pair[0])), _IMAGES)
def test_laws(chosen: list[tuple[dict[str, Any], dict[str, Any]]], images: list[Candidate]) -> None:
    rules = policy(*(rule(n, **selection, **count) for n, (selection, count) in enumerate(chosen, 1)))
    verdicts = evaluate(rules, images, NOW)
    gone = {each.image.digest: each.priority for each in verdicts}
    assert len(gone) == len(verdicts)
    for one in images:
        first = next((each for each in rules if selects(each, one)), None)
        # The first rule that asks for an image's tags decides, whatever it decides.
        assert one.digest not in gone or (first is not None and gone[one.digest] == first.priority)
    for each in rules:
        selected = [one for one in images if selects(each, one)]
        if each.count_type == "imageCountMoreThan":
            # The youngest of what a rule selects are never taken by that rule.
            kept = sorted(selected, key=lambda one: one.pushed)[-each.count :]
            assert all(gone.get(one.digest) != each.priority for one in kept)
        else:
            young = [one for one in selected if one.pushed > NOW - each.count * DAY]
            assert all(gone.get(one.digest) != each.priority for one in young)
    assert all(not one.referenced for one in images if one.digest in gone)
