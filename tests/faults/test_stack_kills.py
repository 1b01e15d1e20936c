"""``kill -9`` of the cloud at many moments of a stack's life: it ends complete, nothing is made twice, nothing stays.

What is made is of services whose resources are there at once, so that the engine's own steps are what is interrupted.
"""

from __future__ import annotations

import json
import os
import random
import signal
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.stacks import events, groups, settled, status

pytestmark = pytest.mark.timeout(400)

_MANY = 25


def kill(cloud: RunningCloud) -> None:
    """Kill the cloud; returns when the next one is there."""
    victim = cloud.pids()["cloud"]
    os.kill(victim, signal.SIGKILL)
    until(lambda: cloud.pids().get("cloud", victim) != victim, "the cloud is back", 40)


def template(days: int, block: str, shape: str = "a") -> str:
    """A network, and log groups of which each needs the one before; every fifth has a name of its own."""
    resources: dict[str, Any] = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": f"{block}.0.0/16"}}}
    for number in range(_MANY):
        group: dict[str, Any] = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days}}
        if number % 5 == 0:
            group["Properties"]["LogGroupName"] = f"named-{shape}-{number}"
        elif number > 1:
            group["DependsOn"] = f"G{number - 1}"
        resources[f"G{number}"] = group
    for number in range(8):
        subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"{block}.{number}.0/24"}
        resources[f"S{number}"] = {"Type": "AWS::EC2::Subnet", "Properties": subnet}
    return json.dumps({"Resources": resources})


def there(account: Account) -> tuple[int, int, int]:
    """How many log groups, VPCs and subnets there are."""
    vpcs = [each["VpcId"] for each in account.ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]]
    subnets = [each for each in account.ec2.describe_subnets()["Subnets"] if each["VpcId"] in vpcs]
    return len(groups(account)), len(vpcs), len(subnets)


def killed_while(cloud: RunningCloud, account: Account, name: str, chance: random.Random) -> str:
    """Kill the cloud again and again while something is done to a stack; what became of that."""
    kills = 0
    while status(account, name).endswith("_IN_PROGRESS") and kills < 4:
        before = len(events(account, name))
        more = chance.randrange(1, 15)
        until(
            lambda b=before, m=more: not status(account, name).endswith("_IN_PROGRESS")
            or len(events(account, name)) >= b + m,
            "it goes on",
        )  # fmt: skip
        kill(cloud)
        kills += 1
    assert kills, "nothing was interrupted"
    return settled(account, name, 120)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_stack_survives(own_cloud: RunningCloud, seed: int) -> None:
    account, chance = Account(own_cloud, fresh_number()), random.Random(seed)
    cloudformation = account.cloudformation
    id_ = cloudformation.create_stack(StackName="s", TemplateBody=template(7, "10.0"))["StackId"]
    assert killed_while(own_cloud, account, id_, chance) == "CREATE_COMPLETE"
    assert there(account) == (_MANY, 1, 8)
    cloudformation.update_stack(StackName="s", TemplateBody=template(14, "10.1", "b"))
    assert killed_while(own_cloud, account, id_, chance) == "UPDATE_COMPLETE"
    assert there(account) == (_MANY, 1, 8)
    assert {each["retentionInDays"] for each in groups(account).values()} == {14}
    broken = template(30, "10.2", "c").replace('"10.2.7.0/24"', '"10.9.7.0/24"')
    cloudformation.update_stack(StackName="s", TemplateBody=broken)
    assert killed_while(own_cloud, account, id_, chance) == "UPDATE_ROLLBACK_COMPLETE"
    assert there(account) == (_MANY, 1, 8)
    assert {each["retentionInDays"] for each in groups(account).values()} == {14}
    cloudformation.delete_stack(StackName="s")
    assert killed_while(own_cloud, account, id_, chance) == "DELETE_COMPLETE"
    assert there(account) == (0, 0, 0)
    seen = events(account, id_)
    assert len([each for each in seen if each[:2] == ("s", "CREATE_COMPLETE")]) == 1
    for number in range(_MANY):
        made = [each for each in seen if each == (f"G{number}", "CREATE_COMPLETE", "")]
        assert len(made) == 1, f"G{number} was created once"
