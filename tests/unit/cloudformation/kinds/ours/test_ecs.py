"""AWS::ECS::* without the scheduler, whose part is written into the records: what ECS is asked, and when it is ready.

``tests/aws/cloudformation/test_ecs.py`` has the same with tasks that run.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.cloudformation.kinds.ours.conftest import ACCOUNT, SCOPE, Api, Resource

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.ecs import steadiness
from cloudarium.services.cloudformation.kinds.kind import Failed, NeedsReplacement
from cloudarium.services.ecs.resources import ServiceDeployment, ServiceRecord, TaskSet

ARN = f"arn:aws:ecs:us-east-1:{ACCOUNT}:"


async def described(api: Api, name: str) -> dict[str, Any]:
    include = ["TAGS", "SETTINGS", "CONFIGURATIONS"]
    return dict((await api.of("ecs", "describe_clusters", clusters=[name], include=include))["clusters"][0])


async def test_a_cluster(api: Api) -> None:
    execute = {"ExecuteCommandConfiguration": {"Logging": "NONE"}}
    wanted = {
        "ClusterName": "shop",
        "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
        "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1, "Base": 0}],
        "Configuration": execute,
    }
    cluster = await api.resource("AWS::ECS::Cluster", wanted).make()
    shown = await described(api, "shop")
    assert (cluster.ref, cluster.work.attributes) == ("shop", {"Arn": f"{ARN}cluster/shop"})
    assert shown["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert shown["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    assert shown["configuration"] == {"executeCommandConfiguration": {"logging": "NONE"}}
    assert await cluster.kind.found(cluster.work) == "shop"

    await cluster.change({"ClusterName": "shop"}, {"team": "shop"})
    shown = await described(api, "shop")
    assert (shown["settings"][0]["value"], shown["capacityProviders"]) == ("disabled", [])
    assert "configuration" not in shown and {"key": "team", "value": "shop"} in shown["tags"]
    await cluster.change(wanted, {})
    shown = await described(api, "shop")
    assert (shown["settings"][0]["value"], len(shown["tags"])) == ("enabled", 3)
    assert sorted(shown["capacityProviders"]) == ["FARGATE", "FARGATE_SPOT"]
    await cluster.remove()
    assert (await described(api, "shop"))["status"] == "INACTIVE"


async def test_a_cluster_of_others_is_left_alone(api: Api) -> None:
    await api.of("ecs", "create_cluster", clusterName="theirs")
    cluster = api.resource("AWS::ECS::Cluster", {"ClusterName": "theirs"})
    with pytest.raises(Failed, match="Resource of type 'AWS::ECS::Cluster' with identifier 'theirs' already exists"):
        await cluster.make()
    assert await cluster.kind.found(cluster.work) == ""
    assert (await described(api, "theirs"))["tags"] == []


async def test_only_services_set_and_remove_the_tags_of_aws(api: Api) -> None:
    cluster = await api.resource("AWS::ECS::Cluster", {}).make()
    arn, key = cluster.work.attributes["Arn"], "aws:cloudformation:stack-id"
    for change in (
        api.of("ecs", "tag_resource", resourceArn=arn, tags=[{"key": key, "value": "mine"}]),
        api.of("ecs", "untag_resource", resourceArn=arn, tagKeys=[key]),
    ):
        with pytest.raises(AwsError, match="can not start with 'aws:'"):
            await change


async def test_associations_of_capacity_providers(api: Api) -> None:
    await api.of("ecs", "create_cluster", clusterName="shop")
    strategy = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    wanted = {"Cluster": "shop", "CapacityProviders": ["FARGATE_SPOT"], "DefaultCapacityProviderStrategy": strategy}
    made = await api.resource("AWS::ECS::ClusterCapacityProviderAssociations", wanted).make()
    assert made.ref == await made.kind.found(made.work) == "shop"
    assert (await described(api, "shop"))["capacityProviders"] == ["FARGATE_SPOT"]
    await made.change({"Cluster": "shop", "CapacityProviders": ["FARGATE"], "DefaultCapacityProviderStrategy": []})
    assert (await described(api, "shop"))["capacityProviders"] == ["FARGATE"]
    await made.remove()
    assert (await described(api, "shop"))["capacityProviders"] == []


DEFINITION = {
    "Family": "shop",
    "ContainerDefinitions": [
        {
            "Name": "web", "Image": "nginx", "Essential": True, "PortMappings": [{"ContainerPort": 80}],
            "Environment": [{"Name": "MODE", "Value": "Live"}], "DockerLabels": {"Com.Example": "A"},
            "LogConfiguration": {"LogDriver": "awslogs", "Options": {
                "awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
            }},
        }
    ],
    "Cpu": "256", "Memory": "512", "NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"],
    "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution", "TaskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/task",
}  # fmt: skip


async def definition(api: Api, arn: str) -> dict[str, Any]:
    found = await api.of("ecs", "describe_task_definition", taskDefinition=arn, include=["TAGS"])
    return {**found["taskDefinition"], "tags": found.get("tags", [])}


async def test_a_task_definition(api: Api) -> None:
    made = await api.resource("AWS::ECS::TaskDefinition", DEFINITION).make()
    assert made.ref == f"{ARN}task-definition/shop:1"
    assert made.work.attributes == {"TaskDefinitionArn": made.ref}
    shown = await definition(api, made.ref)
    web = shown["containerDefinitions"][0]
    assert (web["dockerLabels"], web["environment"]) == ({"Com.Example": "A"}, [{"name": "MODE", "value": "Live"}])
    assert (shown["cpu"], shown["executionRoleArn"]) == ("256", DEFINITION["ExecutionRoleArn"])
    await made.change(DEFINITION, {"team": "shop"})
    assert {"key": "team", "value": "shop"} in (await definition(api, made.ref))["tags"]
    await made.remove()
    assert (await definition(api, made.ref))["status"] == "INACTIVE"


async def test_a_revision_that_an_interrupted_attempt_registered_is_found(api: Api) -> None:
    first = await api.resource("AWS::ECS::TaskDefinition", DEFINITION).make()
    assert await first.kind.found(first.work) == first.id
    replacing = Resource(api, "AWS::ECS::TaskDefinition", "Thing", DEFINITION, replaces=first.id)
    assert await replacing.kind.found(replacing.work) == ""
    await Resource(api, "AWS::ECS::TaskDefinition", "Other", DEFINITION).make()
    assert await replacing.kind.found(replacing.work) == ""
    await replacing.make()
    assert await replacing.kind.found(replacing.work) == replacing.id == f"{ARN}task-definition/shop:3"


class Shop:
    """A cluster with a task definition, and subnets."""

    def __init__(self, api: Api, subnets: list[str]) -> None:
        self.api = api
        network = {"AwsvpcConfiguration": {"Subnets": subnets, "AssignPublicIp": "ENABLED"}}
        self.wanted: dict[str, Any] = {
            "Cluster": "shop", "TaskDefinition": f"{ARN}task-definition/shop:1", "LaunchType": "FARGATE",
            "NetworkConfiguration": network,
        }  # fmt: skip

    async def service(self) -> dict[str, Any]:
        return await self.described(self.record().arn)

    async def described(self, arn: str) -> dict[str, Any]:
        found = await self.api.of("ecs", "describe_services", cluster="shop", services=[arn])
        return dict(found["services"][0])

    def record(self) -> ServiceRecord:
        found: ServiceRecord = self.api.cloud.store.table(ServiceRecord).all(SCOPE)[0]
        return found

    def rolled(self, state: str, reason: str = "", **fields: Any) -> None:
        """What the scheduler writes about the newest deployment."""
        record, table = self.record(), self.api.cloud.store.table(ServiceRecord)
        primary = msgspec.structs.replace(record.deployments[0], rollout_state=state, rollout_state_reason=reason)
        table.put(SCOPE, record.replace(deployments=(primary,), **{"desired_count": 0, **fields}))

    def deployed(self, status: str, reason: str = "") -> None:
        """What the scheduler writes about the newest service deployment."""
        table = self.api.cloud.store.table(ServiceDeployment)
        newest = max(table.all(SCOPE), key=lambda each: each.created)
        table.put(SCOPE, newest.replace(status=status, status_reason=reason))


@pytest.fixture
async def shop(api: Api) -> Shop:
    """A cluster named shop with two revisions of a task definition."""
    await api.of("ecs", "create_cluster", clusterName="shop")
    for _ in range(2):
        await api.resource("AWS::ECS::TaskDefinition", DEFINITION).make()
    vpc = (await api.of("ec2", "create_vpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    subnet = await api.of("ec2", "create_subnet", VpcId=vpc, CidrBlock="10.0.0.0/24")
    return Shop(api, [subnet["Subnet"]["SubnetId"]])


async def begun(shop: Shop, **more: Any) -> Resource:
    made = shop.api.resource("AWS::ECS::Service", shop.wanted | more, "Web")
    made.become(physical_id=await made.kind.create(made.work))
    return made


async def updated(made: Resource, properties: dict[str, Any], tags: dict[str, str] | None = None) -> None:
    made.become(before=made.work.properties, tags_before=made.work.tags, properties=properties)
    if tags is not None:
        made.become(tags=made.system | tags)
    await made.kind.update(made.work)


async def test_a_service_is_ready_when_it_is_steady(shop: Shop) -> None:
    made = await begun(shop)
    assert made.ref.startswith(f"{ARN}service/shop/shop-Web-")
    assert await made.kind.attributes(made.work) == {"Name": made.ref.rpartition("/")[2], "ServiceArn": made.ref}
    assert (await shop.service())["desiredCount"] == 1
    assert not await made.kind.ready(made.work)
    shop.rolled("COMPLETED", desired_count=1)
    assert not await made.kind.ready(made.work), "its task does not run"
    shop.rolled("COMPLETED")
    assert await made.kind.ready(made.work)


async def test_a_failed_deployment_fails_the_service_with_the_reason_of_ecs(shop: Shop) -> None:
    made = await begun(shop)
    reason = "ECS deployment circuit breaker: tasks failed to start."
    shop.rolled("FAILED", reason)
    with pytest.raises(Failed) as caught:
        await made.kind.ready(made.work)
    said = f"Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'. {reason}"
    assert str(caught.value).startswith(f'Resource handler returned message: "{said}" (RequestToken: ')
    assert str(caught.value).endswith(", HandlerErrorCode: GeneralServiceException)")


async def test_what_ecs_rolled_back_has_failed_and_going_back_oneself_has_not(shop: Shop) -> None:
    made = await begun(shop)
    shop.rolled("COMPLETED")
    await shop.api.cloud.clock.advance(60)
    second = shop.wanted | {"TaskDefinition": f"{ARN}task-definition/shop:2"}
    await updated(made, second)
    assert not await made.kind.ready(made.work)
    # ECS goes back: the first revision is PRIMARY again.
    reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
    shop.deployed("ROLLBACK_IN_PROGRESS", reason)
    shop.rolled("IN_PROGRESS", reason, task_definition=f"{ARN}task-definition/shop:1")
    with pytest.raises(Failed, match="ECS deployment circuit breaker: rolling back to deploymentId"):
        await made.kind.ready(made.work)
    await updated(made, shop.wanted)
    assert not await made.kind.ready(made.work)
    shop.rolled("COMPLETED", task_definition=f"{ARN}task-definition/shop:1")
    assert await made.kind.ready(made.work)


async def test_a_forced_deployment_that_ecs_rolled_back_has_failed(shop: Shop) -> None:
    made = await begun(shop)
    shop.rolled("COMPLETED")
    await shop.api.cloud.clock.advance(60)
    nonce = {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": "1"}
    await updated(made, shop.wanted | {"ForceNewDeployment": nonce})
    reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
    shop.deployed("ROLLBACK_SUCCESSFUL", reason)
    shop.rolled("COMPLETED")
    with pytest.raises(Failed, match="ECS Deployment Circuit Breaker was triggered"):
        await made.kind.ready(made.work)


async def test_a_service_without_a_count_is_left_its_count(shop: Shop) -> None:
    made = await begun(shop)
    await shop.api.of("ecs", "update_service", cluster="shop", service=made.ref, desiredCount=3)
    await updated(made, shop.wanted | {"HealthCheckGracePeriodSeconds": 60, "PropagateTags": "SERVICE"}, {"a": "b"})
    shown = await shop.service()
    assert (shown["desiredCount"], shown["healthCheckGracePeriodSeconds"]) == (3, 60)
    assert {"key": "a", "value": "b"} in (await shop.api.of("ecs", "list_tags_for_resource", resourceArn=made.ref))[
        "tags"
    ]
    await updated(made, shop.wanted | {"DesiredCount": 2}, {})
    shown = await shop.service()
    assert (shown["desiredCount"], shown["healthCheckGracePeriodSeconds"], shown["propagateTags"]) == (2, 0, "NONE")


async def test_a_deployment_configuration_is_whole(shop: Shop) -> None:
    breaker = {"Enable": True, "Rollback": True}
    made = await begun(shop, DeploymentConfiguration={"MaximumPercent": 300, "DeploymentCircuitBreaker": breaker})
    shown = (await shop.service())["deploymentConfiguration"]
    assert (shown["maximumPercent"], shown["deploymentCircuitBreaker"]["enable"]) == (300, True)
    await updated(made, shop.wanted | {"DeploymentConfiguration": {"MinimumHealthyPercent": 50}})
    shown = (await shop.service())["deploymentConfiguration"]
    assert (shown["maximumPercent"], shown["minimumHealthyPercent"]) == (200, 50)
    assert not shown["deploymentCircuitBreaker"]["enable"]


async def test_only_what_rolls_out_begins_a_deployment(shop: Shop) -> None:
    made = await begun(shop)

    async def deployments() -> int:
        found = await shop.api.of("ecs", "list_service_deployments", cluster="shop", service=made.ref)
        return len(found["serviceDeployments"])

    await updated(made, shop.wanted | {"DesiredCount": 4})
    assert await deployments() == 1
    nonce = {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": "1"}
    await updated(made, shop.wanted | {"ForceNewDeployment": nonce})
    assert await deployments() == 2
    await updated(made, shop.wanted | {"ForceNewDeployment": nonce, "HealthCheckGracePeriodSeconds": 5})
    assert await deployments() == 2
    with pytest.raises(NeedsReplacement):
        await updated(made, shop.wanted | {"LaunchType": "EC2"})


async def test_a_service_of_others_is_left_alone(shop: Shop) -> None:
    first = await begun(shop, ServiceName="web")
    assert await first.kind.found(first.work) == first.id
    second = shop.api.resource("AWS::ECS::Service", shop.wanted | {"ServiceName": "web"}, "Second")
    assert await second.kind.found(second.work) == ""
    with pytest.raises(Failed, match="Resource of type 'AWS::ECS::Service' with identifier 'web' already exists"):
        await second.make()


async def test_a_service_is_deleted_when_it_is_inactive(shop: Shop) -> None:
    made = await begun(shop, DesiredCount=2)
    await made.kind.delete(made.work)
    assert (await shop.described(made.ref))["status"] == "DRAINING"
    assert not await made.kind.gone(made.work)
    shop.rolled("COMPLETED", status="INACTIVE")
    await made.remove()


async def test_task_sets(shop: Shop) -> None:
    external: dict[str, Any] = {"Cluster": "shop", "ServiceName": "web", "DesiredCount": 2}
    external["DeploymentController"] = {"Type": "EXTERNAL"}
    service = await shop.api.resource("AWS::ECS::Service", external, "Web").make()
    network = {"AwsVpcConfiguration": shop.wanted["NetworkConfiguration"]["AwsvpcConfiguration"]}
    wanted = {**shop.wanted, "Service": "web", "NetworkConfiguration": network}
    wanted["Scale"] = {"Value": 50, "Unit": "PERCENT"}
    made = shop.api.resource("AWS::ECS::TaskSet", wanted, "Blue")
    assert await made.kind.found(made.work) == ""
    made.become(physical_id=await made.kind.create(made.work))
    assert await made.kind.found(made.work) == made.id
    cluster, name, id_ = made.ref.split("|")
    assert (cluster, name) == ("shop", "web") and await made.kind.attributes(made.work) == {"Id": id_}
    table = shop.api.cloud.store.table(TaskSet)

    def become(**fields: Any) -> None:
        table.put(SCOPE, table.all(SCOPE)[0].replace(**fields))

    assert table.all(SCOPE)[0].scale == 50
    assert not await made.kind.ready(made.work)
    become(stability_status="STEADY_STATE")
    assert await made.kind.ready(made.work)
    await updated(made, wanted | {"Scale": {"Value": 100, "Unit": "PERCENT"}})
    assert table.all(SCOPE)[0].scale == 100

    chosen = {"Cluster": "shop", "Service": "web", "TaskSetId": id_}
    primary = await shop.api.resource("AWS::ECS::PrimaryTaskSet", chosen, "Primary").make()
    assert (primary.ref, table.all(SCOPE)[0].status) == ("shop|web", "PRIMARY")
    await primary.remove()
    await made.kind.delete(made.work)
    assert not await made.kind.gone(made.work)
    table.delete(SCOPE, table.all(SCOPE)[0].arn)
    await made.remove()
    assert await service.kind.ready(service.work)


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ("arn:aws:ecs:us-east-1:1:task-definition/a:2", True),
        ("a:2", True),
        ("a", True),
        ("a:1", False),
        ("b", False),
    ],
)
def test_names_of_task_definitions(asked: str, *, same: bool) -> None:
    service = {"taskDefinition": "arn:aws:ecs:us-east-1:1:task-definition/a:2"}
    assert steadiness.is_what_was_asked(service, {"taskDefinition": asked}) is same
