"""Intrinsic functions and dynamic references, worked out."""

# AWS's messages are as long as they are.
# ruff: noqa: E501

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.cloudformation.template import (
    NO_VALUE,
    DynamicReference,
    Missing,
    TemplateError,
    Values,
    dynamic_reference,
    read,
    resolve,
)
from cloudarium.services.cloudformation.template.networks import blocks


def known() -> Values:
    return Values(
        parameters={"Name": "app", "List": ["a", "b"], "Count": "3"},
        pseudo={"AWS::Region": "eu-west-1", "AWS::NotificationARNs": ["arn:x"]},
        mappings={"M": {"eu-west-1": {"ami": "ami-1", "zones": ["x", "y"], "size": 5}}},
        conditions={"Big": True, "Small": False},
        made={"Q": ("https://queue", {"Arn": "arn:q", "Outputs.Url": "u", "Ports": ["1", "2"], "Size": 7})},
        outside={("zones", "eu-west-1"): ["1a", "1b"], ("import", "app-url"): "http://x"},
    )


def resolved(yaml: str, values: Values | None = None) -> Any:
    return resolve(read(f"A: {yaml}")["A"], values or known())


@pytest.mark.parametrize(
    ("written", "comes_to"),
    [
        ("!Ref Name", "app"),
        ("!Ref List", ["a", "b"]),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::NotificationARNs", ["arn:x"]),
        ("!Ref Q", "https://queue"),
        ("!GetAtt Q.Arn", "arn:q"),
        ("!GetAtt Q.Outputs.Url", "u"),
        ("!GetAtt [Q, Outputs, Url]", "u"),
        ("!GetAtt [Q, !Sub 'Ar${x}']", None),
        ("{'Fn::GetAtt': [Q, {'Fn::Join': ['', [Ar, n]]}]}", "arn:q"),
        ("!GetAtt Q.Ports", ["1", "2"]),
        ("!GetAtt Q.Size", 7),
        ("!Sub '${Name}-${AWS::Region}-${Q}-${Q.Arn}-${Q.Size}'", "app-eu-west-1-https://queue-arn:q-7"),
        ("!Sub '${!Name} $Name ${Name} $${Name} ${'", "${Name} $Name app $app ${"),
        ("!Sub ['${Name}/${x}/${y}', {Name: own, x: !Ref Count, y: true}]", "own/3/true"),
        ("!Sub ['${x}', {x: '${Name}'}]", "${Name}"),
        ("!Join ['-', [a, !Ref Name, 5, true, 1.5]]", "a-app-5-true-1.5"),
        ("!Join ['', !Ref List]", "ab"),
        ("!Join [',', []]", ""),
        ("!Join [',', [a, !Ref AWS::NoValue, b]]", "a,b"),
        ("!Split [',', 'a,b,,c']", ["a", "b", "", "c"]),
        ("!Split ['::', a]", ["a"]),
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['1', !Ref List]", "b"),
        ("!Select [!Ref Count, [a, b, c, d]]", "d"),
        ("!Select [0, !Split ['-', !Ref AWS::Region]]", "eu"),
        ("!FindInMap [M, !Ref AWS::Region, ami]", "ami-1"),
        ("!FindInMap [M, eu-west-1, zones]", ["x", "y"]),
        ("!FindInMap [M, eu-west-1, size]", 5),
        ("!FindInMap [M, us-east-1, ami, {DefaultValue: !Ref Name}]", "app"),
        ("!FindInMap [N, us-east-1, ami, {DefaultValue: [a]}]", ["a"]),
        ("!If [Big, !Ref Name, !Ref Unknown]", "app"),
        ("!If [Small, a, {b: [c]}]", {"b": ["c"]}),
        ("!Base64 'a é'", "YSDDqQ=="),
        ("!Base64 {'Fn::Sub': '${Name}'}", "YXBw"),
        ("!GetAZs ''", ["1a", "1b"]),
        ("!GetAZs {Ref: AWS::Region}", ["1a", "1b"]),
        ("!ImportValue {'Fn::Sub': '${Name}-url'}", "http://x"),
        ("!Cidr [10.0.0.0/16, 3]", ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ("!Cidr ['10.0.0.0/16', '2', '6']", ["10.0.0.0/26", "10.0.0.64/26"]),
        ("!Cidr ['fd00::/56', 2, 64]", ["fd00::/64", "fd00:0:0:1::/64"]),
        ("!Length [a, !Ref AWS::NoValue, b]", 2),
        ("!Length {Ref: List}", 2),
        ("!ToJsonString {a: !Ref Name, b: [1, true, é], c: !Ref AWS::NoValue}", '{"a":"app","b":[1,true,"é"]}'),
        ("!ToJsonString [!GetAtt Q.Arn]", '["arn:q"]'),
        ("{a: !Ref AWS::NoValue, b: [!Ref AWS::NoValue, 1, !If [Small, 2, !Ref AWS::NoValue]]}", {"b": [1]}),
        ("{Ref: Name, Other: 1}", {"Ref": "Name", "Other": 1}),
        ("5", 5),
    ],
)
def test_functions(written: str, comes_to: Any) -> None:
    if comes_to is None:
        with pytest.raises(Missing) as caught:
            resolved(written)
        assert (caught.value.kind, caught.value.key) == ("resource", "x")
        return
    found = resolved(written)
    assert found == comes_to and type(found) is type(comes_to)


def test_nothing_is_left_of_no_value() -> None:
    assert resolved("!If [Small, a, !Ref AWS::NoValue]") is NO_VALUE


@pytest.mark.parametrize(
    ("written", "kind", "key"),
    [
        ("!Ref R", "resource", "R"),
        ("!GetAtt R.Arn", "resource", "R"),
        ("!Sub '${R.Arn}'", "resource", "R"),
        ("!GetAZs us-east-1", "zones", "us-east-1"),
        ("!ImportValue other", "import", "other"),
        ("'x{{resolve:ssm:/a/b:3}}'", "ssm", "{{resolve:ssm:/a/b:3}}"),
        ("'{{resolve:ssm-secure:/a/b}}'", "ssm-secure", "{{resolve:ssm-secure:/a/b}}"),
        (
            "!Join ['', ['{{resolve:secretsmanager:', !Ref Name, ':SecretString:k}}']]",
            "secretsmanager",
            "{{resolve:secretsmanager:app:SecretString:k}}",
        ),
    ],
)
def test_what_the_outside_knows_is_asked_for_until_it_is_there(written: str, kind: str, key: str) -> None:
    values = known()
    with pytest.raises(Missing) as caught:
        resolved(written, values)
    assert (caught.value.kind, caught.value.key) == (kind, key)
    if kind == "resource":
        values.made[key] = ("found", {"Arn": "found"})
    else:
        values.outside[kind, key] = "found"
    assert resolved(written, values) in ("found", "xfound")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("!GetAtt Q.Nope", "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"),
        ("!Sub '${Q.Nope}'", "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"),
        ("!Sub '${List}'", "Template error: variable List in Fn::Sub expression does not resolve to a string"),
        (
            "!Sub ['x', {y: !Ref List}]",
            "Template error: every value of the context object of every Fn::Sub object must be a string or a function that returns a string",
        ),
        ("!Select [2, !Ref List]", "Template error: Fn::Select cannot select nonexistent value at index 2"),
        (
            "!Select [-1, !Ref List]",
            "Template error: Fn::Select requires a list argument with a valid index value as its first element",
        ),
        (
            "!Select [0, !Ref Name]",
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        ("!FindInMap [M, us-east-1, ami]", "Template error: Unable to get mapping for M::us-east-1::ami"),
        (
            "!FindInMap [!Ref Name, a, b]",
            "Template error: Mapping named 'app' is not present in the 'Mappings' section of template.",
        ),
        (
            "!If [{a: b}, a, b]",
            "Template error: Fn::If requires a list argument with the first element being a condition",
        ),
        ("!If [Maybe, a, b]", "Template error: unresolved condition dependency Maybe in Fn::If"),
        (
            "!Split ['', a]",
            "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
        ),
        ("!Cidr [10.0.0.0/16, 0]", "Template error: Fn::Cidr: count must be between 1 and 256, not 0"),
        ("!Cidr [10.0.0.0/16, 257]", "Template error: Fn::Cidr: count must be between 1 and 256, not 257"),
        ("!Cidr [10.0.0.0/24, 2, 8]", "Template error: Fn::Cidr: 2 blocks with 8 bits do not fit into 10.0.0.0/24"),
        ("!Cidr [10.0.0.1/24, 2, 8]", "Template error: Fn::Cidr: 10.0.0.1/24 is not a valid CIDR block"),
        (
            "'{{resolve:ssm:/a:b}}'",
            "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/a:b}}]",
        ),
        ("!Transform {Name: MyMacro}", "Fn::Transform MyMacro is not implemented in Cloudarium yet."),
    ],
)
def test_what_functions_refuse(written: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        resolved(written)
    assert str(caught.value) == said


# -- dynamic references ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("ssm:/a/b", {"name": "/a/b"}),
        ("ssm:a:12", {"name": "a", "version": "12"}),
        (
            "ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/a:4",
            {"name": "arn:aws:ssm:eu-west-1:111122223333:parameter/a", "version": "4"},
        ),
        ("ssm-secure:a", {"name": "a"}),
        ("secretsmanager:s", {"name": "s"}),
        ("secretsmanager:s:SecretString:password", {"name": "s", "json_key": "password"}),
        ("secretsmanager:s:SecretString:::v1", {"name": "s", "version": "v1"}),
        ("secretsmanager:s:::AWSPREVIOUS", {"name": "s", "stage": "AWSPREVIOUS"}),
        (
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:s-AbC:SecretString:k::",
            {"name": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:s-AbC", "json_key": "k"},
        ),
        ("secretsmanager:s:SecretBinary", None),
        ("secretsmanager:s:SecretString:k:AWSCURRENT:v1", None),
        ("secretsmanager::SecretString", None),
        ("secretsmanager:s:SecretString:a:b:c:d", None),
        ("ssm::1", None),
        ("ec2:a", None),
    ],
)
def test_dynamic_references_are_taken_apart(text: str, asks: dict[str, str] | None) -> None:
    whole = "{{resolve:" + text + "}}"
    if asks is None:
        with pytest.raises(TemplateError):
            dynamic_reference(whole)
    else:
        assert dynamic_reference(whole) == DynamicReference(service=text.partition(":")[0], **asks)


def test_dynamic_references_stand_anywhere_in_what_is_made() -> None:
    values = known()
    for name in "ab":
        values.outside["ssm", f"{{{{resolve:ssm:{name}}}}}"] = name.upper()
    found = resolved("{x: ['{{resolve:ssm:a}}-{{resolve:ssm:b}}', 5], y: '{{resolve:other:a}} {{resolve:}}'}", values)
    assert found == {"x": ["A-B", 5], "y": "{{resolve:other:a}} {{resolve:}}"}


def test_dynamic_references_stay_in_outputs() -> None:
    text = "{{resolve:secretsmanager:s}}-{{resolve:ssm:a}}"
    assert resolve({"Fn::Sub": text}, known(), dynamic_references=False) == text


# -- what costs little -------------------------------------------------------------------------------------------------


def test_texts_within_texts_are_bounded() -> None:
    values = known()
    values.parameters["Name"] = "x" * 4096
    node: Any = {"Ref": "Name"}
    for _ in range(20):
        node = {"Fn::Sub": ["${x}" * 100, {"x": node}]}
    with pytest.raises(TemplateError, match="functions give more than 16777216 characters"):
        resolve(node, values)
    with pytest.raises(TemplateError, match="functions give more than"):
        resolve([{"Fn::Sub": "${Name}" * 100} for _ in range(1000)], values)
    values.outside["ssm", "{{resolve:ssm:a}}"] = "x" * 4096
    with pytest.raises(TemplateError, match="functions give more than"):
        resolve(["{{resolve:ssm:a}}"] * 5000, values)
    values.mappings["Many"] = {"a": {"b": ["x"] * 100_000}}
    with pytest.raises(TemplateError, match="functions give more than"):
        resolve([{"Fn::FindInMap": ["Many", "a", "b"]}] * 1000, values)


def test_depth_is_bounded() -> None:
    node: Any = "x"
    for _ in range(100_000):
        node = [node]
    with pytest.raises(TemplateError, match="nested more than 150 levels deep"):
        resolve(node, known())


# -- properties --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.data())
def test_blocks_lie_in_the_whole_side_by_side(address: Any, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(1, address.max_prefixlen - 8))
    bits = data.draw(st.integers(0, address.max_prefixlen - prefix))
    count = data.draw(st.integers(1, min(256, 1 << (address.max_prefixlen - prefix - bits))))
    whole = ipaddress.ip_network((address, prefix), strict=False)
    made = [ipaddress.ip_network(block) for block in blocks(str(whole), count, bits)]
    assert len(made) == count and made[0].network_address == whole.network_address
    assert all(each.prefixlen == address.max_prefixlen - bits for each in made)
    for before, after in itertools.pairwise(made):
        assert int(after.network_address) == int(before.broadcast_address) + 1
    assert int(made[-1].broadcast_address) <= int(whole.broadcast_address)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.text(min_size=1, max_size=3))
def test_what_is_joined_is_split_again(texts: list[str], delimiter: str) -> None:
    values = known()
    joined = resolve({"Fn::Join": [delimiter, texts]}, values)
    assert resolve({"Fn::Split": [delimiter, joined]}, values) == delimiter.join(texts).split(delimiter)


@given(st.text(max_size=60))
def test_a_sub_without_variables_is_its_text(text: str) -> None:
    if "${" not in text:
        assert resolve({"Fn::Sub": text}, known()) == text
