"""What `cdk bootstrap` makes, by its own template: made whole, changed in all that its parameters say, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.node import packages

pytestmark = pytest.mark.timeout(300)  # npm may take its time, once

READ, POWER = (f"arn:aws:iam::aws:policy/{name}" for name in ("ReadOnlyAccess", "PowerUserAccess"))
CHANGED = {
    "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
    "PublicAccessBlockConfiguration": "false",
    "TrustedAccounts": "111122223333",
    "CloudFormationExecutionPolicies": POWER,
    "UseExamplePermissionsBoundary": "true",
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """Without the image repository: this is about what moto's services answer."""
    modules = packages("aws-cdk@2", "aws-cdk-lib@2", "constructs@10")
    found: Path = modules / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
    whole = yaml.safe_load(found.read_text())
    del whole["Resources"]["ContainerAssetsRepository"], whole["Outputs"]["ImageRepositoryName"]
    rest: dict[str, Any] = json.loads(json.dumps(whole).replace("${ContainerAssetsRepository.Arn}", "*"))
    return rest


class Bootstrap:
    """The stack and what is in it."""

    def __init__(self, account: Account, template: dict[str, Any]) -> None:
        self.account, self.api = account, account.cloudformation
        self.stack = ""
        self.bucket = f"cdk-hnb659fds-assets-{account.number}-us-east-1"
        templates = f"templates-{account.number}"
        account.s3.create_bucket(Bucket=templates)
        account.s3.put_object(Bucket=templates, Key="t.json", Body=json.dumps(template))
        broken = json.loads(json.dumps(template))
        # What fails does so after all else has been changed.
        broken["Resources"]["Fails"] = {
            "Type": "AWS::SSM::Parameter",
            "DependsOn": [name for name in template["Resources"] if "Condition" not in template["Resources"][name]],
            "Properties": {"Type": "String", "Name": "/taken", "Value": "x"},
        }
        account.s3.put_object(Bucket=templates, Key="broken.json", Body=json.dumps(broken))
        self._at = f"{account.cloud.endpoint}/{templates}"

    def do(self, operation: str, key: str = "t.json", team: str = "a", **parameters: str) -> str:
        """Create or update it; the state in which that ends."""
        answer = getattr(self.api, operation)(
            StackName="CDKToolkit",
            TemplateURL=f"{self._at}/{key}",
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "team", "Value": team}],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        self.stack = answer["StackId"]
        return self.ended()

    def ended(self) -> str:
        def state() -> str:
            found = str(self.api.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"])
            return "" if found.endswith("IN_PROGRESS") else found

        return str(until(state, "the stack to come to rest", 60))

    def role(self, name: str) -> str:
        return f"cdk-hnb659fds-{name}-role-{self.account.number}-us-east-1"

    def told(self) -> dict[str, Any]:
        """What the services say of it."""
        iam, s3, ssm = self.account.iam, self.account.s3, self.account.ssm
        execution, publishing = self.role("cfn-exec"), self.role("file-publishing")
        attached = iam.list_attached_role_policies(RoleName=execution)["AttachedPolicies"]
        trust = iam.get_role(RoleName=publishing)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        encryption = s3.get_bucket_encryption(Bucket=self.bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        return {
            "version": ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"],
            "policies": [each["PolicyArn"] for each in attached],
            "trusted": len(trust),
            "tags": {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=publishing)["Tags"]},
            "inline": iam.list_role_policies(RoleName=publishing)["PolicyNames"],
            "key": encryption["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""),
            "closed": _answers(lambda: s3.get_public_access_block(Bucket=self.bucket)),
            "versioned": s3.get_bucket_versioning(Bucket=self.bucket)["Status"],
            "rules": [rule["ID"] for rule in rules],
            "policy": json.loads(s3.get_bucket_policy(Bucket=self.bucket)["Policy"])["Id"],
            "bucket tags": {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"]},
            "alias": any(
                each["AliasName"] == "alias/cdk-hnb659fds-assets-key"
                for each in self.account.kms.list_aliases()["Aliases"]
            ),
            "boundaries": len(iam.list_policies(Scope="Local")["Policies"]),
        }


def _answers(call: Any) -> bool:
    try:
        call()
    except ClientError:
        return False
    return True


@pytest.fixture
def bootstrap(account: Account, template: dict[str, Any]) -> Bootstrap:
    return Bootstrap(account, template)


def test_it_is_made_changed_and_deleted(bootstrap: Bootstrap) -> None:
    assert bootstrap.do("create_stack") == "CREATE_COMPLETE"
    made = bootstrap.told()
    assert made["key"].startswith(f"arn:aws:kms:us-east-1:{bootstrap.account.number}:key/")
    assert {**made, "key": ""} == {
        "version": made["version"],
        "policies": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "trusted": 2,
        "tags": {"aws-cdk:bootstrap-role": "file-publishing", "team": "a"},
        "inline": [f"cdk-hnb659fds-file-publishing-role-default-policy-{bootstrap.account.number}-us-east-1"],
        "key": "",
        "closed": True,
        "versioned": "Enabled",
        "rules": ["CleanupOldVersions", "AbortIncompleteMultipartUploads"],
        "policy": "AccessControl",
        "bucket tags": {"team": "a"},
        "alias": True,
        "boundaries": 0,
    }
    outputs = bootstrap.api.describe_stacks(StackName="CDKToolkit")["Stacks"][0]["Outputs"]
    told = {each["OutputKey"]: each["OutputValue"] for each in outputs}
    assert told["BucketName"] == bootstrap.bucket
    assert told["BucketDomainName"] == f"{bootstrap.bucket}.s3.us-east-1.amazonaws.com"
    assert told["FileAssetKeyArn"] == made["key"]

    assert bootstrap.do("update_stack", team="b", **CHANGED) == "UPDATE_COMPLETE"
    assert bootstrap.told() == {
        **made,
        "policies": [POWER],
        "trusted": 4,
        "tags": {"aws-cdk:bootstrap-role": "file-publishing", "team": "b"},
        "key": "",
        "closed": False,
        "bucket tags": {"team": "b"},
        "alias": False,
        "boundaries": 1,
    }

    bootstrap.api.delete_stack(StackName="CDKToolkit")
    assert bootstrap.ended() == "DELETE_COMPLETE"
    assert bootstrap.account.iam.list_roles()["Roles"] == []
    assert bootstrap.account.iam.list_policies(Scope="Local")["Policies"] == []
    # The template says that it is kept.
    bootstrap.account.s3.head_bucket(Bucket=bootstrap.bucket)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        bootstrap.account.ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")


def test_a_change_that_fails_at_its_end_is_taken_back_whole(bootstrap: Bootstrap) -> None:
    bootstrap.account.ssm.put_parameter(Name="/taken", Type="String", Value="others")
    assert bootstrap.do("create_stack") == "CREATE_COMPLETE"
    made = bootstrap.told()
    assert bootstrap.do("update_stack", "broken.json", "b", **CHANGED) == "UPDATE_ROLLBACK_COMPLETE"
    assert bootstrap.told() == made
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in bootstrap.api.describe_stack_events(StackName="CDKToolkit")["StackEvents"]
        if event["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert any("/taken' already exists" in reason for reason in reasons)
    assert bootstrap.account.ssm.get_parameter(Name="/taken")["Parameter"]["Value"] == "others"


def test_one_that_fails_leaves_nothing_but_what_is_kept(bootstrap: Bootstrap) -> None:
    bootstrap.account.ssm.put_parameter(Name="/taken", Type="String", Value="others")
    assert bootstrap.do("create_stack", "broken.json") == "ROLLBACK_COMPLETE"
    assert bootstrap.account.iam.list_roles()["Roles"] == []
    assert bootstrap.account.ssm.get_parameter(Name="/taken")["Parameter"]["Value"] == "others"
