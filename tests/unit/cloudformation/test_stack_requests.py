"""What CreateStack and its neighbours refuse, and with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, template

ONE = template({"A": {}})
_ROLE: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}


async def test_names_are_unique_while_a_stack_lives(api: Api) -> None:
    first = await api.make({"A": {}})
    error = await api.error("create_stack", StackName="s", TemplateBody=ONE)
    assert (error.code, error.message) == ("AlreadyExistsException", "Stack [s] already exists")
    await api("delete_stack", StackName="s")
    await api.settle(1)
    second = await api.make({"A": {}})
    assert first != second
    assert (await api.stack())["StackId"] == second


async def test_a_token_makes_a_request_once(api: Api) -> None:
    first = await api.make({"A": {}}, ClientRequestToken="t-1")
    again = await api("create_stack", StackName="s", TemplateBody=ONE, ClientRequestToken="t-1")
    assert again["StackId"] == first
    await api.settle()
    assert api.shelf.called("create") == ["A"]
    text = template({"A": {"Size": 2}})
    error = await api.error("update_stack", StackName="s", TemplateBody=text, ClientRequestToken="t-1")
    assert error.code == "TokenAlreadyExistsException"
    for _ in range(2):
        await api("update_stack", StackName="s", TemplateBody=text, ClientRequestToken="t-2")
        await api.settle(1)
    assert api.shelf.called("update") == ["A"]
    events = (await api("describe_stack_events", StackName="s"))["StackEvents"]
    assert [event["ClientRequestToken"] for event in events].count("t-2") == 5


async def test_nothing_to_update(api: Api) -> None:
    await api.make({"A": {"Size": 1}}, template={"Conditions": {"No": {"Fn::Equals": ["a", "b"]}}})
    for text in (template({"A": {"Size": 1}}), template({"A": {"Size": 1}}, Description="Other words")):
        error = await api.error("update_stack", StackName="s", TemplateBody=text)
        assert (error.code, error.message) == ("ValidationError", "No updates are to be performed.")
    await api("update_stack", StackName="s", UsePreviousTemplate=True, Tags=[{"Key": "k", "Value": "v"}])
    await api.settle(1)
    assert await api.status() == "UPDATE_COMPLETE"
    assert api.shelf.works[-1].tags["k"] == "v"


async def test_a_resource_stays_of_its_type(api: Api) -> None:
    await api.make({"A": {}})
    other = template({"A": {"Type": "AWS::CDK::Metadata"}})
    error = await api.error("update_stack", StackName="s", TemplateBody=other)
    assert error.message == (
        "Update of resource type is not permitted. The new template modifies resource type of the following "
        "resources: [A]"
    )


async def test_what_cannot_be_made_is_refused_by_name(api: Api) -> None:
    macro = {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "m", "FunctionName": "f"}}
    resources: dict[str, Any] = {"C": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "x"}}, "M": macro}
    error = await api.error("create_stack", StackName="s", TemplateBody=template(resources))
    assert error.message == (
        "CloudFormation cannot make these resource types in Cloudarium yet: [AWS::CloudFormation::Macro, "
        "Custom::Thing]."
    )
    # What a condition leaves out need not be possible.
    for each in resources.values():
        each["Condition"] = "No"
    await api.make(resources | {"A": {}}, template={"Conditions": {"No": {"Fn::Equals": ["a", "b"]}}})
    assert await api.statuses() == {"A": "CREATE_COMPLETE"}
    strange = {"X": {"Type": "AWS::Nothing::Thing"}}
    error = await api.error("create_stack", StackName="t", TemplateBody=template(strange))
    assert error.message == "Template format error: Unrecognized resource types: [AWS::Nothing::Thing]"


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("red", True),
        ({"Ref": "AWS::NoValue"}, False),
        ({"Fn::If": ["No", "red", {"Ref": "AWS::NoValue"}]}, False),
        ({"Fn::If": ["No", {"Ref": "AWS::NoValue"}, "red"]}, True),
    ],
)
async def test_properties_without_effect_are_refused_by_name(api: Api, value: Any, refused: bool) -> None:
    text = template({"A": {"Colour": value}}, Conditions={"No": {"Fn::Equals": ["a", "b"]}})
    if not refused:
        await api("create_stack", StackName="s", TemplateBody=text)
        return
    error = await api.error("create_stack", StackName="s", TemplateBody=text)
    assert error.message == (
        "CloudFormation cannot set these properties in Cloudarium yet: [Colour of Test::Shelf::Thing]."
    )


async def test_a_template_is_summed_up(api: Api) -> None:
    """What it declares and asks for; types that AWS does not know are an error, or warnings."""
    sections: dict[str, Any] = {"Parameters": {"P": {"Type": "String", "AllowedValues": ["a", "b"], "NoEcho": True}}}
    resources = {"A": {}, "X": {"Type": "AWS::Nothing::Thing"}}
    text = template(resources, AWSTemplateFormatVersion="2010-09-09", Description="Things", **sections)
    error = await api.error("get_template_summary", TemplateBody=text)
    assert error.message == "Template format error: Unrecognized resource types: [AWS::Nothing::Thing]"
    lenient = {"TreatUnrecognizedResourceTypesAsWarnings": True}
    found = await api("get_template_summary", TemplateBody=text, TemplateSummaryConfig=lenient)
    assert found["Warnings"] == {"UnrecognizedResourceTypes": ["AWS::Nothing::Thing"]}
    assert (found["Version"], found["Description"]) == ("2010-09-09", "Things")
    assert found["ResourceTypes"] == ["Test::Shelf::Thing", "AWS::Nothing::Thing"]
    (declared,) = found["Parameters"]
    assert declared["NoEcho"] is True and declared["ParameterConstraints"] == {"AllowedValues": ["a", "b"]}


async def test_a_template_comes_back_as_it_was(api: Api) -> None:
    """And, with loops, as it was understood."""
    loop = {"Fn::ForEach::Each": ["N", ["1", "2"], {"T${N}": {"Type": "Test::Shelf::Thing"}}]}
    text = json.dumps({"Transform": "AWS::LanguageExtensions", "Resources": loop})
    await api("create_stack", StackName="s", TemplateBody=text, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    await api.settle()
    assert sorted(api.shelf.names()) == ["T1", "T2"]
    assert (await api("get_template", StackName="s"))["TemplateBody"] == text
    processed = await api("get_template", StackName="s", TemplateStage="Processed")
    assert sorted(json.loads(processed["TemplateBody"])["Resources"]) == ["T1", "T2"]


async def test_capabilities(api: Api) -> None:
    for role, needed in ((_ROLE, "CAPABILITY_IAM"), (_named(), "CAPABILITY_NAMED_IAM")):
        text = template({"R": role})
        error = await api.error("create_stack", StackName="s", TemplateBody=text)
        assert error.code == "InsufficientCapabilitiesException"
        assert error.message == f"Requires capabilities : [{needed}]"
        answer = await api("validate_template", TemplateBody=text)
        assert answer["Capabilities"] == [needed]
        reason = "The following resource(s) require capabilities: [AWS::IAM::Role]"
        assert answer["CapabilitiesReason"] == reason
    text = template({"A": {}}, Transform="AWS::LanguageExtensions")
    error = await api.error("create_stack", StackName="s", TemplateBody=text)
    assert error.message == "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    await api("create_stack", StackName="s", TemplateBody=text, Capabilities=["CAPABILITY_AUTO_EXPAND"])


def _named() -> dict[str, Any]:
    return {**_ROLE, "Properties": _ROLE["Properties"] | {"RoleName": "r"}}


async def test_termination_protection(api: Api) -> None:
    await api.make({"A": {}}, EnableTerminationProtection=True)
    error = await api.error("delete_stack", StackName="s")
    assert error.message == "Stack [s] cannot be deleted while TerminationProtection is enabled"
    await api("update_termination_protection", StackName="s", EnableTerminationProtection=False)
    await api("delete_stack", StackName="s")
    await api.settle(1)
    assert api.shelf.things == {}


async def test_a_stack_under_way_cannot_be_updated(api: Api) -> None:
    api.shelf.slow.add("A")
    id_ = await api.make({"A": {}})
    error = await api.error("update_stack", StackName="s", TemplateBody=template({"A": {"Size": 2}}))
    assert error.message == f"Stack:{id_} is in CREATE_IN_PROGRESS state and can not be updated."
    assert (await api.error("update_stack", StackName="x", TemplateBody=ONE)).message == "Stack [x] does not exist"


async def test_parameters(api: Api) -> None:
    sections: dict[str, Any] = {"Parameters": {
        "Secret": {"Type": "String", "NoEcho": True}, "Size": {"Type": "Number", "Default": "1"},
        "Where": {"Type": "AWS::SSM::Parameter::Value<String>"}}}  # fmt: skip
    text = template({"A": {"Size": {"Ref": "Size"}, "Word": {"Ref": "Secret"}, "At": {"Ref": "Where"}}}, **sections)
    api.fakes["ssm", "get_parameter"] = lambda Name: {"Parameter": {"Type": "String", "Value": f"value of {Name}"}}
    error = await api.error("create_stack", StackName="s", TemplateBody=text)
    assert error.message == "Parameters: [Secret, Where] must have values"
    given = [{"ParameterKey": "Secret", "ParameterValue": "hush"}, {"ParameterKey": "Where", "ParameterValue": "/p"}]
    await api("create_stack", StackName="s", TemplateBody=text, Parameters=given)
    await api.settle()
    (thing,) = api.shelf.things.values()
    assert thing == {"Size": "1", "Word": "hush", "At": "value of /p"}
    shown = {each["ParameterKey"]: each for each in (await api.stack())["Parameters"]}
    assert shown["Secret"]["ParameterValue"] == "****"
    assert (shown["Where"]["ParameterValue"], shown["Where"]["ResolvedValue"]) == ("/p", "value of /p")
    events = (await api("describe_stack_events", StackName="s"))["StackEvents"]
    properties = {event["ResourceProperties"] for event in events if event.get("ResourceProperties")}
    assert properties == {'{"Size":"1","Word":"****","At":"value of /p"}'}
    kept = [{"ParameterKey": "Secret", "UsePreviousValue": True}, {"ParameterKey": "Where", "UsePreviousValue": True},
            {"ParameterKey": "Size", "ParameterValue": "2"}]  # fmt: skip
    await api("update_stack", StackName="s", UsePreviousTemplate=True, Parameters=kept)
    await api.settle(1)
    (thing,) = api.shelf.things.values()
    assert thing == {"Size": "2", "Word": "hush", "At": "value of /p"}


async def test_secrets_are_not_kept(api: Api) -> None:
    """A reference to a secret is followed when the resource is made, and is what is stored and shown."""
    secret = "{{resolve:secretsmanager:db:SecretString:password}}"
    api.fakes["secretsmanager", "get_secret_value"] = lambda SecretId: {"SecretString": '{"password": "hush"}'}
    await api.make({"A": {"Word": f"it is {secret}"}, "B": {"Word": {"Fn::GetAtt": ["A", "Size"]}}})
    assert [thing["Word"] for thing in api.shelf.things.values()] == ["it is hush", ""]
    stored = repr([list(table._rows.values()) for table in api.cloud.store._tables.values()])
    assert secret in stored and "hush" not in stored
    error = await api.error("update_stack", StackName="s", UsePreviousTemplate=True)
    assert error.message == "No updates are to be performed."


async def test_a_template_in_s3(api: Api) -> None:
    asked = []

    def get_object(Bucket: str, Key: str) -> dict[str, Any]:
        asked.append((Bucket, Key))
        return {"Body": ONE.encode(), "ContentLength": len(ONE)}

    api.fakes["s3", "get_object"] = get_object
    urls = (
        "https://s3.amazonaws.com/b/some/key",
        "https://b.s3.eu-west-1.amazonaws.com/some/key",
        "https://b.s3.amazonaws.com/some%2Fkey",
        "http://127.0.0.1:4566/b/some/key",
        "http://b.s3.localhost.localstack.cloud:4566/some/key",
        "https://s3-us-west-2.amazonaws.com/b/some/key",
    )
    for url in urls:
        await api("validate_template", TemplateURL=url)
    assert asked == [("b", "some/key")] * len(urls)
    for url in ("ftp://x/y", "http://[", "https://s3.amazonaws.com/bucket"):
        error = await api.error("create_stack", StackName="s", TemplateURL=url)
        assert error.message == "TemplateURL must be a supported URL."
    error = await api.error("create_stack", StackName="s")
    assert error.message == "Either Template URL or Template Body must be specified."
    error = await api.error("create_stack", StackName="s", TemplateBody=" " * 51_201)
    assert "Value at 'templateBody' failed to satisfy constraint" in error.message


async def test_what_is_shown_of_a_stack(api: Api) -> None:
    """Deleted ones by their id, for 90 days; names, filters and pages."""
    id_ = await api.make({"A": {}}, Tags=[{"Key": "k", "Value": "v"}], RoleARN="arn:aws:iam::111122223333:role/made")
    stack = await api.stack()
    assert stack["Tags"] == [{"Key": "k", "Value": "v"}] and stack["RoleARN"].endswith("role/made")
    (work,) = api.shelf.works
    assert work.tags == {
        "k": "v",
        "aws:cloudformation:stack-name": "s",
        "aws:cloudformation:stack-id": id_,
        "aws:cloudformation:logical-id": "A",
    }
    physical = next(iter(api.shelf.things))
    found = await api("describe_stack_resources", PhysicalResourceId=physical)
    assert found["StackResources"][0]["StackName"] == "s"
    detail = await api("describe_stack_resource", StackName="s", LogicalResourceId="A")
    assert detail["StackResourceDetail"]["PhysicalResourceId"] == physical
    error = await api.error("describe_stack_resource", StackName="s", LogicalResourceId="X")
    assert error.message == "Resource X does not exist for stack s"
    await api("delete_stack", StackName="s")
    await api.settle(1)
    assert (await api("describe_stacks"))["Stacks"] == []
    listed = await api("list_stacks", StackStatusFilter=["DELETE_COMPLETE"])
    assert [each["StackId"] for each in listed["StackSummaries"]] == [id_]
    await api.settle(90 * 86_400 + 60)
    assert (await api("list_stacks"))["StackSummaries"] == []
    assert (await api.error("describe_stacks", StackName=id_)).message == f"Stack with id {id_} does not exist"
    assert not any(table.count(api.ctx.scope) for name, table in api.cloud.store._tables.items()
                   if name.startswith("cloudformation.")), "nothing is left of it"  # fmt: skip


async def test_pages(api: Api) -> None:
    for number in range(103):
        await api("create_stack", StackName=f"s{number}", TemplateBody=ONE)
    await api.settle()
    first = await api("describe_stacks")
    second = await api("describe_stacks", NextToken=first["NextToken"])
    assert (len(first["Stacks"]), len(second["Stacks"]), "NextToken" in second) == (100, 3, False)
    assert len({each["StackId"] for each in first["Stacks"] + second["Stacks"]}) == 103
    assert (await api.error("list_stacks", NextToken="nonsense")).code == "ValidationError"


_NEVER: dict[str, Any] = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}


@pytest.mark.parametrize("block", ["Resources", "Outputs"])
@pytest.mark.parametrize("operation", ["create_stack", "update_stack", "create_change_set"])
async def test_what_there_will_not_be_cannot_be_referred_to(api: Api, operation: str, block: str) -> None:
    """It is refused when it is asked for: a stack that could not be worked out would never come to an end."""
    await api.make({"A": {}})
    resources: dict[str, Any] = {"A": {}, "N": {"Condition": "Never", "Properties": {}}}
    sections: dict[str, Any] = dict(_NEVER)
    if block == "Resources":
        resources["B"] = {"Of": {"Ref": "N"}}
    else:
        sections["Outputs"] = {"O": {"Value": {"Ref": "N"}}}
    more = {"ChangeSetName": "c"} if operation == "create_change_set" else {}
    name = "t" if operation == "create_stack" else "s"
    error = await api.error(operation, StackName=name, TemplateBody=template(resources, **sections), **more)
    assert (error.code, error.message) == (
        "ValidationError",
        f"Template format error: Unresolved resource dependencies [N] in the {block} block of the template",
    )


async def test_what_parameters_name_must_be_there(api: Api) -> None:
    def describe_subnets(Filters: list[dict[str, Any]]) -> dict[str, Any]:
        (names,) = [each["Values"] for each in Filters if each["Name"] == "subnet-id"]
        return {"Subnets": [{"SubnetId": each} for each in names if each in ("subnet-1", "subnet-2")]}

    api.fakes["ec2", "describe_subnets"] = describe_subnets
    declared = {"Parameters": {"P": {"Type": "List<AWS::EC2::Subnet::Id>"}, "Q": {"Type": "AWS::EC2::Subnet::Id"}}}

    async def made(name: str, p: str, q: str) -> str:
        given = [{"ParameterKey": "P", "ParameterValue": p}, {"ParameterKey": "Q", "ParameterValue": q}]
        await api.make({"A": {}}, name, template=declared, Parameters=given)
        await api.settle(1)
        reasons = [each for each in await api.events(name) if "ROLLBACK_IN_PROGRESS" in each]
        return reasons[0].removeprefix(f"{name} ROLLBACK_IN_PROGRESS ") if reasons else await api.status(name)

    assert await made("a", "subnet-1, subnet-2", "subnet-2") == "CREATE_COMPLETE"
    assert await made("b", "subnet-1,subnet-2", "subnet-3") == (
        "Parameter validation failed: parameter value subnet-3 for parameter name Q does not exist. Rollback requested "
        "by user."
    )
    assert "parameter value [subnet-3] for parameter name P does not exist." in await made("c", "subnet-3", "subnet-1")
    assert api.shelf.called("create") == ["A"], "nothing was begun"


async def test_events_have_an_order_in_time(api: Api) -> None:
    """Clients sort them by their times, also where everything happens at once."""
    await api.make({"A": {}, "B": {}})
    events = (await api("describe_stack_events", StackName="s"))["StackEvents"]
    times = [each["Timestamp"] for each in reversed(events)]
    assert len(times) > 4 and times == sorted(set(times))
