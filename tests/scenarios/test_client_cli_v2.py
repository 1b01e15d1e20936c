"""The AWS CLI v2, where the system has one: tables of pages, waiters, presigned URLs, errors, templates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.aws import Account
from tests.support.curl import curl

_TEMPLATE = """
Parameters: {Name: {Type: String}}
Resources:
  Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub '${Name}-queue'}}
Outputs: {Url: {Value: !Ref Queue}}
"""


@pytest.fixture(scope="module")
def program() -> str:
    """A CLI of version 2 besides the one in the virtual environment, which is of version 1."""
    for folder in (*os.environ["PATH"].split(os.pathsep), "/usr/local/bin", "/usr/bin"):
        found = shutil.which("aws", path=folder)
        if found is None:
            continue
        told = subprocess.run([found, "--version"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
        if told.stdout.startswith("aws-cli/2."):
            return found
    pytest.skip("the AWS CLI v2 is not installed (Debian: awscli)")


@pytest.fixture
def aws(program: str, account: Account) -> Any:
    def run(*arguments: str, text: bool = False) -> Any:
        home = str(account.cloud.folder / "home")
        # Versions before 2.13 do not read AWS_ENDPOINT_URL.
        line = [program, "--endpoint-url", account.cloud.endpoint, *arguments]
        environment = {"PATH": "/usr/bin:/bin", "HOME": home} | account.environment
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise AssertionError(f"{done.returncode}: {done.stderr.strip()}")
        return done.stdout if text else json.loads(done.stdout or "null")

    return run


def test_a_load_balancer(aws: Any, account: Account) -> None:
    account.stop_traffic()
    everything = aws("ec2", "describe-subnets", "--page-size", "5")["Subnets"]
    few = aws("ec2", "describe-subnets", "--max-items", "2")
    more = aws("ec2", "describe-subnets", "--max-items", "50", "--starting-token", few["NextToken"])
    assert [*few["Subnets"], *more["Subnets"]] == everything
    subnets = [subnet["SubnetId"] for subnet in everything[:2]]
    made = aws("elbv2", "create-load-balancer", "--name", "v2", "--subnets", *subnets, "--scheme", "internal")
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", arn)
    with pytest.raises(AssertionError, match=r"254: .*\(LoadBalancerNotFound\).*DescribeLoadBalancers operation"):
        aws("elbv2", "describe-load-balancers", "--names", "none")
    with pytest.raises(AssertionError, match=r"254: .*\(DryRunOperation\)"):
        aws("ec2", "describe-vpcs", "--dry-run")
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", arn)
    aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", arn)
    assert account.number in aws("sts", "get-caller-identity", "--output", "yaml", text=True)


def test_signals(aws: Any, account: Account) -> None:
    now = int(account.now() * 1000)
    aws("logs", "create-log-group", "--log-group-name", "g")
    aws("logs", "create-log-stream", "--log-group-name", "g", "--log-stream-name", "s")
    put = ("logs", "put-log-events", "--log-group-name", "g", "--log-stream-name", "s", "--log-events")
    aws(*put, json.dumps([{"timestamp": now, "message": "said"}]))
    assert "said" in aws("logs", "tail", "g", "--since", "365d", text=True)
    aws("cloudwatch", "put-metric-data", "--namespace", "n", "--metric-name", "m", "--value", "3")
    assert [metric["MetricName"] for metric in aws("cloudwatch", "list-metrics", "--namespace", "n")["Metrics"]] == [
        "m"
    ]
    assert aws("ecs", "create-cluster", "--cluster-name", "c")["cluster"]["status"] == "ACTIVE"
    assert len(aws("ecr", "get-login-password", text=True)) > 20


def test_objects_and_templates(aws: Any, account: Account, tmp_path: Path) -> None:
    bucket = f"v2-{account.number}"
    (tmp_path / "a.txt").write_text("a" * 100_000)
    aws("s3", "mb", f"s3://{bucket}", text=True)
    aws("s3", "cp", str(tmp_path / "a.txt"), f"s3://{bucket}/x y/a.txt", text=True)
    assert aws("s3", "cp", f"s3://{bucket}/x y/a.txt", "-", text=True) == "a" * 100_000
    assert curl(aws("s3", "presign", f"s3://{bucket}/x y/a.txt", text=True).strip()).body == b"a" * 100_000
    template = tmp_path / "template.yaml"
    template.write_text(_TEMPLATE)
    deploy = ("cloudformation", "deploy", "--stack-name", "v2", "--template-file", str(template))
    aws(*deploy, "--parameter-overrides", "Name=v2", text=True)
    described = aws("cloudformation", "describe-stacks", "--stack-name", "v2")["Stacks"][0]
    assert described["Outputs"][0]["OutputValue"].endswith("/v2-queue")
    assert [url.rpartition("/")[2] for url in aws("sqs", "list-queues")["QueueUrls"]] == ["v2-queue"]
    assert "No changes to deploy" in aws(*deploy, "--parameter-overrides", "Name=v2", text=True)
