"""Conditions, rules, and which resources need which."""

# AWS's messages are as long as they are.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cloudformation.templates import PSEUDO, QUEUE, refused, template, values

from cloudarium.services.cloudformation.template import (
    TemplateError,
    Values,
    check_rules,
    conditions,
    dependencies,
    parse,
)
from cloudarium.services.cloudformation.template.graphs import unordered

_BOOLEAN = "Template format error: Conditions can only be boolean operations on parameters and other conditions"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("!Equals [!Ref Env, prod]", True),
        ("!Equals [!Ref Env, Prod]", False),
        ("!Equals [1, '1']", True),
        ("!Equals [true, 'true']", True),
        ("!Equals [!Ref Zones, [a, b]]", True),
        ("!Equals [!Ref AWS::Region, eu-west-1]", True),
        ("!Equals [!FindInMap [M, eu-west-1, it], yes-it-is]", True),
        ("!Equals [!Select [1, !Ref Zones], b]", True),
        ("!Equals [!Join ['', !Ref Zones], ab]", True),
        ("!Equals ['{{resolve:ssm:a}}', '{{resolve:ssm:a}}']", True),
        ("!Not [!Equals [a, b]]", True),
        ("!And [!Condition Always, !Condition Always]", True),
        ("!And [!Condition Always, !Not [!Condition Always]]", False),
        ("!Or [!Not [!Condition Always], !Condition Always]", True),
        ("!Or [!Equals [a, b], !Equals [a, c]]", False),
        ("!Condition Always", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    made = template(
        f"""
        Parameters: {{Env: {{Type: String}}, Zones: {{Type: CommaDelimitedList, Default: "a, b"}}}}
        Mappings: {{M: {{eu-west-1: {{it: yes-it-is}}}}}}
        Conditions: {{C: {condition}, Always: !Equals [a, a]}}
        """
    )
    assert values(made, Env="prod").conditions == {"C": holds, "Always": True}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{C: true}", _BOOLEAN),
        ("{C: !Equals [a]}", "Template error: Fn::Equals requires a list argument with two elements"),
        ("{C: !Not [a]}", "Template error: Fn::Not requires a list argument with one element"),
        (
            "{C: !And [!Equals [a, b]]}",
            "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
        ),
        (
            "{C: !Equals [!Ref Q, a]}",
            "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of the template",
        ),
        (
            "{C: !Equals [!GetAtt Q.Arn, a]}",
            "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of the template",
        ),
        (
            "{C: !Condition D}",
            "Template format error: Unresolved condition dependency D in the Conditions block of the template",
        ),
        ("{C: !Condition C}", "Template format error: Circular dependency between conditions: [C]"),
        (
            "{C: !Not [!Condition D], D: !Or [!Condition E, !Condition E], E: !Condition C}",
            "Template format error: Circular dependency between conditions: [C, D, E]",
        ),
        (
            "{C: !Equals [!FindInMap [N, a, b], c]}",
            "Template error: Mapping named 'N' is not present in the 'Mappings' section of template.",
        ),
        ("{a-b: !Equals [a, a]}", "Template format error: Condition name a-b is non alphanumeric."),
    ],
)
def test_conditions_that_cannot_be(written: str, said: str) -> None:
    assert refused(f"Conditions: {written}") == said


@pytest.mark.parametrize("written", ["{C: !Ref P}", "{C: {a: b, c: d}}", "{C: !And [!Ref P, !Ref P]}"])
def test_what_is_no_condition_is_told_when_it_is_asked(written: str) -> None:
    made = template(f"{{Parameters: {{P: {{Type: String, Default: 'true'}}}}, Conditions: {written}}}")
    with pytest.raises(TemplateError) as caught:
        values(made)
    assert str(caught.value) == _BOOLEAN


def test_a_long_chain_of_conditions_is_no_trouble() -> None:
    chain: dict[str, Any] = {f"C{n}": {"Condition": f"C{n + 1}"} for n in range(5000)}
    made = template(Conditions={**chain, "C5000": {"Fn::Equals": ["a", "a"]}})
    assert all(values(made).conditions.values())


# -- what needs what ---------------------------------------------------------------------------------------------------

GRAPH = """
Parameters: {Env: {Type: String}}
Conditions: {Prod: !Equals [!Ref Env, prod]}
Resources:
  A: {Type: T, Properties: {x: !If [Prod, !Ref B, !Ref AWS::NoValue], y: !Ref Env}}
  B: {Type: T, Condition: Prod}
  C: {Type: T, DependsOn: [A, B], Properties: {x: !Sub ["${A.Arn} ${v}", {v: !GetAtt D.Arn}]}}
  D: {Type: T, Metadata: {x: !Ref E}}
  E: {Type: T}
Outputs: {O: {Value: !Ref B, Condition: Prod}}
"""


def test_dependencies_follow_the_conditions() -> None:
    made = template(GRAPH)
    assert dependencies(made, values(made, Env="prod").conditions) == {
        "A": frozenset({"B"}),
        "B": frozenset(),
        "C": frozenset({"A", "B", "D"}),
        "D": frozenset({"E"}),
        "E": frozenset(),
    }
    # DependsOn what is not made means nothing, as on AWS.
    assert dependencies(made, values(made, Env="test").conditions) == {
        "A": frozenset(),
        "C": frozenset({"A", "D"}),
        "D": frozenset({"E"}),
        "E": frozenset(),
    }


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ("Resources: {B: {Type: T, Condition: Never}, R: {Type: T, Properties: {x: !GetAtt B.Arn}}}", "Resources"),
        (
            "Resources: {B: {Type: T, Condition: Never}, R: {Type: T, Properties: {x: !If [Never, a, !Ref B]}}}",
            "Resources",
        ),
        ("Resources: {B: {Type: T, Condition: Never}}\nOutputs: {O: {Value: !Ref B}}", "Outputs"),
    ],
)
def test_what_is_not_made_cannot_be_referred_to(part: str, block: str) -> None:
    made = template(f"Conditions: {{Never: !Equals [a, b]}}\n{part}")
    with pytest.raises(TemplateError) as caught:
        dependencies(made, values(made).conditions)
    assert str(caught.value) == (
        f"Template format error: Unresolved resource dependencies [B] in the {block} block of the template"
    )


def test_a_circle_can_depend_on_a_condition() -> None:
    made = template(
        """
        Parameters: {Env: {Type: String}}
        Conditions: {Prod: !Equals [!Ref Env, prod]}
        Resources:
          A: {Type: T, Properties: {x: !If [Prod, !Ref B, !Ref AWS::NoValue]}}
          B: {Type: T, Properties: {x: !If [Prod, a, !Ref A], y: !If [Prod, !Ref A, b]}}
        """
    )
    assert dependencies(made, values(made, Env="test").conditions) == {"A": frozenset(), "B": frozenset({"A"})}
    with pytest.raises(TemplateError, match=r"^Circular dependency between resources: \[A, B\]$"):
        dependencies(made, values(made, Env="prod").conditions)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefghx"), max_size=3)))
def test_what_cannot_be_begun_leads_into_a_circle(graph: dict[str, list[str]]) -> None:
    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            for other in graph.get(todo.pop(), ()):
                if other in graph and other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    in_circles = {name for name in graph if name in reached(name)}
    assert unordered(graph) == [name for name in graph if name in in_circles or reached(name) & in_circles]


# -- rules -------------------------------------------------------------------------------------------------------------

RULES = """
Parameters:
  Env: {Type: String}
  Size: {Type: String, Default: small}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
  Vpc1: {Type: "AWS::EC2::VPC::Id", Default: vpc-1}
  Vpc2: {Type: "AWS::EC2::VPC::Id", Default: vpc-1}
"""


@pytest.mark.parametrize(
    ("condition", "assertion", "met"),
    [
        ("!Equals [!Ref Env, prod]", "{'Fn::Contains': [[small], !Ref Size]}", True),
        ("!Equals [!Ref Env, prod]", "{'Fn::Contains': [[large], !Ref Size]}", False),
        ("!Equals [!Ref Env, test]", "{'Fn::Contains': [[large], !Ref Size]}", True),
        ("", "{'Fn::EachMemberIn': [!Ref Zones, [a, b, c]]}", True),
        ("", "{'Fn::EachMemberIn': [!Ref Zones, [a]]}", False),
        ("", "{'Fn::EachMemberEquals': [{'Fn::RefAll': 'AWS::EC2::VPC::Id'}, vpc-1]}", True),
        ("", "{'Fn::EachMemberEquals': [{'Fn::RefAll': 'AWS::EC2::VPC::Id'}, vpc-2]}", False),
        ("", "!Not [{'Fn::Contains': [!Ref Zones, !Ref Env]}]", True),
        ("", "!And [!Equals [a, a], {'Fn::Contains': [!Ref Zones, a]}]", True),
        ("{'Fn::Contains': [!Ref Zones, c]}", "!Equals [a, b]", True),
    ],
)
def test_rules(condition: str, assertion: str, met: bool) -> None:
    when = f"RuleCondition: {condition}, " if condition else ""
    made = template(f"{RULES}Rules: {{R: {{{when}Assertions: [{{Assert: {assertion}, AssertDescription: Not so}}]}}}}")
    if met:
        check_rules(made, values(made, Env="prod"))
        return
    with pytest.raises(TemplateError) as caught:
        check_rules(made, values(made, Env="prod"))
    assert str(caught.value) == "Template validation error: Rule R: Not so"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{Assertions: []}", "Template format error: Rule R must contain Assertions."),
        ("{Foo: 1}", "Template format error: Rule R may only have RuleCondition and Assertions."),
        (
            "{Assertions: [{Assert: {'Fn::Contains': [[a]]}}]}",
            "Template error: Fn::Contains requires a list argument with two elements",
        ),
        (
            "{Assertions: [{Assert: {'Fn::Contains': [{'Fn::RefAll': [a]}, a]}}]}",
            "Template error: Fn::RefAll requires the type of a parameter",
        ),
        (
            "{Assertions: [{Assert: !Equals [!Ref Q, a]}]}",
            "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Rules block of the template",
        ),
        (
            "{Assertions: [{AssertDescription: a}]}",
            "Template format error: Every assertion of rule R must contain an Assert.",
        ),
        (
            "{Assertions: [{Assert: {'Fn::Contains': [{'Fn::ValueOfAll': ['AWS::EC2::VPC::Id', Tags.Department]}, IT]}}]}",
            "Fn::ValueOfAll in Rules is not implemented in Cloudarium yet.",
        ),
        (
            "{Assertions: [{Assert: !Equals [{'Fn::ValueOf': [Vpc, DefaultNetworkAcl]}, a]}]}",
            "Fn::ValueOf in Rules is not implemented in Cloudarium yet.",
        ),
    ],
)
def test_rules_that_cannot_be(rule: str, said: str) -> None:
    assert refused(f"Rules: {{R: {rule}}}") == said


def test_rules_know_no_conditions() -> None:
    made = template("{Conditions: {C: !Equals [a, a]}, Rules: {R: {Assertions: [{Assert: !Condition C}]}}}")
    with pytest.raises(TemplateError, match="Conditions can only be boolean operations"):
        check_rules(made, values(made))


@given(st.recursive(st.booleans(), lambda inner: st.tuples(st.sampled_from(["And", "Or", "Not"]), inner, inner)))
def test_conditions_are_logic(tree: Any) -> None:
    def written(node: Any) -> Any:
        if isinstance(node, bool):
            return {"Fn::Equals": ["a", "a" if node else "b"]}
        members = [written(each) for each in node[1:]]
        return {f"Fn::{node[0]}": members[:1] if node[0] == "Not" else members}

    def holds(node: Any) -> bool:
        if isinstance(node, bool):
            return node
        first, second = (holds(each) for each in node[1:])
        return {"And": first and second, "Or": first or second, "Not": not first}[node[0]]

    made = parse({"Conditions": {"C": written(tree)}, "Resources": {"Q": QUEUE}})
    assert conditions(made, Values(pseudo=dict(PSEUDO))) == {"C": holds(tree)}
