"""Templates in S3, as stacks and as nested stacks, and parameters in SSM."""

from __future__ import annotations

import json
from typing import Any

from tests.support.aws import Account
from tests.support.stacks import groups, outputs, settled

INNER: dict[str, Any] = {
    "Parameters": {"Days": {"Type": "Number"}},
    "Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}},
    "Outputs": {"Name": {"Value": {"Ref": "G"}}},
}


def test_a_nested_stack(account: Account) -> None:
    account.s3.create_bucket(Bucket=f"templates-{account.number}")
    account.s3.put_object(Bucket=f"templates-{account.number}", Key="a/inner.json", Body=json.dumps(INNER).encode())
    account.ssm.put_parameter(Name="/days", Type="String", Value="14")
    url = f"https://templates-{account.number}.s3.amazonaws.com/a/inner.json"
    nested = {"TemplateURL": url, "Parameters": {"Days": {"Ref": "Days"}}}
    outer: dict[str, Any] = {
        "Parameters": {"Days": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/days"}},
        "Resources": {"N": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["N", "Outputs.Name"]}}},
    }
    account.s3.put_object(Bucket=f"templates-{account.number}", Key="outer.json", Body=json.dumps(outer).encode())
    outside = f"{account.cloud.endpoint}/templates-{account.number}/outer.json"
    account.cloudformation.create_stack(StackName="o", TemplateURL=outside)
    assert settled(account, "o") == "CREATE_COMPLETE"
    name = outputs(account, "o")["Name"]
    assert name.startswith("o-N-") and groups(account)[name]["retentionInDays"] == 14
    assert len(account.cloudformation.describe_stacks()["Stacks"]) == 2
    account.cloudformation.delete_stack(StackName="o")
    assert settled(account, "o") == "gone"
    assert groups(account) == {} and account.cloudformation.describe_stacks()["Stacks"] == []
