"""Stacks through boto3 and the AWS CLI, of resources of the cloud's own services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.curl import curl
from tests.support.stacks import events, groups, outputs, settled, status

NETWORK = """
Parameters:
  Block: {Type: String, Default: 10.0}
  Days: {Type: Number, Default: 7}
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref Days}}
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Sub '${Block}.0.0/16'}}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]]
      AvailabilityZone: !Select [0, !GetAZs '']
Outputs:
  Vpc: {Value: !Ref Vpc, Export: {Name: !Sub '${AWS::StackName}-vpc'}}
  Group: {Value: !Ref Group}
"""


def test_a_stack_lives(account: Account) -> None:
    cloudformation = account.cloudformation
    id_ = cloudformation.create_stack(StackName="net", TemplateBody=NETWORK, Tags=[{"Key": "team", "Value": "a"}])
    assert settled(account, "net") == "CREATE_COMPLETE"
    made = outputs(account, "net")
    (vpc,) = account.ec2.describe_vpcs(VpcIds=[made["Vpc"]])["Vpcs"]
    tags = {each["Key"]: each["Value"] for each in vpc["Tags"]}
    assert tags == {
        "team": "a",
        "aws:cloudformation:stack-name": "net",
        "aws:cloudformation:stack-id": id_["StackId"],
        "aws:cloudformation:logical-id": "Vpc",
    }
    assert groups(account)[made["Group"]]["retentionInDays"] == 7
    assert made["Group"].startswith("net-Group-")
    with pytest.raises(ClientError) as error:
        cloudformation.update_stack(StackName="net", UsePreviousTemplate=True, Tags=[{"Key": "team", "Value": "a"}])
    assert error.value.response["Error"]["Message"] == "No updates are to be performed."
    given = [{"ParameterKey": "Days", "ParameterValue": "14"}]
    cloudformation.update_stack(StackName="net", UsePreviousTemplate=True, Parameters=given)
    assert settled(account, "net") == "UPDATE_COMPLETE"
    assert groups(account)[made["Group"]]["retentionInDays"] == 14
    cloudformation.delete_stack(StackName="net")
    assert settled(account, "net") == "gone"
    assert groups(account) == {}
    assert [each for each in account.ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]] == []
    assert events(account, id_["StackId"])[-1] == ("net", "DELETE_COMPLETE", "")


def test_what_fails_is_taken_back(account: Account) -> None:
    """With EC2's reason; an update that fails leaves everything as it was."""
    account.cloudformation.create_stack(StackName="net", TemplateBody=NETWORK)
    assert settled(account, "net") == "CREATE_COMPLETE"
    before = outputs(account, "net")
    bad = NETWORK.replace("Outputs:", """  Other:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 192.168.0.0/24}
Outputs:""")  # fmt: skip
    given = [{"ParameterKey": "Days", "ParameterValue": "14"}]
    account.cloudformation.update_stack(StackName="net", TemplateBody=bad, Parameters=given)
    assert settled(account, "net") == "UPDATE_ROLLBACK_COMPLETE"
    (reason,) = [why for name, state, why in events(account, "net") if (name, state) == ("Other", "CREATE_FAILED")]
    assert "The CIDR '192.168.0.0/24' is invalid. (Service: Ec2, Status Code: 400, Request ID: " in reason
    assert outputs(account, "net") == before
    assert groups(account)[before["Group"]]["retentionInDays"] == 7
    account.cloudformation.create_stack(StackName="bad", TemplateBody=bad)
    assert settled(account, "bad") == "ROLLBACK_COMPLETE"
    assert list(groups(account)) == [before["Group"]]


def test_the_cli_deploys(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources:\n  Group: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}\n")
    aws = [sys.executable, str(Path(sys.executable).parent / "aws"), "cloudformation"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | account.environment

    def deploy(*options: str) -> str:
        line = [*aws, "deploy", "--stack-name", "d", "--template-file", str(path), *options]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=90, check=True).stdout

    assert "Successfully created/updated stack - d" in deploy()
    assert status(account, "d") == "CREATE_COMPLETE"
    assert "No changes to deploy. Stack d is up to date" in deploy("--no-fail-on-empty-changeset")
    # Another deploy would be another half minute: that is how long it waits before it looks a second time.
    path.write_text(path.read_text().replace("7", "14"))
    account.cli("cloudformation", "update-stack", "--stack-name", "d", "--template-body", f"file://{path}")
    assert settled(account, "d") == "UPDATE_COMPLETE"
    assert [each["retentionInDays"] for each in groups(account).values()] == [14]
    account.cli("cloudformation", "delete-stack", "--stack-name", "d")
    assert settled(account, "d") == "gone"


def test_a_change_set_says_what_it_does(account: Account) -> None:
    cloudformation = account.cloudformation
    cloudformation.create_stack(StackName="net", TemplateBody=NETWORK)
    settled(account, "net")
    given = [{"ParameterKey": "Block", "ParameterValue": "10.1"}]
    cloudformation.create_change_set(
        StackName="net", ChangeSetName="c", UsePreviousTemplate=True, Parameters=given, IncludeNestedStacks=True
    )
    cloudformation.get_waiter("change_set_create_complete").wait(StackName="net", ChangeSetName="c")
    found = cloudformation.describe_change_set(StackName="net", ChangeSetName="c")["Changes"]
    said = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"]["Replacement"] for each in found}
    assert said == {"Vpc": "True", "Subnet": "True"}
    before = outputs(account, "net")
    cloudformation.execute_change_set(StackName="net", ChangeSetName="c")
    assert settled(account, "net") == "UPDATE_COMPLETE"
    assert outputs(account, "net")["Vpc"] != before["Vpc"] and outputs(account, "net")["Group"] == before["Group"]
    vpcs = [each["CidrBlock"] for each in account.ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]]
    assert vpcs == ["10.1.0.0/16"]


def test_a_program_signals_a_wait_condition(account: Account) -> None:
    """curl, as the documentation has it."""
    resources: dict[str, Any] = {
        "H": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "W": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "H"}, "Timeout": "3600", "Count": 1},
        },
    }
    made = {"Data": {"Value": {"Fn::GetAtt": ["W", "Data"]}}}
    text = json.dumps({"Resources": resources, "Outputs": made})
    account.cloudformation.create_stack(StackName="w", TemplateBody=text)
    account.cloud.advance("5s")
    assert status(account, "w") == "CREATE_IN_PROGRESS"
    found = account.cloudformation.describe_stack_resource(StackName="w", LogicalResourceId="H")
    url = found["StackResourceDetail"]["PhysicalResourceId"]
    signal = json.dumps({"Status": "SUCCESS", "Reason": "done", "UniqueId": "1", "Data": "all is well"})
    answer = curl(url, "-X", "PUT", "-H", "Content-Type:", "--data-binary", signal)
    assert answer.status == 200
    account.cloud.advance("5s")
    assert settled(account, "w") == "CREATE_COMPLETE"
    assert json.loads(outputs(account, "w")["Data"]) == {"1": "all is well"}


def test_eventbridge_hears_of_it(account: Account) -> None:
    text = json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup"}}})
    account.cloudformation.create_stack(StackName="e", TemplateBody=text)
    settled(account, "e")
    where = f"account={account.number}&region=us-east-1"
    with urllib.request.urlopen(f"{account.cloud.endpoint}/_cloudarium/events?{where}") as answer:
        found = [each for each in json.load(answer)["Events"] if each["source"] == "aws.cloudformation"]
    kinds = [(each["detail-type"], each["detail"]["status-details"]["status"]) for each in reversed(found)]
    stack, resource = "CloudFormation Stack Status Change", "CloudFormation Resource Status Change"
    assert kinds == [
        (stack, "CREATE_IN_PROGRESS"),
        (resource, "CREATE_IN_PROGRESS"),
        (resource, "CREATE_IN_PROGRESS"),
        (resource, "CREATE_COMPLETE"),
        (stack, "CREATE_COMPLETE"),
    ]


def test_what_is_not_there_is_refused_by_name(account: Account) -> None:
    for call in (
        lambda: account.cloudformation.list_stack_sets(),
        lambda: account.cloudformation.detect_stack_drift(StackName="x"),
        lambda: account.cloudformation.list_types(),
        lambda: account.cloudformation.estimate_template_cost(TemplateBody=NETWORK),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "NotImplemented"
        assert "cloudformation:" in error.value.response["Error"]["Message"]
