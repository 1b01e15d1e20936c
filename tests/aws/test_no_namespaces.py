"""Where the kernel allows no namespaces: what needs none still works, the rest is refused by name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import botocore.exceptions
import pytest
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.programs import Program
from tests.support.stack import Stack, colours

_FORBID = 'for kind in user net pid mnt; do echo 0 > /proc/sys/user/max_${kind}_namespaces || exit; done; exec "$@"'


@pytest.fixture
def confined_cloud() -> Iterator[RunningCloud]:
    """A cloud whose commands run in a user namespace in which no further namespace can be made."""
    unshare = shutil.which("unshare")
    prefix = (unshare or "unshare", "--user", "--map-root-user", "sh", "-c", _FORBID, "sh")
    if unshare is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("a user namespace without namespaces cannot be made here")
    yield from life(RunningCloud(prefix=prefix))


def test_attached_programs_are_targets_without_networks(
    confined_cloud: RunningCloud, program: Callable[[str], Program]
) -> None:
    """The API, attached programs and load balancers work; security groups are still asked."""
    status = confined_cloud.json("status")
    assert status["namespaces"] is False and status["reason"]
    account = Account(confined_cloud, fresh_number())
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red"), program("green")))
    assert colours(account.curl(balancer["DNSName"]) for _ in range(10)) == {"red": 5, "green": 5}

    closed = stack.security_group("closed", [])
    denied = account.attach(program("blue"), stack.subnets[0], closed)
    stack.register(group, denied)
    confined_cloud.advance("30s")
    assert stack.health(group)[denied][0] == "unhealthy"


def test_what_needs_a_network_is_refused_by_name(confined_cloud: RunningCloud) -> None:
    """A NAT gateway and endpoints could only be real."""
    account = Account(confined_cloud, fresh_number())
    stack = Stack(account)
    with pytest.raises(botocore.exceptions.ClientError, match="NAT gateway is not possible on this machine"):
        account.ec2.create_nat_gateway(SubnetId=stack.subnets[0], ConnectivityType="private")
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for kind, service in (("gateway", "s3"), ("interface", "ssm")):
        with pytest.raises(botocore.exceptions.ClientError, match=f"{kind} endpoint is not possible on this machine"):
            account.ec2.create_vpc_endpoint(
                VpcId=vpc, VpcEndpointType=kind.title(), ServiceName=f"com.amazonaws.us-east-1.{service}"
            )
