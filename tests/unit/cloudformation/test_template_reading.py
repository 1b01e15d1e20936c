"""Texts of templates as documents: JSON, YAML with short forms, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.cloudformation.template import TemplateError, read
from cloudarium.services.cloudformation.template.reading import MOST_LEVELS


def value(yaml: str) -> Any:
    return read(f"A: {yaml}")["A"]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref X", {"Ref": "X"}),
        ("!Condition X", {"Condition": "X"}),
        ("!GetAtt X.Arn", {"Fn::GetAtt": ["X", "Arn"]}),
        ("!GetAtt X.Outputs.Y", {"Fn::GetAtt": ["X", "Outputs.Y"]}),
        ("!GetAtt [X, Arn]", {"Fn::GetAtt": ["X", "Arn"]}),
        ("!Sub '${X}-y'", {"Fn::Sub": "${X}-y"}),
        ("!Sub ['${X}', {X: !Ref Y}]", {"Fn::Sub": ["${X}", {"X": {"Ref": "Y"}}]}),
        ("!Base64 5", {"Fn::Base64": "5"}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("!GetAZs", {"Fn::GetAZs": ""}),
        ("!Select [0, !GetAZs us-east-1]", {"Fn::Select": [0, {"Fn::GetAZs": "us-east-1"}]}),
        ("!Not [!Equals [!Ref A, b]]", {"Fn::Not": [{"Fn::Equals": [{"Ref": "A"}, "b"]}]}),
        ("{'Fn::Join': [',', [a]]}", {"Fn::Join": [",", ["a"]]}),
    ],
)
def test_short_forms_become_long_ones(short: str, long: Any) -> None:
    assert value(short) == long


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2010-09-09", "2010-09-09"),
        ("2001-12-14T21:59:43.10-05:00", "2001-12-14T21:59:43.10-05:00"),
        ("80", 80),
        ("'80'", "80"),
        ("-7", -7),
        ("1_000", 1000),
        ("010", 8),
        ("089", "089"),
        ("0x1F", 31),
        ("0b11", 3),
        ("1:30", 90),
        ("123456789012", 123456789012),
        ("1.5", 1.5),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("true", True),
        ("No", False),
        ("'No'", "No"),
        ("!!str true", "true"),
        ("!!int '5'", 5),
        ("plain", "plain"),
        ("", None),
        ("~", None),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("9" * 5000, "9" * 5000),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_scalars_are_what_yaml_says_but_dates_are_texts(written: str, read_as: Any) -> None:
    found = value(written)
    assert found == read_as and type(found) is type(read_as)


def test_keys_are_always_texts_as_they_are_written() -> None:
    assert read("{1: a, 012345678901: b, true: c, 2010-09-09: d, ~: e}") == {
        "1": "a",
        "012345678901": "b",
        "true": "c",
        "2010-09-09": "d",
        "~": "e",
    }


def test_json_is_read_as_json() -> None:
    assert read('\ufeff\n\t{"A": {"a": [1, 1.5, true, "2010-09-09", "no"]}}') == {
        "A": {"a": [1, 1.5, True, "2010-09-09", "no"]}
    }
    assert read("{A: b}") == {"A": "b"}
    assert read('{"A": 1' + "0" * 5000 + "}")["A"] == "1" + "0" * 5000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Template format error: unsupported structure."),
        ("a text", "Template format error: unsupported structure."),
        ("[a]", "Template format error: unsupported structure."),
        ("A: [1, 2", "Template format error: YAML not well-formed. (line 2, column 1)"),
        ("A:\n\t- b", "Template format error: YAML not well-formed. (line 2, column 1)"),
        ('{"A": 1,}', None),
        ('{"A": 1', "Template format error: JSON not well-formed. (line 1, column 8)"),
        ('{\n "A": }}', "Template format error: JSON not well-formed. (line 2, column 7)"),
        ('{"A": 1, "A": 2}', "Template format error: JSON not well-formed. Duplicate key: A"),
        ("A: 1\nB: 2\nA: 3", "Template format error: YAML not well-formed. (line 3, column 1) Duplicate key: A"),
        ("A: {1: a, '1': b}", "Template format error: YAML not well-formed. (line 1, column 11) Duplicate key: 1"),
        ("A: &a [1]\nB: *a", "Template error: YAML aliases are not allowed in CloudFormation templates"),
        (
            "A: 1\n---\nB: 2",
            "Template format error: YAML not well-formed. (line 2, column 1) Only one document is allowed",
        ),
        ("? [a]\n: b", "Template format error: YAML not well-formed. (line 1, column 3) A key must be a string"),
        ("!Ref a: b", "Template format error: YAML not well-formed. (line 1, column 1) A key must be a string"),
        ("A: \x01", "Template format error: YAML not well-formed."),
        ("A: \ud800", "Template format error: YAML not well-formed."),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(text: str, said: str | None) -> None:
    if said is None:
        # YAML allows what JSON does not.
        assert read(text) == {"A": 1}
        return
    with pytest.raises(TemplateError) as caught:
        read(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.getcwd []",
        "!!python/name:os.system ''",
        "!!binary aGk=",
        "!!timestamp 2001-01-01",
        "!!set {a, b}",
        "!!omap [a: b]",
        "!<x> y",
        "!a.b c",
    ],
)
def test_other_tags_are_refused_and_nothing_is_called(tagged: str) -> None:
    with pytest.raises(
        TemplateError, match=r"YAML not well-formed\. \(line 1, column 4\) could not determine a constr"
    ):
        value(tagged)


def test_anchors_that_nobody_names_are_nothing() -> None:
    assert value("&a {b: c}") == {"b": "c"}


# -- what costs little -------------------------------------------------------------------------------------------------


def test_one_thing_many_times_over_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(TemplateError, match="YAML aliases are not allowed"):
        read("\n".join(lines))


@pytest.mark.parametrize("text", ["A: " + "[" * 100_000, '{"A": ' * 50_000, '{"A":' + "[" * 100_000, "- " * 100_000])
def test_depth_is_refused_early(text: str) -> None:
    with pytest.raises(TemplateError, match=r"nested more than 100 levels|not well-formed"):
        read(text)


def test_as_deep_as_allowed_is_read() -> None:
    deep = "x"
    for _ in range(MOST_LEVELS - 1):
        deep = f"[{deep}]"
    assert value(deep)
    with pytest.raises(TemplateError, match="nested more than 100 levels deep"):
        value(f"[{deep}]")


def test_too_large_is_refused_unread() -> None:
    with pytest.raises(TemplateError, match="Template may not exceed 1000000 bytes in size"):
        read("#" * 1_000_001)
    with pytest.raises(TemplateError, match="Template may not exceed 1000000 bytes in size"):
        read("#" + "é" * 500_000)


def test_yaml_and_the_schemas_are_imported_when_first_needed() -> None:
    program = (
        "import sys, cloudarium.services.cloudformation.template as t, cloudarium.services.cloudformation.schemas\n"
        "assert not {'yaml', 'cfnlint', 're2'} & set(sys.modules), sorted(sys.modules)\n"
        "t.read('{\"a\": 1}'); assert 'yaml' not in sys.modules\n"
        "t.read('a: 1'); assert 'yaml' in sys.modules\n"
        "cloudarium.services.cloudformation.schemas.find('AWS::SQS::Queue'); assert 'cfnlint' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# -- properties --------------------------------------------------------------------------------------------------------

_SCALARS = st.text(max_size=20) | st.integers(-(10**15), 10**15) | st.booleans() | st.floats(-1e6, 1e6)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), _VALUES, max_size=5))
def test_what_json_writes_is_read_back(document: dict[str, Any]) -> None:
    assert read(json.dumps(document)) == document


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read(text), dict)
    except TemplateError as error:
        assert str(error).startswith("Template ")


@given(st.text(alphabet="{}[]!&*:,-?|>#'\"\n ab1.~<%@`", max_size=120))
def test_any_yaml_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read(f"a: {text}"), dict)
    except TemplateError as error:
        assert str(error).startswith("Template ")
