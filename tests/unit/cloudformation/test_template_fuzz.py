"""Whatever a document is: it is a template or refused, and each of its parts gives a value, an error or a question."""

# AWS's messages are as long as they are.

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.cloudformation.template import (
    Missing,
    Template,
    TemplateError,
    Values,
    attributes_asked,
    check_rules,
    conditions,
    dependencies,
    parameter_values,
    parse,
    resolve,
)
from cloudarium.services.cloudformation.template.shapes import EXPECTED

_NAMES = st.sampled_from(["A", "B", "C", "AWS::Region", "AWS::NoValue", "A.Arn", "${A}", "${B.Arn}", "Prod", "a,b", ""])
_KEYS = (
    st.sampled_from(
        [
            *EXPECTED,
            "Fn::ForEach::L",
            "Fn::Transform",
            "Fn::Contains",
            "Fn::EachMemberIn",
            "Fn::RefAll",
            "Fn::Nope",
            "Type",
            "Properties",
            "DependsOn",
            "DeletionPolicy",
            "Metadata",
            "Default",
            "AllowedPattern",
            "Value",
            "Export",
            "Name",
            "Assertions",
            "Assert",
            "RuleCondition",
            "DefaultValue",
        ]
    )
    | _NAMES
)
_SCALARS = _NAMES | st.text(max_size=4) | st.integers(-2, 300) | st.booleans() | st.floats() | st.none()
_NODES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_KEYS, inner, max_size=3)
        | st.tuples(st.sampled_from([*EXPECTED]), inner).map(lambda pair: {pair[0]: pair[1]})
        | st.tuples(st.sampled_from([*EXPECTED]), st.lists(inner, max_size=4)).map(lambda pair: {pair[0]: pair[1]})
    ),
    max_leaves=15,
)
_MEMBERS = st.sampled_from(["A", "B", "C", "Prod", "Fn::ForEach::L"])
_RESOURCES = st.dictionaries(
    _MEMBERS,
    _NODES
    | st.fixed_dictionaries(
        {"Type": st.just("AWS::SQS::Queue")},
        optional={
            "Properties": st.dictionaries(st.text(max_size=3), _NODES, max_size=3) | _NODES,
            "DependsOn": _NODES,
            "Condition": _NODES,
            "DeletionPolicy": _NODES,
            "Metadata": st.dictionaries(st.text(max_size=3), _NODES, max_size=2),
        },
    ),
    min_size=1,
    max_size=3,
)
_PARAMETERS = st.dictionaries(
    _MEMBERS,
    _NODES
    | st.fixed_dictionaries(
        {"Type": st.sampled_from(["String", "Number", "CommaDelimitedList", "List<Number>"])},
        optional={key: _SCALARS for key in ("Default", "AllowedPattern", "MinLength", "MaxValue", "NoEcho")},
    ),
    max_size=2,
)
_DOCUMENTS = st.fixed_dictionaries(
    {"Resources": _RESOURCES | _NODES},
    optional={
        "Transform": st.just("AWS::LanguageExtensions") | _NODES,
        "Parameters": _PARAMETERS,
        "Conditions": st.dictionaries(_MEMBERS, _NODES, max_size=3),
        "Mappings": st.dictionaries(_MEMBERS, _NODES, max_size=2),
        "Outputs": st.dictionaries(_MEMBERS, st.fixed_dictionaries({"Value": _NODES}) | _NODES, max_size=2),
        "Rules": st.dictionaries(_MEMBERS, _NODES, max_size=2),
        "Description": _NODES,
        "AWSTemplateFormatVersion": _NODES,
    },
)


def use(made: Template) -> None:
    """All that is done with a template, as far as it goes."""
    texts = {name: "1" for name, each in made.parameters.items() if each.default is None}
    values = Values(parameters=dict(parameter_values(made, texts, {})), mappings=made.mappings)
    values.conditions = conditions(made, values)
    attributes_asked(made)
    dependencies(made, values.conditions)
    check_rules(made, values)
    for resource in made.resources.values():
        resolve(resource.properties, values)


@settings(max_examples=150, deadline=None)
@given(_DOCUMENTS, st.none() | st.dictionaries(_NAMES, st.text(max_size=3), max_size=2))
def test_any_document_is_a_template_or_refused(document: dict[str, Any], given_values: dict[str, str] | None) -> None:
    try:
        use(parse(document, given_values))
    except (TemplateError, Missing):
        pass


@settings(max_examples=150, deadline=None)
@given(_NODES)
def test_any_part_gives_a_value_an_error_or_a_question(node: Any) -> None:
    values = Values(
        parameters={"A": "a", "C": ["a"]},
        pseudo={"AWS::Region": "r"},
        mappings={"A": {"A": {"A": "a"}}},
        conditions={"Prod": True},
        made={"B": ("b", {"Arn": "arn"})},
    )
    try:
        resolve(node, values)
    except (TemplateError, Missing):
        pass


@settings(max_examples=100, deadline=None)
@given(_NODES)
def test_any_value_is_no_document_or_one(document: Any) -> None:
    try:
        use(parse(document))
    except (TemplateError, Missing):
        pass


def test_a_deep_document_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"a": deep}
    for document in ({"Resources": deep}, {"Resources": {"A": {"Type": "T", "Metadata": deep}}}, deep):
        try:
            parse(document)
        except TemplateError as error:
            assert "nested more than 100 levels" in str(error)
        else:
            raise AssertionError(document.keys())


def test_many_resources_that_need_each_other_are_quickly_ordered() -> None:
    names = [f"R{index}" for index in range(300)]
    members = {
        name: {
            "Type": "T",
            "DependsOn": names[index + 1 :],
            "Properties": {"a": [{"Ref": each} for each in names[index + 1 :]]},
        }
        for index, name in enumerate(names)
    }
    made = parse({"Resources": members})
    assert len(dependencies(made, {})["R0"]) == 299
