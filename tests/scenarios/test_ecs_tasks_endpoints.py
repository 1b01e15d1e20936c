"""Private subnets reach AWS by VPC endpoints only: the notebook's table, row by row."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place
from tests.support.images import busybox_image


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Place:
    return Place(cloud, Account(cloud, fresh_number()))


def push(place: Place, cloud: RunningCloud) -> str:
    """An image in a private repository; its name."""
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo pushes the image")
    layout = busybox_image()
    uri = place.account.ecr.create_repository(repositoryName="job")["repository"]["repositoryUri"]
    token = place.account.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    credentials = base64.b64decode(token).decode()
    line = [skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", credentials, f"oci:{layout}:latest"]
    subprocess.run([*line, f"docker://{uri}:v1"], check=True, capture_output=True, timeout=60)
    return f"{uri}:v1"


def endpoint(place: Place, service: str, group: str) -> None:
    """An interface endpoint, or the gateway endpoint of S3; returns when it is available."""
    ec2, name = place.account.ec2, f"com.amazonaws.us-east-1.{service}"
    more: dict[str, Any] = {"VpcEndpointType": "Interface", "SubnetIds": [place.private], "SecurityGroupIds": [group]}
    if service == "s3":
        tables = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]}])["RouteTables"]
        (table,) = [each["RouteTableId"] for each in tables if each["VpcId"] == place.vpc]
        more = {"RouteTableIds": [table]}
    made = ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName=name, **more)["VpcEndpoint"]["VpcEndpointId"]

    def available() -> bool:
        return bool(ec2.describe_vpc_endpoints(VpcEndpointIds=[made])["VpcEndpoints"][0]["State"] == "available")

    until(available, f"the endpoint of {service} is available")


def test_a_private_task_needs_every_endpoint_of_the_table(cloud: RunningCloud, place: Place) -> None:
    account = place.account
    image = push(place, cloud)
    account.logs.create_log_group(logGroupName="jobs")
    account.ssm.put_parameter(Name="word", Value="hello", Type="String")
    options = {"awslogs-group": "jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    definition = place.define(
        {
            "name": "app", "image": image, "command": ["sh", "-c", "echo $WORD"],
            "secrets": [{"name": "WORD", "valueFrom": "word"}],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        },
        executionRoleArn=place.execution_role,
    )  # fmt: skip
    group = account.ec2.create_security_group(VpcId=place.vpc, GroupName="g", Description="d")["GroupId"]
    account.ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.88.0.0/16"
    )
    for service, said in (
        ("ssm", "unable to retrieve secrets from ssm"),
        ("logs", "failed to create Cloudwatch log stream"),
        ("ecr.api", "unable to retrieve ecr registry auth"),
        ("ecr.dkr", "CannotPullContainerError: pull image manifest has been retried 5 time(s)"),
        ("s3", "CannotPullContainerError: ref pull has been retried 5 time(s)"),
    ):
        task = place.until(place.run(definition, private=True), "STOPPED")
        assert said in task["stoppedReason"] and "i/o timeout" in task["stoppedReason"], service
        endpoint(place, service, group)
    task = place.until(place.run(definition, private=True), "STOPPED")
    (container,) = task["containers"]
    assert container.get("exitCode") == 0, task["stoppedReason"]
    assert container["imageDigest"].startswith("sha256:")
    assert place.output(f"p/app/{task['taskArn'].rpartition('/')[2]}") == "hello"
