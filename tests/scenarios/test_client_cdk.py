"""CDK: apps of services that moto answers are deployed, changed and destroyed; a network is refused by name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.node import node, packages

pytestmark = pytest.mark.timeout(400)  # npm may take its time, once

_APP = Path(__file__).parent.parent / "programs" / "cdk_app.cjs"


@pytest.fixture(scope="module")
def modules() -> Path:
    return packages("aws-cdk@2", "aws-cdk-lib@2", "constructs@10")


def test_an_app_from_deploy_to_destroy(own_cloud: RunningCloud, modules: Path, tmp_path: Path) -> None:
    account = Account(own_cloud, fresh_number())
    # What an app needs of `cdk bootstrap`, whose own template is refused for its ECR repository.
    account.s3.create_bucket(Bucket=f"cdk-hnb659fds-assets-{account.number}-us-east-1")
    account.ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")

    def synthesize(seconds: int) -> None:
        done = node(account, modules, [str(_APP), str(tmp_path / f"out{seconds}"), str(seconds)], tmp_path)
        assert done.returncode == 0, done.stderr

    def cdk(*arguments: str) -> subprocess.CompletedProcess[str]:
        return node(account, modules, [str(modules / "aws-cdk" / "bin" / "cdk"), *arguments, "--no-notices"], tmp_path)

    def deploy(seconds: int, *stacks: str) -> Any:
        outputs = tmp_path / "outputs.json"
        options = ["--require-approval", "never", "--outputs-file", str(outputs), "--app", f"out{seconds}"]
        done = cdk("deploy", *stacks, *options)
        assert done.returncode == 0, done.stderr
        return json.loads(outputs.read_text())

    def visibility() -> str:
        attributes = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        return str(attributes["Attributes"]["VisibilityTimeout"])

    synthesize(30)
    url = deploy(30, "First", "Second")["First"]["Url"]
    assert url.endswith(f"/{account.number}/made-by-cdk")
    assert visibility() == "30"
    assert len(account.sns.list_topics()["Topics"]) == 1
    synthesize(77)
    refused = cdk("deploy", "First", "Network", "--require-approval", "never", "--app", "out77")
    assert visibility() == "77"
    assert refused.returncode != 0
    assert "CloudFormation cannot make these resource types in Cloudarium yet: [AWS::EC2::" in refused.stderr
    assert not account.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]

    assert cdk("destroy", "First", "Second", "--force", "--app", "out77").returncode == 0
    assert account.sns.list_topics()["Topics"] == []
    with pytest.raises(ClientError, match="NonExistentQueue"):
        visibility()
