"""The repository of ``cdk bootstrap`` as a stack: made, changed, rolled back and deleted."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.stacks import Stacks, resource

UNTAGGED = {
    "rulePriority": 1,
    "description": "Untagged images should not exist, but expire any older than one year",
    "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 365},
    "action": {"type": "expire"},
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "LambdaECRImageRetrievalPolicy",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Condition": {
                "StringLike": {
                    "aws:sourceArn": {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:*"}
                }
            },
        }
    ],
}
NAME = "cdk-hnb659fds-container-assets"


def bootstrap(**more: Any) -> dict[str, Any]:
    """As the template of ``cdk bootstrap`` has it."""
    properties = {
        "ImageTagMutability": "IMMUTABLE",
        "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": [UNTAGGED]})},
        "RepositoryName": {"Fn::Sub": NAME},
        "RepositoryPolicyText": POLICY,
    }
    return {"ContainerAssetsRepository": resource("ECR::Repository", properties | more)}


OUTPUTS = {
    "Uri": {"Fn::GetAtt": ["ContainerAssetsRepository", "RepositoryUri"]},
    "Arn": {"Fn::GetAtt": ["ContainerAssetsRepository", "Arn"]},
    "Name": {"Ref": "ContainerAssetsRepository"},
}


def push(account: Account) -> None:
    """An image, such as it is."""
    ecr, config = account.ecr, b"{}"
    upload = {"repositoryName": NAME, "uploadId": ecr.initiate_layer_upload(repositoryName=NAME)["uploadId"]}
    ecr.upload_layer_part(**upload, partFirstByte=0, partLastByte=len(config) - 1, layerPartBlob=config)
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    ecr.complete_layer_upload(**upload, layerDigests=[digest])
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", "digest": digest, "size": len(config)},
        "layers": [],
    }
    ecr.put_image(repositoryName=NAME, imageManifest=json.dumps(manifest), imageTag="v1")


def test_the_repository_of_cdk_bootstrap(account: Account) -> None:
    """Its policies, its outputs, and its images, which keep it until the template lets them go."""
    stacks, ecr = Stacks(account), account.ecr
    stacks.create("CDKToolkit", bootstrap(), outputs=OUTPUTS)
    (shown,) = ecr.describe_repositories(repositoryNames=[NAME])["repositories"]
    assert stacks.outputs("CDKToolkit") == {"Uri": shown["repositoryUri"], "Arn": shown["repositoryArn"], "Name": NAME}
    assert shown["imageTagMutability"] == "IMMUTABLE"
    policy = json.loads(ecr.get_repository_policy(repositoryName=NAME)["policyText"])
    source = policy["Statement"][0]["Condition"]["StringLike"]["aws:sourceArn"]
    assert source == f"arn:aws:lambda:us-east-1:{account.number}:*"
    assert json.loads(ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"]) == {"rules": [UNTAGGED]}
    push(account)

    def scans() -> bool:
        (found,) = ecr.describe_repositories(repositoryNames=[NAME])["repositories"]
        return bool(found["imageScanningConfiguration"]["scanOnPush"])

    scanning = {"ImageScanningConfiguration": {"ScanOnPush": True}}
    stacks.update("CDKToolkit", bootstrap(**scanning), outputs=OUTPUTS)
    assert scans()
    broken = {"LifecyclePolicy": {"LifecyclePolicyText": "not a policy"}}
    stacks.update("CDKToolkit", bootstrap(**broken), "UPDATE_ROLLBACK_COMPLETE", outputs=OUTPUTS)
    assert scans()
    assert json.loads(ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"]) == {"rules": [UNTAGGED]}

    stacks.delete("CDKToolkit", "DELETE_FAILED")
    assert any("still contains images" in each for each in stacks.failures("CDKToolkit"))
    ecr.batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
    stacks.delete("CDKToolkit")
    assert ecr.describe_repositories()["repositories"] == []


def test_images_go_where_the_template_says_so(account: Account) -> None:
    """EmptyOnDelete."""
    stacks = Stacks(account)
    stacks.create("CDKToolkit", bootstrap(EmptyOnDelete=True))
    push(account)
    stacks.delete("CDKToolkit")
    assert account.ecr.describe_repositories()["repositories"] == []


def test_a_repository_of_others_fails_the_stack(account: Account) -> None:
    """And is still there when the stack has gone."""
    stacks = Stacks(account)
    account.ecr.create_repository(repositoryName=NAME)
    stacks.create("CDKToolkit", bootstrap(), "ROLLBACK_COMPLETE")
    assert any("already exists" in each for each in stacks.failures("CDKToolkit"))
    stacks.delete("CDKToolkit")
    (kept,) = account.ecr.describe_repositories()["repositories"]
    with pytest.raises(ClientError, match="does not exist"):
        account.ecr.get_repository_policy(repositoryName=kept["repositoryName"])
