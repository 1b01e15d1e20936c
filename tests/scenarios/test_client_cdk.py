"""CDK: an account is bootstrapped, an app deployed, changed and destroyed, with nothing but the endpoint overridden."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import import_images
from tests.support.node import node, packages

pytestmark = pytest.mark.timeout(600)  # npm may take its time, once

_APP = Path(__file__).parent.parent / "programs" / "cdk_app.cjs"


@pytest.fixture(scope="module")
def modules() -> Path:
    return packages("aws-cdk@2", "aws-cdk-lib@2", "constructs@10")


def test_an_app_from_bootstrap_to_destroy(own_cloud: RunningCloud, modules: Path, tmp_path: Path) -> None:
    account = Account(own_cloud, fresh_number())
    import_images(own_cloud)

    def synthesize(seconds: int, colour: str) -> str:
        arguments = [str(_APP), str(tmp_path / colour), str(seconds), colour]
        done = node(account, modules, arguments, tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        return colour

    def cdk(*arguments: str) -> subprocess.CompletedProcess[str]:
        return node(account, modules, [str(modules / "aws-cdk" / "bin" / "cdk"), *arguments, "--no-notices"], tmp_path)

    def deploy(app: str) -> Any:
        outputs = tmp_path / "outputs.json"
        done = cdk("deploy", "--all", "--require-approval", "never", "--outputs-file", str(outputs), "--app", app)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(outputs.read_text())

    def visibility(url: str) -> str:
        attributes = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        return str(attributes["Attributes"]["VisibilityTimeout"])

    def made() -> list[dict[str, Any]]:
        """What is there of the network, load balancers and containers."""
        own = [{"Name": "is-default", "Values": ["false"]}]
        vpcs = account.ec2.describe_vpcs(Filters=own)["Vpcs"]
        return [*vpcs, *account.elbv2.describe_load_balancers()["LoadBalancers"]]

    done = cdk("bootstrap", f"aws://{account.number}/us-east-1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert account.ecr.describe_repositories()["repositories"][0]["repositoryName"].startswith("cdk-hnb659fds-")

    outputs = deploy(synthesize(30, "blue"))
    url = outputs["First"]["Url"]
    assert url.endswith(f"/{account.number}/made-by-cdk") and visibility(url) == "30"
    name = next(value for key, value in outputs["Site"].items() if key.startswith("ServiceLoadBalancerDNS"))
    until(lambda: account.curl(name).body.strip() == b"blue", "the site is served")
    assert account.curl(name, "/tea").status == 418

    outputs = deploy(synthesize(77, "red"))
    assert visibility(url) == "77"
    until(lambda: account.curl(name).body.strip() == b"red", "the new tasks serve, and only they")

    assert cdk("destroy", "--all", "--force", "--app", "red").returncode == 0
    assert made() == [] and account.ecs.list_tasks()["taskArns"] == []
    assert account.sns.list_topics()["Topics"] == []
    with pytest.raises(ClientError, match="NonExistentQueue"):
        visibility(url)
