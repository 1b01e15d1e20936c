from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2.filters import FilterSet, path_getter, wildcard

ITEMS = [
    {"Id": "a", "On": True, "Count": 3, "Sets": [{"Block": "10.0.0.0/8"}, {"Block": "10.1.0.0/16"}], "Tags": []},
    {"Id": "b", "On": False, "Count": 4, "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "a:b", "Value": "*"}]},
]
FILTERS = FilterSet({"id": "Id", "on": "On", "count": "Count", "block": "Sets[].Block"})


def ids(*filters: tuple[str, list[str]]) -> list[str]:
    return [item["Id"] for item in FILTERS.apply(ITEMS, [{"Name": n, "Values": v} for n, v in filters])]  # type: ignore


def test_values_are_alternatives_and_filters_are_conditions() -> None:
    assert ids(("id", ["a", "b"])) == ["a", "b"]
    assert ids(("id", ["a", "b"]), ("on", ["false"])) == ["b"]
    assert ids(("id", ["a"]), ("on", ["false"])) == []
    assert ids() == ["a", "b"]


def test_every_value_of_a_list_counts() -> None:
    assert ids(("block", ["10.1.0.0/16"])) == ["a"]
    assert ids(("count", ["4"])) == ["b"]


def test_tags() -> None:
    assert ids(("tag:Name", ["web"])) == ["b"]
    assert ids(("tag:Name", ["w*"])) == ["b"]
    assert ids(("tag:name", ["web"])) == []
    assert ids(("tag:a:b", ["\\*"])) == ["b"]
    assert ids(("tag-key", ["Name"])) == ["b"]
    assert ids(("tag-value", ["web"])) == ["b"]


def test_case_matters() -> None:
    assert ids(("id", ["A"])) == []
    with pytest.raises(AwsError, match="The filter 'ID' is invalid"):
        ids(("ID", ["a"]))


def test_too_many_values() -> None:
    with pytest.raises(AwsError) as caught:
        ids(("id", ["x"] * 201))
    assert caught.value.code == "FilterLimitExceeded"


@given(st.text())
def test_an_escaped_text_matches_itself_only(text: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in "*?\\" else letter for letter in text)
    assert wildcard(escaped).fullmatch(text)
    assert not wildcard(escaped).fullmatch(f"{text}x")


@given(st.text(), st.text(), st.text())
def test_a_star_stands_for_anything(before: str, middle: str, after: str) -> None:
    def plain(text: str) -> str:
        return "".join(f"\\{letter}" if letter in "*?\\" else letter for letter in text)

    assert wildcard(f"{plain(before)}*{plain(after)}").fullmatch(before + middle + after)


@given(st.lists(st.sampled_from("ab*?\\"), max_size=40).map("".join), st.text("ab", max_size=30))
def test_any_pattern_compiles_and_agrees_with_a_naive_matcher(pattern: str, text: str) -> None:
    assert bool(wildcard(pattern).fullmatch(text)) == _naive(pattern, text)


@pytest.mark.timeout(10)
def test_no_pattern_takes_long() -> None:
    assert not wildcard("*a" * 99 + "*b").fullmatch("a" * 255)
    assert not wildcard("*?a" * 99 + "*b").fullmatch("a" * 255)
    assert wildcard("*a" * 99 + "*").fullmatch("a" * 255)


def _naive(pattern: str, text: str) -> bool:
    reachable = {0}
    place = 0
    while place < len(pattern):
        letter = pattern[place]
        place += 1
        if letter == "*":
            reachable = {end for start in reachable for end in range(start, len(text) + 1)}
            continue
        if letter == "\\":
            literal = pattern[place] if place < len(pattern) else "\\"
            place += 1
        else:
            literal = letter
        anything = letter == "?"
        reachable = {at + 1 for at in reachable if at < len(text) and (anything or text[at] == literal)}
    return len(text) in reachable


def test_paths_through_what_is_not_there() -> None:
    get = path_getter("A.B[].C")
    assert list(get({})) == []
    assert list(get({"A": {"B": [{"C": 1}, {}, {"C": False}]}})) == ["1", "false"]
