"""Documents of field index policies, and when what is indexed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.services.logs.indexing.document import indexed
from cloudarium.services.logs.indexing.spans import without


@pytest.mark.parametrize(
    ("document", "fields", "facets"),
    [
        ({"Fields": ["a", "b", "a"]}, ("a", "b"), ()),
        ({"FieldsV2": {"a": {"type": "FIELD_INDEX"}, "b": {"type": "FACET"}}}, ("a", "b"), ("b",)),
        ({"Fields": ["@type", "@@o"], "FieldsV2": {"x.y": {"type": "FACET"}}}, ("@type", "@@o", "x.y"), ("x.y",)),
        ({"Fields": [f"f{n}" for n in range(20)]}, tuple(f"f{n}" for n in range(20)), ()),
    ],
)  # fmt: skip
def test_what_a_document_says(document: Any, fields: tuple[str, ...], facets: tuple[str, ...]) -> None:
    assert indexed(json.dumps(document)) == (fields, facets)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not valid JSON"), ("[]", "JSON object"), ('{"Other": 1}', "JSON object"), ("{}", "between 1 and 20"),
        ('{"Fields": "a"}', "array"), ('{"Fields": [1]}', "array"), ('{"FieldsV2": ["a"]}', "object of field names"),
        ('{"FieldsV2": {"a": {"type": "X"}}}', "FIELD_INDEX or FACET"), ('{"Fields": [""]}', "between 1 and 100"),
        ('{"Fields": ["a"], "FieldsV2": {"a": {"type": "FACET"}}}', "mutually exclusive"),
        (json.dumps({"Fields": ["x" * 101]}), "between 1 and 100"), ('{"Fields": ["@message"]}', "cannot be indexed"),
        (json.dumps({"Fields": [f"f{n}" for n in range(21)]}), "between 1 and 20"), ("[" * 100_000, "not valid JSON"),
    ],
)  # fmt: skip
def test_what_is_no_document(document: str, words: str) -> None:
    with pytest.raises(AwsError, match=words) as caught:
        indexed(document)
    assert caught.value.code == "InvalidParameterException"


_TIMES = st.integers(0, 30)


@given(st.tuples(_TIMES, _TIMES).map(sorted), st.lists(_TIMES, max_size=8, unique=True))
def test_what_is_left_of_a_period(period: list[int], cuts: list[int]) -> None:
    start, end = period
    cuts = sorted(cuts)
    taken = list(zip(cuts[::2], cuts[1::2], strict=False))
    left = {time for first, last in without((start, end), taken) for time in range(first, last)}
    assert left == {time for time in range(start, end) if not any(first <= time < last for first, last in taken)}
