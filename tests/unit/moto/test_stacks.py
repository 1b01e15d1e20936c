"""CloudFormation: what it cannot make is refused by name, what it makes is there, and what fails is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from tests.unit.moto.rig import Rig

from cloudarium.services import owned
from cloudarium.substrate.moto.templates import BadTemplate, check, service_of, where_in_s3

KNOWN = ("AWS::SQS::Queue", "AWS::EC2::VPC")
YAML = """
Parameters:
  Name: {Type: String}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Name}-queue"}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Join ["-", [!Ref Name, bucket]]}
Outputs:
  Url: {Value: !Ref Queue, Export: {Name: !Sub "${Name}-url"}}
"""


def resources(**types: str) -> str:
    return json.dumps({"Resources": {name: {"Type": kind} for name, kind in types.items()}})


# -- what can be made --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (resources(V="AWS::EC2::VPC"), r"\[AWS::EC2::VPC\], whose services are Cloudarium's own"),
        (resources(L="AWS::ElasticLoadBalancingV2::LoadBalancer"), "LoadBalancer.*Cloudarium's own"),
        (resources(X="AWS::Not::Known", Q="AWS::SQS::Queue"), r"\[AWS::Not::Known\], which moto does not know"),
        (resources(X="Custom::Thing"), r"\[Custom::Thing\], which moto"),
        (resources(X="AWS::CloudFormation::WaitCondition"), "WaitCondition"),
        (json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {}}), "Transform AWS::Serverless"),
        (json.dumps({"Resources": {"Fn::ForEach::Each": []}}), "ForEach is not implemented"),
        (json.dumps({"Resources": {"X": {}}}), r"\[/Resources/X\] Every Resources object must contain a Type member"),
        (json.dumps({"Resources": {"X": {"Type": 5}}}), "must contain a Type member"),
        (json.dumps({"Resources": {}}), "At least one Resources member must be defined"),
        (json.dumps({"Resources": []}), "At least one Resources member must be defined"),
        ("a text", "unsupported structure"),
        ("", "unsupported structure"),
        ("[1, 2", r"not well-formed. \(line 1"),
        ("Resources: !!python/object/apply:os.getcwd []", "not well-formed.*python/object/apply:os.getcwd"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(template: str, said: str) -> None:
    with pytest.raises(BadTemplate, match=said):
        check(template, {"ec2", "elbv2"}, KNOWN)


@pytest.mark.parametrize(
    "template",
    [
        resources(Q="AWS::SQS::Queue", C="AWS::CDK::Metadata", W="AWS::CloudFormation::WaitConditionHandle"),
        json.dumps({"Transform": ["AWS::LanguageExtensions"], "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}),
        "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub '${A}', B: !If [a, !Ref b, {c: d}]}}}",
    ],
)
def test_what_can_be_made_passes(template: str) -> None:
    check(template, {"ec2", "elbv2"}, KNOWN)


def test_every_service_of_ours_is_told_by_its_resource_types() -> None:
    """A service that becomes ours under a name that resource types spell otherwise must not be forgotten."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    told = {service_of(kind) for kind in PROVIDER_SCHEMA_MANAGER.get_resource_types("us-east-1")}
    assert {service.name for service in owned()} - told <= {"sts", "ecr-public"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/templates/a%20b/c.json",
        "http://localhost:4566/templates/a%20b/c.json",
        "http://templates.localhost:4566/a%20b/c.json",
        "https://s3.eu-west-1.amazonaws.com/templates/a%20b/c.json",
        "https://templates.s3.eu-west-1.amazonaws.com/a%20b/c.json",
        "https://templates.s3.amazonaws.com/a%20b/c.json",
        "s3://templates/a%20b/c.json",
    ],
)
def test_a_template_is_found_by_every_address(url: str) -> None:
    assert where_in_s3(url) == ("templates", "a b/c.json")


# -- through a client --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig(None)
    made.cloud.services["ec2"] = cast(Any, None)
    yield made
    made.close()


@pytest.fixture
def cfn(rig: Rig) -> Any:
    return rig.client("cloudformation")


def named(value: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "Name", "ParameterValue": value}]


def refused(call: Any, **parameters: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]


def queues(rig: Rig) -> set[str]:
    return {url.rpartition("/")[2] for url in rig.client("sqs").list_queues().get("QueueUrls", [])}


def change(cfn: Any, stack: str, kind: str, name: str = "same", **parameters: Any) -> Any:
    return cfn.create_change_set(StackName=stack, ChangeSetName=name, ChangeSetType=kind, **parameters)


def test_a_network_in_a_template_is_refused_and_leaves_nothing(cfn: Any) -> None:
    network = resources(V="AWS::EC2::VPC")
    for call, more in (
        (cfn.create_stack, {"StackName": "net"}),
        (cfn.create_change_set, {"StackName": "net", "ChangeSetName": "c", "ChangeSetType": "CREATE"}),
        (cfn.create_stack_set, {"StackSetName": "net"}),
    ):
        error = refused(call, TemplateBody=network, **more)
        assert error["Code"] == "ValidationError" and "AWS::EC2::VPC" in error["Message"]
    assert "net" not in {stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]}
    cfn.create_stack(StackName="plain", TemplateBody=resources(Q="AWS::SQS::Queue"))
    for call, more in (
        (cfn.update_stack, {}),
        (cfn.create_change_set, {"ChangeSetName": "c", "ChangeSetType": "UPDATE"}),
    ):
        assert "AWS::EC2::VPC" in refused(call, StackName="plain", TemplateBody=network, **more)["Message"]
    assert cfn.describe_stacks(StackName="plain")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_a_template_calls_no_functions_of_python(rig: Rig, cfn: Any, tmp_path: Path) -> None:
    mark = tmp_path / "called"
    call = f'!!python/object/apply:os.mkdir ["{mark}"]'
    body = f"Resources: {{Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {call}}}}}}}"
    assert refused(cfn.create_stack, StackName="evil", TemplateBody=body)["Code"] == "ValidationError"
    refused(cfn.get_template_summary, TemplateBody=body)
    refused(cfn.validate_template, TemplateBody=body)
    assert not mark.exists()


def test_change_sets_make_stacks_with_outputs_and_exports(rig: Rig, cfn: Any) -> None:
    for stack in ("one", "two"):
        change(cfn, stack, "CREATE", TemplateBody=YAML, Parameters=named(f"cs-{stack}"))
    # Both are called the same; each is executed on its own stack.
    cfn.execute_change_set(StackName="one", ChangeSetName="same")
    assert "cs-one-queue" in queues(rig) and "cs-two-queue" not in queues(rig)
    described = cfn.describe_stacks(StackName="one")["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert described["Outputs"][0]["OutputValue"].endswith("/cs-one-queue")
    reader = {
        "Q": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": {"Fn::Select": [4, {"Fn::Split": ["/", {"Fn::ImportValue": "cs-one-url"}]}]}},
        }
    }
    reader["Q"]["Properties"]["QueueName"] = {"Fn::Join": ["", ["reads-", reader["Q"]["Properties"]["QueueName"]]]}
    change(cfn, "reads", "CREATE", TemplateBody=json.dumps({"Resources": reader}))
    cfn.execute_change_set(StackName="reads", ChangeSetName="same")
    assert "reads-cs-one-queue" in queues(rig)


def test_a_change_set_without_changes_is_made_and_has_failed(cfn: Any) -> None:
    change(cfn, "still", "CREATE", TemplateBody=YAML, Parameters=named("still"))
    cfn.execute_change_set(StackName="still", ChangeSetName="same")
    change(cfn, "still", "UPDATE", TemplateBody=YAML, Parameters=named("still"))
    described = cfn.describe_change_set(StackName="still", ChangeSetName="same")
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert refused(cfn.execute_change_set, StackName="still", ChangeSetName="same")["Code"] == "InvalidChangeSetStatus"
    cfn.delete_change_set(StackName="still", ChangeSetName="same")
    assert refused(cfn.describe_change_set, StackName="still", ChangeSetName="same")["Code"] == "ChangeSetNotFound"


def test_a_parameter_within_a_text_changes_what_is_made_of_it(rig: Rig, cfn: Any) -> None:
    properties = {"QueueName": "sub", "VisibilityTimeout": {"Fn::Sub": "${Name}"}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": properties}
    body = json.dumps({"Parameters": {"Name": {"Type": "String"}}, "Resources": {"Q": queue}})
    cfn.create_stack(StackName="sub", TemplateBody=body, Parameters=named("11"))
    cfn.update_stack(StackName="sub", UsePreviousTemplate=True, Parameters=named("22"))
    sqs = rig.client("sqs")
    url = sqs.get_queue_url(QueueName="sub")["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "22"


def test_a_kept_ssm_parameter_is_looked_up_again(rig: Rig, cfn: Any) -> None:
    rig.client("ssm").put_parameter(Name="/version", Value="30", Type="String")
    slot = {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}}
    body = {"Parameters": slot, "Resources": {"A": {"Type": "AWS::SQS::Queue"}}}
    change(cfn, "ssm", "CREATE", TemplateBody=json.dumps(body))
    cfn.execute_change_set(StackName="ssm", ChangeSetName="same")
    body["Resources"]["B"] = {"Type": "AWS::SQS::Queue"}
    kept = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    change(cfn, "ssm", "UPDATE", TemplateBody=json.dumps(body), Parameters=kept)
    cfn.execute_change_set(StackName="ssm", ChangeSetName="same")
    assert cfn.describe_stacks(StackName="ssm")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize("by_change_set", [False, True])
def test_what_fails_is_taken_back_and_stays_away(rig: Rig, cfn: Any, by_change_set: bool) -> None:
    name = f"fails-{by_change_set}".lower()
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    rig.client("s3").create_bucket(Bucket=f"{name}-bucket", **elsewhere)
    if by_change_set:
        change(cfn, name, "CREATE", TemplateBody=YAML, Parameters=named(name))
        cfn.execute_change_set(StackName=name, ChangeSetName="same")
    else:
        cfn.create_stack(StackName=name, TemplateBody=YAML, Parameters=named(name))
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cfn.describe_stack_events(StackName=name)["StackEvents"]
    assert any(
        "Bucket" in event.get("ResourceStatusReason", "")
        for event in events
        if event["ResourceStatus"] == "CREATE_FAILED"
    )
    assert f"{name}-queue" not in queues(rig)
    again = refused(change, cfn=cfn, stack=name, kind="UPDATE", TemplateBody=YAML, Parameters=named(name))
    assert "ROLLBACK_COMPLETE state and can not be updated" in again["Message"]
    cfn.delete_stack(StackName=name)
    assert rig.client("s3").head_bucket(Bucket=f"{name}-bucket")


@pytest.mark.parametrize("how", [{"DisableRollback": True}, {"OnFailure": "DO_NOTHING"}])
def test_what_was_made_is_kept_where_that_was_asked(rig: Rig, cfn: Any, how: dict[str, Any]) -> None:
    name = f"keeps-{len(next(iter(how)))}"
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    rig.client("s3").create_bucket(Bucket=f"{name}-bucket", **elsewhere)
    cfn.create_stack(StackName=name, TemplateBody=YAML, Parameters=named(name), **how)
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
    assert f"{name}-queue" in queues(rig)
    listed = cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert [each["LogicalResourceId"] for each in listed] == ["Queue"]
    cfn.delete_stack(StackName=name)
    assert f"{name}-queue" not in queues(rig)


def test_a_deleted_stack_stays_deleted_when_it_is_described(rig: Rig, cfn: Any) -> None:
    stack = cfn.create_stack(StackName="gone", TemplateBody=YAML, Parameters=named("gone"))["StackId"]
    assert "gone-queue" in queues(rig)
    cfn.delete_stack(StackName="gone")
    assert cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert "gone-queue" not in queues(rig)


def test_refusals_are_remembered_and_former_stacks_kept(tmp_path: Path) -> None:
    """What a service was when the call was made decides when it is made again, also if the service is ours by then."""
    made = Rig(tmp_path)
    try:
        made.client("cloudformation").create_stack(StackName="then", TemplateBody=resources(T="AWS::SNS::Topic"))
        made.restart()
        made.cloud.services["sns"] = cast(Any, None)
        refused(
            made.client("cloudformation").create_stack, StackName="now", TemplateBody=resources(T="AWS::SNS::Topic")
        )
        made.restart()
        stacks = made.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack["StackName"] for stack in stacks] == ["then"]
        assert made.bridge.running is not None
        assert made.bridge.running.ready["differing"] == 0
    finally:
        made.close()
