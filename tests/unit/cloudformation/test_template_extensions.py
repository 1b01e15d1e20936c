"""The transform AWS::LanguageExtensions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudformation.templates import PSEUDO, QUEUE, refused, template, values

from cloudarium.services.cloudformation.template import resolve

HEAD = "Transform: AWS::LanguageExtensions\n"


def test_loops_make_resources_conditions_and_outputs() -> None:
    made = template(
        """
        Transform: AWS::LanguageExtensions
        Conditions:
          Fn::ForEach::Each: [Name, [A, B], {"Is${Name}": !Equals [!Ref Name, A]}]
        Resources:
          Fn::ForEach::Topics:
            - Name
            - [A, B]
            - Topic${Name}:
                Type: AWS::SNS::Topic
                Condition: Is${Name}
                Properties:
                  TopicName: !Sub "${Name}-${AWS::Region}"
                  DisplayName: !Ref Name
                  Fn::ForEach::Parts: [Part, [x, y], {"${Name}${Part}": !If ["Is${Name}", !Ref Part, other]}]
        Outputs:
          Fn::ForEach::Outs:
            - Name
            - [A]
            - Fn::ForEach::Inner:
                - Attribute
                - [TopicArn, TopicName]
                - ${Name}${Attribute}: {Condition: IsA, Value: !GetAtt [!Sub "Topic${Name}", !Ref Attribute]}
        """
    )
    assert values(made).conditions == {"IsA": True, "IsB": False}
    assert list(made.resources) == ["TopicA", "TopicB"]
    assert made.resources["TopicB"].condition == "IsB"
    assert made.resources["TopicB"].properties == {
        "TopicName": {"Fn::Sub": "B-${AWS::Region}"},
        "DisplayName": "B",
        "Bx": {"Fn::If": ["IsB", "x", "other"]},
        "By": {"Fn::If": ["IsB", "y", "other"]},
    }
    assert {name: each.value for name, each in made.outputs.items()} == {
        "ATopicArn": {"Fn::GetAtt": ["TopicA", "TopicArn"]},
        "ATopicName": {"Fn::GetAtt": ["TopicA", "TopicName"]},
    }


LOOP = """
Parameters: {Names: {Type: CommaDelimitedList%s}}
Mappings: {M: {eu-west-1: {Names: [x1, x2]}}}
Resources: {Q: {Type: T}, "Fn::ForEach::L": [N, %s, {"R&{N}": {Type: T, Properties: {At: "&{N}=${N}"}}}]}
"""


@pytest.mark.parametrize(
    ("default", "collection", "given", "made"),
    [
        ("", "!Ref Names", {"Names": "a, b"}, ["a", "b"]),
        ("", "!Ref Names", {"Names": ["a", "b"]}, ["a", "b"]),
        (", Default: 'd'", "!Ref Names", {}, ["d"]),
        (", Default: 'd'", "!Ref Names", None, ["d"]),
        ("", "!Ref Names", None, []),
        ("", "[a, !Select [0, !Ref Names]]", {"Names": "b"}, ["a", "b"]),
        ("", "!FindInMap [M, !Ref AWS::Region, Names]", {**PSEUDO, "Names": ""}, ["x1", "x2"]),
        ("", "!Split [',', 'a,b']", None, ["a", "b"]),
        ("", "[]", None, []),
        ("", "[1, true]", None, ["1", "true"]),
    ],
)
def test_loops_go_over_parameters_and_functions(default: str, collection: str, given: Any, made: list[str]) -> None:
    found = template(HEAD + LOOP % (default, collection), given)
    assert list(found.resources) == ["Q", *(f"R{name}" for name in made)]


def test_other_characters_are_left_out_of_names() -> None:
    found = template(HEAD + LOOP % ("", "['10.0.0.1']"), {})
    assert found.resources["R10001"].properties == {"At": "10001=10.0.0.1"}


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("[N, [a]]", "Fn::ForEach layout is incorrect"),
        ("[N, a, {'${N}': 1}]", "Fn::ForEach layout is incorrect"),
        ("[[N], [a], {'${N}': 1}]", "Fn::ForEach layout is incorrect"),
        ("[N, [a], 5]", "Fn::ForEach layout is incorrect"),
        ("[N, 5, {'${N}': 1}]", "Could not find a collection or could not be resolved for Fn::ForEach"),
        ("[N, [[a]], {'${N}': 1}]", "Could not find a collection or could not be resolved for Fn::ForEach"),
        ("[N, !Ref Nobody, {'${N}': 1}]", "Could not find a collection or could not be resolved for Fn::ForEach"),
        ("[N, [a, a], {'R${N}': 1}]", "Ra is there more than once"),
        ("[N, [a, b], {'Q': 1}]", "Q is there more than once"),
        ("[P, [a], {'R${P}': 1}]", "the identifier P of Fn::ForEach has another meaning already"),
    ],
)
def test_loops_that_cannot_be(loop: str, said: str) -> None:
    text = f"Parameters: {{P: {{Type: String}}}}\nResources: {{Q: {{Type: T}}, 'Fn::ForEach::L': {loop}}}"
    assert refused(HEAD + text, {"P": "x"}) == f"Transform AWS::LanguageExtensions failed with: {said}"


def test_loops_need_the_transform_and_their_sections() -> None:
    loop = "'Fn::ForEach::L': [N, [a], {'R${N}': {Type: T}}]"
    assert refused(f"Resources: {{{loop}}}") == (
        "Template format error: [/Resources/Fn::ForEach::L] resource definition is malformed"
    )
    assert "[/Mappings/Fn::ForEach::L]" in refused(f"{HEAD}Mappings: {{{loop}}}")


def test_what_loops_make_is_bounded() -> None:
    loop: Any = {"R${A}x${B}x${C}x${D}": QUEUE}
    for name in "DCBA":
        loop = {f"Fn::ForEach::{name}": [name, [str(n) for n in range(300)], loop]}
    said = refused(Transform="AWS::LanguageExtensions", Resources=loop)
    assert said == "Transform AWS::LanguageExtensions failed with: the template may not exceed 1000000 bytes in size"
    for name in "EF":
        loop = {f"Fn::ForEach::{name}": [name, ["a"], loop]}
    assert "layout is incorrect" in refused(Transform="AWS::LanguageExtensions", Resources=loop)
    many = {"Fn::ForEach::L": ["N", [str(n) for n in range(501)], {"R${N}": QUEUE}]}
    assert refused(Transform="AWS::LanguageExtensions", Resources=many) == (
        "Template format error: Number of resources, 501, is greater than maximum allowed, 500"
    )


def test_policies_and_names_may_be_functions() -> None:
    text = """
        Transform: AWS::LanguageExtensions
        Parameters: {Env: {Type: String}, Which: {Type: String, Default: Q}}
        Conditions: {Prod: !Equals [!Ref Env, prod]}
        Mappings: {Keep: {prod: {p: Snapshot}, test: {p: Delete}}}
        Resources:
          Q:
            Type: T
            DeletionPolicy: !If [Prod, Retain, Delete]
            UpdateReplacePolicy: !FindInMap [Keep, !Ref Env, p]
          R: {Type: T, Properties: {A: {Ref: !Ref Which}, B: {"Fn::GetAtt": [!Ref Which, Arn]}}}
        """
    for env, kept in (("prod", ("Retain", "Snapshot")), ("test", ("Delete", "Delete"))):
        made = template(text, {"Env": env})
        assert (made.resources["Q"].deletion_policy, made.resources["Q"].update_replace_policy) == kept
    assert made.resources["R"].properties == {"A": {"Ref": "Q"}, "B": {"Fn::GetAtt": ["Q", "Arn"]}}
    # As long as nobody knows the parameters there is no policy yet.
    assert template(text).resources["Q"].deletion_policy == ""
    assert "DeletionPolicy could not be resolved" in refused(text, {"Which": "Q"})


def test_its_functions_are_allowed_with_it() -> None:
    made = template(
        """
        Transform: AWS::LanguageExtensions
        Parameters: {L: {Type: CommaDelimitedList, Default: "a,b"}}
        Mappings: {M: {a: {b: c}}}
        Resources:
          Q: {Type: T, Properties: {
            A: !Length {Ref: L}, B: !ToJsonString {x: !Ref L}, C: !FindInMap [M, z, b, {DefaultValue: !Ref L}]}}
        """
    )
    assert resolve(made.resources["Q"].properties, values(made)) == {"A": 2, "B": '{"x":["a","b"]}', "C": ["a", "b"]}
