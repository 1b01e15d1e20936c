"""ECS's API through boto3 and the AWS CLI: modelled errors, paginators, waiters' views, and what survives a kill."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

CONTAINER = {"name": "app", "image": "nginx", "memory": 64}


def test_errors_are_the_models(account: Account) -> None:
    """boto3 raises the exception of each code."""
    ecs = account.ecs
    with pytest.raises(ecs.exceptions.ClusterNotFoundException, match="Cluster not found"):
        ecs.list_tasks(cluster="ghost")
    with pytest.raises(ecs.exceptions.ClientException, match="Fargate only supports network mode"):
        ecs.register_task_definition(
            family="web", requiresCompatibilities=["FARGATE"], containerDefinitions=[CONTAINER]
        )
    ecs.create_cluster()
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="referenced task was not found"):
        ecs.stop_task(task="0" * 32)
    with pytest.raises(ecs.exceptions.ServiceNotFoundException):
        ecs.update_service(service="ghost", desiredCount=1)
    for refused in (ecs.discover_poll_endpoint, ecs.list_gateways, ecs.submit_task_state_change):
        with pytest.raises(ClientError) as caught:
            refused()
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
        assert "ecs:" in caught.value.response["Error"]["Message"]


def test_paginators_and_times(account: Account) -> None:
    """Every page, and times as times."""
    ecs = account.ecs
    made = [
        ecs.register_task_definition(family=f"f{n}", containerDefinitions=[CONTAINER])["taskDefinition"]
        for n in range(5)
    ]
    pages = ecs.get_paginator("list_task_definitions").paginate(PaginationConfig={"PageSize": 2})
    found = [arn for page in pages for arn in page["taskDefinitionArns"]]
    assert found == [each["taskDefinitionArn"] for each in made]
    assert made[0]["registeredAt"].timestamp() == pytest.approx(account.now(), abs=60)


def test_a_container_instance_runs_out(account: Account) -> None:
    """An instance of the default VPC, its resources, and the reason why a task does not fit."""
    ecs = account.ecs
    ecs.create_cluster()
    attributes = [{"name": "ecs.instance-type", "value": "t3.nano"}]
    instance = ecs.register_container_instance(attributes=attributes)["containerInstance"]
    interfaces = account.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [each["RequesterManaged"] for each in interfaces] == [True]
    ecs.register_task_definition(family="big", containerDefinitions=[{**CONTAINER, "memory": 4096}])
    ran = ecs.run_task(taskDefinition="big")
    assert ran["tasks"] == []
    assert ran["failures"] == [{"arn": instance["containerInstanceArn"], "reason": "RESOURCE:MEMORY"}]
    listed = ecs.list_container_instances(filter="attribute:ecs.instance-type =~ t3.* and runningTasksCount == 0")
    assert listed["containerInstanceArns"] == [instance["containerInstanceArn"]]
    ecs.deregister_container_instance(containerInstance=instance["containerInstanceArn"])
    until(lambda: not account.ec2.describe_network_interfaces()["NetworkInterfaces"], "the interface to be deleted")


def test_the_command_line(account: Account) -> None:
    """The notebook's way: cluster, task definition and a question, by the AWS CLI."""
    cluster = account.cli("ecs", "create-cluster", "--cluster-name", "prd", "--tags", "key=env,value=prd")
    assert cluster["cluster"]["status"] == "ACTIVE"
    definitions = json.dumps([{**CONTAINER, "portMappings": [{"containerPort": 80}]}])
    made = account.cli(
        *("ecs", "register-task-definition", "--family", "web", "--network-mode", "awsvpc"),
        *("--requires-compatibilities", "FARGATE", "--cpu", "256", "--memory", "512"),
        *("--container-definitions", definitions),
    )
    assert made["taskDefinition"]["compatibilities"] == ["EC2", "FARGATE"]
    tags = account.cli("ecs", "list-tags-for-resource", "--resource-arn", cluster["cluster"]["clusterArn"])
    assert tags["tags"] == [{"key": "env", "value": "prd"}]
    families = account.cli("ecs", "list-task-definition-families", "--status", "ACTIVE")
    assert families["families"] == ["web"]


def test_what_was_answered_survives_a_kill(own_cloud: RunningCloud) -> None:
    """Records are there again after the cloud's process was killed, revision counters and tokens with them."""
    ecs: Any = own_cloud.client("ecs")
    ecs.create_cluster(clusterName="prod")
    for _ in range(2):
        ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
    ecs.deregister_task_definition(taskDefinition="web:2")
    ecs.create_service(
        cluster="prod", serviceName="web", taskDefinition="web:1", desiredCount=0, launchType="EC2", clientToken="t"
    )
    os.kill(own_cloud.pids()["cloud"], signal.SIGKILL)
    again: Any = own_cloud.client("ecs")
    assert again.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == 1
    service = again.create_service(
        cluster="prod", serviceName="web", taskDefinition="web:1", desiredCount=0, launchType="EC2", clientToken="t"
    )["service"]
    assert service["deployments"][0]["taskDefinition"].endswith("web:1")
    made = again.register_task_definition(family="web", containerDefinitions=[CONTAINER])
    assert made["taskDefinition"]["revision"] == 3
