"""Parameters: declarations, values, constraints."""

# AWS's messages are as long as they are.

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cloudformation.templates import refused, template

from cloudarium.services.cloudformation.template import TemplateError, as_value, parameter_values
from cloudarium.services.cloudformation.template.patterns import BadPattern, found, matches


def one(**declared: Any) -> Any:
    return template(Parameters={"X": {"Type": "String", **declared}})


def said(text: str, **declared: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        parameter_values(one(**declared), {"X": text}, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("declared", "good", "bad", "why"),
    [
        ({"AllowedValues": ["a", 5, True]}, ["a", "5", "true"], ["b", ""], "must be one of AllowedValues"),
        ({"AllowedPattern": "[a-z]+"}, ["abc"], ["", "a1", "1a", "a\n"], "must match pattern [a-z]+"),
        ({"AllowedPattern": "^[a-z]+$"}, ["abc"], ["A"], "must match pattern ^[a-z]+$"),
        (
            {"AllowedPattern": "^(?=.*[0-9])(?!aws).{3,}$"},
            ["ab1", "1aws"],
            ["abc", "aws1", "a1"],
            "must match pattern ^(?=.*[0-9])(?!aws).{3,}$",
        ),
        ({"MinLength": 2}, ["ab"], ["a"], "must contain at least 2 characters"),
        ({"MaxLength": "2"}, ["ab", ""], ["abc"], "must contain at most 2 characters"),
        ({"Type": "Number"}, ["5", "-1.5", "1e3", "010"], ["", "five", "0x10", "1 ", "nan", "inf"], "must be a number"),
        ({"Type": "Number", "MinValue": 2}, ["2"], ["1.9"], "must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2.5}, ["2.5"], ["2.6"], "must be a number not greater than 2.5"),
        ({"Type": "List<Number>"}, ["1, 2"], ["1,a"], "must be a number"),
        ({"Type": "List<Number>", "MaxValue": 9}, ["1,9"], ["1,10"], "must be a number not greater than 9"),
        (
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            ["a, b", "a"],
            ["a,c"],
            "must be one of AllowedValues",
        ),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]"}, ["a, b"], ["a,bc"], "must match pattern [a-z]"),
        (
            {"Type": "List<AWS::EC2::Subnet::Id>", "AllowedPattern": "subnet-.*"},
            ["subnet-1,subnet-2"],
            ["vpc-1"],
            "must match pattern subnet-.*",
        ),
        ({"Type": "AWS::SSM::Parameter::Value<Number>"}, ["/a/name"], [], ""),
    ],
)
def test_constraints(declared: dict[str, Any], good: list[str], bad: list[str], why: str) -> None:
    for text in good:
        assert parameter_values(one(**declared), {"X": text}, {}) == {"X": text}
        assert one(**declared, Default=text).parameters["X"].default == text
    for text in bad:
        assert said(text, **declared) == f"Parameter 'X' {why}"
        # A default has to be one of the values that may be given.
        assert refused(Parameters={"X": {"Type": "String", **declared, "Default": text}}) == f"Parameter 'X' {why}"


def test_the_template_says_what_its_constraint_means() -> None:
    declared = {"AllowedPattern": "[a-z]+", "ConstraintDescription": "must be small letters."}
    assert said("A", **declared) == "Parameter X failed to satisfy constraint: must be small letters."


def test_values_are_given_else_as_before_else_the_default() -> None:
    made = template(
        "Parameters: {A: {Type: String, Default: a}, B: {Type: String, Default: b}, C: {Type: Number, Default: 3}}"
    )
    before = {"A": "a1", "B": "b1", "Gone": "x"}
    assert parameter_values(made, {"A": "a2"}, before) == {"A": "a2", "B": "b1", "C": "3"}


def test_ssm_parameters_keep_the_name_on_which_constraints_are() -> None:
    slot = {"X": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version", "AllowedPattern": "/.*"}}
    made = template(Parameters=slot)
    assert parameter_values(made, {}, {"X": "/kept"}) == {"X": "/kept"}
    with pytest.raises(TemplateError, match="must match pattern"):
        parameter_values(made, {"X": "value"}, {})
    one(Default="{{resolve:ssm:/a:1}} {{resolve:secretsmanager:s}}")


def test_what_is_missing_and_what_is_too_much() -> None:
    made = template("Parameters: {A: {Type: String}, B: {Type: String}, C: {Type: String, Default: ''}}")
    with pytest.raises(TemplateError, match=r"^Parameters: \[A, B\] must have values$"):
        parameter_values(made, {}, {})
    with pytest.raises(TemplateError, match=r"^Parameters: \[X, Y\] do not exist in the template$"):
        parameter_values(made, {"X": "1", "A": "2", "Y": "3"}, {})
    with pytest.raises(TemplateError, match=r"^Parameter 'A' must be no longer than 4096 bytes$"):
        parameter_values(made, {"A": "é" * 2049, "B": ""}, {})


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ("a", "Template format error: Every Parameters member must be a map"),
        ({}, "Template format error: Every Parameters object must contain a Type member."),
        ({"Type": "Text"}, "Template format error: Unrecognized parameter type: Text"),
        (
            {"Type": "AWS::SSM::Parameter::Value<AWS::SSM::Parameter::Name>"},
            "Template format error: Unrecognized parameter type: AWS::SSM::Parameter::Value<AWS::SSM::Parameter::Name>",
        ),
        ({"Type": "String", "Foo": 1}, "Invalid template parameter property 'Foo'"),
        ({"Type": "String", "Default": ["a"]}, "Template format error: Every Default member must be a string."),
        (
            {"Type": "String", "AllowedValues": "a"},
            "Template format error: Every AllowedValues member must be a list of strings.",
        ),
        (
            {"Type": "String", "Default": "a" * 4097},
            "Template format error: Parameter 'X' default value '[****]' length is greater than 4096.",
        ),
        (
            {"Type": "String", "Default": "x{{resolve:ssm:/a}}"},
            "Template error: parameter X should not contain ssm versionless resolver",
        ),
        (
            {"Type": "String", "MinValue": 1},
            "Template error: Parameter 'X' MinValue must be on a parameter of type Number",
        ),
        (
            {"Type": "Number", "MinLength": 1},
            "Template error: Parameter 'X' MinLength must be on a parameter of type String",
        ),
        (
            {"Type": "String", "MinLength": 3, "MaxLength": 2},
            "Template error: Parameter 'X' MinLength must be less than MaxLength.",
        ),
        ({"Type": "String", "MinLength": "x"}, "Template error: Parameter 'X' MinLength must be a number."),
        ({"Type": "String", "MinLength": -1}, "Template error: Parameter 'X' MinLength must be a whole number."),
        (
            {"Type": "String", "AllowedPattern": "["},
            "Template error: Parameter 'X' AllowedPattern must be a valid regular expression.",
        ),
        (
            {"Type": "String", "Description": "a" * 4001},
            "Template format error: Parameter 'X' Description must be no longer than 4000 characters.",
        ),
    ],
)
def test_declarations_are_checked(declared: Any, why: str) -> None:
    assert refused(Parameters={"X": declared}) == why


def test_types_say_what_a_reference_gives() -> None:
    made = template(
        """
        Parameters:
          A: {Type: String}
          B: {Type: CommaDelimitedList}
          C: {Type: List<AWS::EC2::Subnet::Id>}
          D: {Type: AWS::SSM::Parameter::Value<List<String>>}
          E: {Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>}
          F: {Type: AWS::SSM::Parameter::Name}
        """
    ).parameters
    assert [each.is_list for each in made.values()] == [False, True, True, True, False, False]
    assert [each.from_ssm for each in made.values()] == [False, False, False, True, True, False]
    assert [each.item_type for each in made.values()][1:5] == [
        "String",
        "AWS::EC2::Subnet::Id",
        "String",
        "AWS::EC2::Image::Id",
    ]
    assert as_value(made["A"], " a,b ") == " a,b "
    assert as_value(made["B"], " a , b,,c d ") == ["a", "b", "", "c d"]
    assert as_value(made["B"], "") == []


def test_what_looks_behind_is_refused_by_name_and_many_expressions_too() -> None:
    assert refused(Parameters={"X": {"Type": "String", "AllowedPattern": "a(?<!b)c"}}) == (
        "The AllowedPattern of parameter X, which RE2 does not have, is not implemented in Cloudarium yet."
    )
    heavy = {"Type": "String", "AllowedPattern": "(a{1,1000}b{1,1000})"}
    many = {f"P{index}": heavy for index in range(20)}
    assert "AllowedPatterns weigh more than 40000 characters" in refused(Parameters=many)


# -- expressions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "whole", "part"),
    [
        ("a|bc", "bc", True, True),
        ("a|bc", "abc", False, True),
        ("^a", "ab", False, True),
        ("^(?!b)a|c", "c", None, None),
        ("^(?=[ab)]+$)(?!.*\\)).*$", "ab", True, True),
        ("^(?=[ab)]+$)(?!.*\\)).*$", "a)", False, False),
        ("(?!x)y", "y", True, None),
        ("^(?!(a|b)$).+", "ab", True, True),
        ("^(?!(a|b)$).+", "a", False, False),
        ("[\\p{L}]+", "é", True, True),
        ("[\\u0061-\\u0063]+\\Z", "abc", True, True),
        ("[\\u0061-\\u0063]+\\Z", "abcd", False, False),
        ("\\\\u", "\\u", True, True),
        ("(a)\\1", "aa", None, None),
        ("(", "", None, None),
        ("a" * 5000, "", None, None),
        ("\ud800", "", None, None),
        ("a", "\ud800", False, False),
    ],
)
def test_expressions_look_ahead_at_their_beginning(pattern: str, text: str, whole: Any, part: Any) -> None:
    for function, expected in ((matches, whole), (found, part)):
        if expected is None:
            with pytest.raises(BadPattern):
                function(pattern, text)
        else:
            assert function(pattern, text) is expected


def test_no_expression_takes_long() -> None:
    assert not matches("(a+)+b", "a" * 50_000)
    assert not matches("^(?=(a+)+b)(a*)*$", "a" * 50_000)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_expression_answers_or_is_bad(pattern: str, text: str) -> None:
    try:
        assert matches(pattern, text) in (True, False)
    except BadPattern:
        pass
