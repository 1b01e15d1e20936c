"""Documents as templates: sections, resources, outputs, references, and AWS's words for what is wrong with them."""

# AWS's messages are as long as they are.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudformation.templates import QUEUE, refused, template

from cloudarium.services.cloudformation.template import (
    Output,
    Parameter,
    Resource,
    TemplateError,
    attributes_asked,
    parse,
)


def test_a_whole_template() -> None:
    made = template(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Description: All of it
        Metadata: {Author: me}
        Parameters: {Name: {Type: String, Default: x, NoEcho: true, MaxLength: 5, Description: A name}}
        Mappings: {M: {a: {b: c}}}
        Conditions: {Big: !Equals [!Ref Name, big]}
        Resources:
          Q:
            Type: AWS::SQS::Queue
            Condition: Big
            DependsOn: R
            DeletionPolicy: RetainExceptOnCreate
            UpdateReplacePolicy: Snapshot
            Metadata: {a: b}
            CreationPolicy: {ResourceSignal: {Count: 1}}
            UpdatePolicy: {UseOnlineResharding: true}
            Properties: {QueueName: !Ref Name}
          R: {Type: AWS::SNS::Topic, DependsOn: [S, S]}
          S: {Type: AWS::SNS::Topic}
        Outputs:
          Url: {Value: !Ref Q, Description: Its URL, Condition: Big, Export: {Name: !Sub "${AWS::StackName}-url"}}
        """
    )
    assert (made.description, made.metadata, made.transforms) == ("All of it", {"Author": "me"}, ())
    assert made.parameters == {
        "Name": Parameter(name="Name", type="String", default="x", no_echo=True, max_length=5, description="A name")
    }
    assert made.resources["Q"] == Resource(
        logical_id="Q",
        type="AWS::SQS::Queue",
        properties={"QueueName": {"Ref": "Name"}},
        condition="Big",
        depends_on=("R",),
        deletion_policy="RetainExceptOnCreate",
        update_replace_policy="Snapshot",
        metadata={"a": "b"},
        creation_policy={"ResourceSignal": {"Count": 1}},
        update_policy={"UseOnlineResharding": True},
    )
    assert made.resources["R"].depends_on == ("S",)
    assert made.resources["S"].deletion_policy == ""
    assert made.outputs["Url"] == Output(
        name="Url",
        value={"Ref": "Q"},
        description="Its URL",
        export_name={"Fn::Sub": "${AWS::StackName}-url"},
        condition="Big",
    )


def resources(**members: Any) -> dict[str, Any]:
    return {"Resources": {"Q": {"Type": "AWS::SQS::Queue", **members}}}


def properties(value: Any) -> dict[str, Any]:
    return resources(Properties={"P": value})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": []}, "Template format error: Resources must be a map."),
        ({"Hooks": {}}, "The Hooks section is not implemented in Cloudarium yet."),
        ({"Foo": 1, "Bar": 2}, "Invalid template property or properties [Foo, Bar]"),
        (
            {"AWSTemplateFormatVersion": "2011-01-01"},
            "Template format error: unsupported value for AWSTemplateFormatVersion.",
        ),
        ({"Description": ["a"]}, "Template format error: Every Description member must be a string."),
        ({"Description": "é" * 513}, "Template format error: Description must be no longer than 1024 bytes."),
        (
            {"Resources": {"A": {}}},
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        (
            {"Resources": {"A": {"Type": 5}}},
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        ({"Resources": {"A": 5}}, "Template format error: [/Resources/A] Every Resources member must be a map."),
        ({"Resources": {"a-b": QUEUE}}, "Template format error: Resource name a-b is non alphanumeric."),
        (resources(Invalid=1), "Invalid template resource property 'Invalid'"),
        (resources(Version="1"), "Invalid template resource property 'Version'"),
        (resources(Properties=[1]), "Template format error: [/Resources/Q/Properties] Properties must be a map."),
        (resources(DependsOn={"a": "b"}), "Template format error: DependsOn must be a string or list of strings."),
        (resources(DependsOn=[1]), "Template format error: Every DependsOn value must be a string."),
        (resources(DeletionPolicy="Keep"), "Template format error: Unrecognized DeletionPolicy Keep for resource Q"),
        (
            resources(UpdateReplacePolicy="RetainExceptOnCreate"),
            "Template format error: Unrecognized UpdateReplacePolicy RetainExceptOnCreate for resource Q",
        ),
        (
            resources(DeletionPolicy={"Ref": "X"}),
            "Template format error: Every DeletionPolicy member must be a string.",
        ),
        (properties(None), "[/Resources/Q/Properties/P] 'null' values are not allowed in templates"),
        (properties([1, [None]]), "[/Resources/Q/Properties/P/1/0] 'null' values are not allowed in templates"),
        ({"Parameters": None}, "[/Parameters] 'null' values are not allowed in templates"),
        (properties("\ud800"), "Template format error: unsupported structure."),
        (
            {"Outputs": {"O": {"Description": "a"}}},
            "Template format error: Every Outputs member must contain a Value object",
        ),
        ({"Outputs": {"O": 1}}, "Template format error: Every Outputs member must be a map"),
        ({"Outputs": {"a_b": {"Value": 1}}}, "Template format error: Output name a_b is non alphanumeric."),
        ({"Outputs": {"O": {"Value": 1, "Foo": 2}}}, "Invalid template output property 'Foo'"),
        (
            {"Outputs": {"O": {"Value": 1, "Export": {}}}},
            "Template format error: Output O has an Export without a Name.",
        ),
        ({"Mappings": {"M": "a"}}, "Template format error: Every Mappings member M must be a map"),
        ({"Mappings": {"M": {"A": "a"}}}, "Template format error: Every Mappings member A must be a map"),
        (
            {"Mappings": {"M": {"A": {"b": {"c": "d"}}}}},
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
        (
            {"Mappings": {"M": {"A": {"b": [["d"]]}}}},
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
        (
            {"Parameters": {"Q": {"Type": "String"}}},
            "Template error: all resources and parameters must have unique names. Common name(s): [Q]",
        ),
    ],
)
def test_what_is_wrong_with_a_document_is_said_as_aws_does(document: dict[str, Any], said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse({"Resources": {"Q": QUEUE}, **document} if document else document)
    assert str(caught.value) == said


def test_a_custom_resource_has_a_version() -> None:
    assert template(Resources={"C": {"Type": "Custom::Thing", "Version": "1.0"}}).resources["C"].type == "Custom::Thing"


@pytest.mark.parametrize(
    ("section", "most", "member", "name"),
    [
        ("Resources", 500, QUEUE, "resources"),
        ("Parameters", 200, {"Type": "String"}, "parameters"),
        ("Outputs", 200, {"Value": "a"}, "outputs"),
        ("Mappings", 200, {"a": {"b": "c"}}, "mappings"),
    ],
)
def test_sections_have_limits(section: str, most: int, member: Any, name: str) -> None:
    full = {f"N{index}": member for index in range(most)}
    template(**{section: full})
    assert refused(**{section: {**full, "More": member}}) == (
        f"Template format error: Number of {name}, {most + 1}, is greater than maximum allowed, {most}"
    )


@pytest.mark.parametrize(
    ("transform", "named"),
    [
        ("AWS::Serverless-2016-10-31", "Transform AWS::Serverless-2016-10-31"),
        (["AWS::LanguageExtensions", "MyMacro"], "Transform MyMacro"),
        ({"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}, "Transform AWS::Include"),
    ],
)
def test_transforms_are_refused_by_name(transform: Any, named: str) -> None:
    assert refused(Transform=transform) == f"{named} is not implemented in Cloudarium yet."


def test_transforms_within_resources_are_refused_by_name() -> None:
    include = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}}
    assert refused(**properties(include)) == "Fn::Transform AWS::Include is not implemented in Cloudarium yet."
    assert refused(**properties({"a": "b", **include})).startswith("Fn::Transform AWS::Include")


# -- functions ---------------------------------------------------------------------------------------------------------

_JOIN = (
    "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to "
    "be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
_SUB = (
    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as "
    "first argument, and an optional second argument to specify a mapping of values to replace in the string"
)
_MAP = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
_ATT = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ({"Ref": ["Q"]}, "Template error: All References must be of type string"),
        ({"Fn::Join": [",", ["a"], "b"]}, _JOIN),
        ({"Fn::Join": "a"}, _JOIN),
        ({"Fn::Sub": {"a": "b"}}, _SUB),
        ({"Fn::Sub": ["${a}"]}, _SUB),
        (
            {"Fn::Sub": "${a-b}"},
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
        ),
        ({"Fn::FindInMap": ["M", "a"]}, _MAP),
        ({"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": "c"}]}, _MAP),
        ({"Fn::GetAtt": "Q"}, _ATT),
        ({"Fn::GetAtt": ["Q", ""]}, _ATT),
        ({"Fn::GetAtt": [{"Ref": "Q"}, "Arn"]}, _ATT),
        ({"Fn::If": ["a", "b"]}, "Template error: Fn::If requires a list argument with three elements"),
        ({"Fn::Equals": ["a", "b"]}, "Template error: Fn::Equals cannot be partially collapsed"),
        ({"Fn::Base64": ["a"]}, "Template error: every Fn::Base64 object must have a String-typed value."),
    ],
)
def test_functions_are_given_what_they_take(function: Any, said: str) -> None:
    assert refused(**properties(function)) == said
    assert refused(Outputs={"O": {"Value": [function]}}) == said


@pytest.mark.parametrize("name", ["Fn::Nope", "Fn::Ref", "Fn::Length", "Fn::ToJsonString", "Fn::Contains"])
def test_functions_that_are_none_are_refused_with_those_that_are(name: str) -> None:
    said = refused(**properties({name: []}))
    assert said.startswith(f"Template Error: Encountered unsupported function: {name} Supported functions are: [Fn::B")


def test_a_map_with_more_keys_is_no_function() -> None:
    made = template(**properties({"Ref": "nobody", "Fn::GetAtt": 5}))
    assert made.resources["Q"].properties == {"P": {"Ref": "nobody", "Fn::GetAtt": 5}}


# -- references --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{R: {Type: T, Properties: {A: !Ref X, B: !Sub '${Y}${X}'}}}",
            "Template format error: Unresolved resource dependencies [X, Y] in the Resources block of the template",
        ),
        (
            "{R: {Type: T, DependsOn: [X]}}",
            "Template format error: Unresolved resource dependencies [X] in the Resources block of the template",
        ),
        (
            "{R: {Type: T, Metadata: {a: !Ref AWS::Regio}}}",
            "Template format error: Unresolved resource dependencies [AWS::Regio] in the Resources block of the template",
        ),
        (
            "{R: {Type: T, UpdatePolicy: {a: !Ref X}}}",
            "Template format error: Unresolved resource dependencies [X] in the Resources block of the template",
        ),
        (
            "{R: {Type: T, Properties: {A: !GetAtt X.Arn}}}",
            "Template error: instance of Fn::GetAtt references undefined resource X",
        ),
        (
            "{R: {Type: T, Properties: {A: !Sub '${X.Arn}'}}}",
            "Template error: instance of Fn::Sub references invalid resource attribute X.Arn",
        ),
        (
            "{R: {Type: T, Condition: C}}",
            "Template format error: Unresolved condition dependency C in the Resources block of the template",
        ),
        (
            "{R: {Type: T, Properties: {A: !If [C, a, b]}}}",
            "Template error: unresolved condition dependency C in Fn::If",
        ),
        (
            "{R: {Type: T, Properties: {A: !FindInMap [M, a, b]}}}",
            "Template error: Mapping named 'M' is not present in the 'Mappings' section of template.",
        ),
        ("{R: {Type: T, Properties: {A: !Ref R}}}", "Circular dependency between resources: [R]"),
    ],
)
def test_references_lead_somewhere(text: str, said: str) -> None:
    assert refused(f"Resources: {text}") == said


def test_a_branch_that_is_not_taken_is_looked_at_too() -> None:
    assert "[X]" in refused(
        "{Conditions: {C: !Equals [a, a]}, Resources: {R: {Type: T, Properties: {A: !If [C, a, !Ref X]}}}}"
    )


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "{Value: !Ref X}",
            "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template",
        ),
        (
            "{Value: a, Export: {Name: !Ref X}}",
            "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template",
        ),
        ("{Value: !GetAtt X.Arn}", "Template error: instance of Fn::GetAtt references undefined resource X"),
        (
            "{Value: a, Condition: C}",
            "Template format error: Unresolved condition dependency C in the Outputs block of the template",
        ),
    ],
)
def test_outputs_refer_to_what_is_there(output: str, said: str) -> None:
    assert refused(f"Outputs: {{O: {output}}}") == said


def test_circles_are_named_with_what_hangs_on_them_as_on_aws() -> None:
    text = """
    Resources:
      A: {Type: T, Properties: {x: !GetAtt B.Arn}}
      B: {Type: T, Properties: {x: !Sub ["${y}", {y: !Ref C}]}}
      C: {Type: T, DependsOn: A}
      Before: {Type: T}
      Between: {Type: T, DependsOn: [A, Before]}
      After: {Type: T, DependsOn: Between}
      Used: {Type: T}
      D: {Type: T, DependsOn: [Used]}
    """
    assert refused(text) == "Circular dependency between resources: [A, B, C, Between, After]"


def test_names_of_a_sub_itself_are_no_references() -> None:
    template("Resources: {R: {Type: T, Properties: {A: !Sub ['${own}-${!not}', {own: 5}]}}}")


def test_attributes_that_are_asked_are_known() -> None:
    made = template(
        """
        Resources:
          R: {Type: T}
          S: {Type: T, Properties: {A: !GetAtt R.Arn, B: !Sub "${R.Name}", C: !GetAtt [R, Outputs.X]}}
        Outputs: {O: {Value: !GetAtt S.Id}}
        """
    )
    assert attributes_asked(made) == {"R": frozenset({"Arn", "Name", "Outputs.X"}), "S": frozenset({"Id"})}
