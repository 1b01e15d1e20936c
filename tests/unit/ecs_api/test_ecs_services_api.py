"""Services as records: what is refused, what starts a deployment, task sets, service deployments."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloudarium.services.ecs.resources import ServiceDeployment, ServiceRecord

FARGATE: dict[str, Any] = {"serviceName": "web", "desiredCount": 2, "launchType": "FARGATE"}


async def create(api: Any, net: Any, **more: Any) -> dict[str, Any]:
    """A service on Fargate."""
    request = FARGATE | {"networkConfiguration": net.configuration}
    request["taskDefinition"] = more.pop("taskDefinition", None) or await api.define()
    made = await api("create_service", **(request | more))
    service: dict[str, Any] = made["service"]
    return service


def balancer(group: str, port: int = 80, name: str = "app") -> list[dict[str, Any]]:
    """A load balancer of a service."""
    return [{"targetGroupArn": group, "containerName": name, "containerPort": port}]


async def test_a_service_begins_with_one_deployment(api: Any, net: Any, group: str) -> None:
    service = await create(api, net, loadBalancers=balancer(group), tags=[{"key": "a", "value": "b"}])
    assert (service["status"], service["desiredCount"], service["runningCount"]) == ("ACTIVE", 2, 0)
    assert (service["launchType"], service["platformVersion"], service["platformFamily"]) == (
        "FARGATE",
        "LATEST",
        "Linux",
    )
    assert service["deploymentConfiguration"] == {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
    }
    assert service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert service["roleArn"].endswith("AWSServiceRoleForECS")
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    (deployment,) = service["deployments"]
    assert (deployment["status"], deployment["rolloutState"], deployment["desiredCount"]) == (
        "PRIMARY",
        "IN_PROGRESS",
        2,
    )
    listed = await api("list_service_deployments", service=service["serviceArn"])
    (brief,) = listed["serviceDeployments"]
    assert brief["serviceDeploymentArn"] == service["currentServiceDeployment"]
    full = await api("describe_service_deployments", serviceDeploymentArns=[brief["serviceDeploymentArn"], "arn:x"])
    assert full["serviceDeployments"][0]["status"] == "PENDING"
    assert full["failures"] == [{"arn": "arn:x", "reason": "MISSING"}]
    revision = await api("describe_service_revisions", serviceRevisionArns=[brief["targetServiceRevisionArn"]])
    assert revision["serviceRevisions"][0]["loadBalancers"] == balancer(group)
    described = await api("describe_services", services=["web", "ghost"], include=["TAGS"])
    assert described["services"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert described["failures"][0]["reason"] == "MISSING"
    assert (await api("list_services"))["serviceArns"] == [service["serviceArn"]]
    assert (await api("list_services", launchType="EC2"))["serviceArns"] == []


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"serviceName": "a b"}, "InvalidParameterException", "Invalid service name"),
        ({"desiredCount": -1}, "InvalidParameterException", "Invalid desired count"),
        ({"networkConfiguration": {}}, "InvalidParameterException", "Network Configuration must be provided"),
        (
            {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
            "InvalidParameterException",
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "NotImplemented", "BLUE_GREEN"),
        ({"serviceConnectConfiguration": {"enabled": True}}, "NotImplemented", "Service Connect"),
        (
            {"vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "t", "portName": "p"}]},
            "NotImplemented",
            "vpcLatticeConfigurations",
        ),
        ({"schedulingStrategy": "DAEMON"}, "InvalidParameterException", "does not support a desired count"),
        ({"role": "mine"}, "InvalidParameterException", "A role was passed, but no load balancers were present."),
        ({"enableExecuteCommand": True}, "InvalidParameterException", "valid taskRoleArn is not being used"),
        ({"placementConstraints": [{"type": "distinctInstance"}]}, "InvalidParameterException", "FARGATE"),
        (
            {"loadBalancers": [{"loadBalancerName": "old", "containerName": "app", "containerPort": 80}]},
            "NotImplemented",
            "Classic Load Balancers",
        ),
        (
            {"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:111122223333:service/srv-0"}]},
            "InvalidParameterException",
            "does not exist",
        ),
        (
            {
                "deploymentController": {"type": "CODE_DEPLOY"},
                "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            },
            "InvalidParameterException",
            "DeploymentCircuitBreaker feature can only be enabled with ECS deployment controller.",
        ),
        (
            {
                "availabilityZoneRebalancing": "ENABLED",
                "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0},
            },
            "InvalidParameterException",
            "rebalancing is not supported",
        ),
    ],
)
async def test_what_create_service_refuses(api: Any, net: Any, more: dict[str, Any], code: str, message: str) -> None:
    definition = await api.define()
    request = FARGATE | {"networkConfiguration": net.configuration, "taskDefinition": definition} | more
    error = await api.error("create_service", **request)
    assert error.code == code
    assert message in error.message
    assert (await api("list_services"))["serviceArns"] == []


async def test_load_balancers_must_fit(api: Any, net: Any, group: str) -> None:
    definition = await api.define()
    request = FARGATE | {"networkConfiguration": net.configuration, "taskDefinition": definition}

    async def message(given: list[dict[str, Any]], **more: Any) -> str:
        error = await api.error("create_service", **(request | more), loadBalancers=given)
        assert error.code == "InvalidParameterException"
        return str(error.message)

    assert await message(balancer(group, name="x")) == "The container x does not exist in the task definition."
    assert await message(balancer(group, 81)) == "The container app did not have a container port 81 defined."
    assert "does not exist" in await message(balancer(group[:-1] + ("0" if group[-1] != "0" else "1")))
    made = await api.of(
        "elbv2", "create_target_group", Name="alone", Protocol="HTTP", Port=80, VpcId=net.vpc, TargetType="ip"
    )
    alone = made["TargetGroups"][0]["TargetGroupArn"]
    expected = f"The target group with targetGroupArn {alone} does not have an associated load balancer."
    assert await message(balancer(alone)) == expected
    made = await api.of("elbv2", "create_target_group", Name="i", Protocol="HTTP", Port=80, VpcId=net.vpc)
    instances = made["TargetGroups"][0]["TargetGroupArn"]
    assert "target type instance, which is incompatible with the awsvpc network mode" in await message(
        balancer(instances)
    )
    bridge = await api.define("b", mode="bridge")
    request = {"serviceName": "b", "desiredCount": 1, "launchType": "EC2", "taskDefinition": bridge}
    assert "target type ip, which is incompatible with the bridge network mode" in await message(balancer(group))


async def test_the_same_service_is_not_made_twice(api: Any, net: Any) -> None:
    definition = await api.define()
    first = await create(api, net, taskDefinition=definition, clientToken="t")
    again = await create(api, net, taskDefinition=definition, clientToken="t")
    assert first["deployments"][0]["id"] == again["deployments"][0]["id"]
    request = FARGATE | {"networkConfiguration": net.configuration, "taskDefinition": definition}
    error = await api.error("create_service", **request)
    assert error.message == "Creation of service was not idempotent."
    error = await api.error("delete_service", service="web")
    assert error.message == "The service cannot be stopped while it is scaled above 0."
    gone = await api("delete_service", service="web", force=True)
    assert (gone["service"]["status"], gone["service"]["desiredCount"]) == ("DRAINING", 0)
    error = await api.error("create_service", **request)
    assert error.message == "Unable to Start a service that is still Draining."
    assert (await api.error("update_service", service="web", desiredCount=1)).code == "ServiceNotActiveException"
    table = api.cloud.store.table(ServiceRecord)
    record = table.get(api.ctx.scope, "default/web")
    table.put(api.ctx.scope, record.replace(status="INACTIVE", ended=api.cloud.clock.now()))
    assert (await api.error("delete_service", service="web")).code == "ServiceNotFoundException"
    assert (await api("describe_services", services=["web"]))["services"][0]["status"] == "INACTIVE"
    fresh = await create(api, net, taskDefinition=definition)
    assert fresh["status"] == "ACTIVE"
    assert len((await api("list_service_deployments", service="web"))["serviceDeployments"]) == 1


async def test_which_updates_start_a_deployment(api: Any, net: Any) -> None:
    first = await create(api, net)

    async def deployments(**changes: Any) -> list[str]:
        made = await api("update_service", service="web", **changes)
        return [each["status"] for each in made["service"]["deployments"]]

    assert await deployments(desiredCount=5, healthCheckGracePeriodSeconds=30) == ["PRIMARY"]
    assert await deployments(deploymentConfiguration={"minimumHealthyPercent": 50}) == ["PRIMARY"]
    assert await deployments(taskDefinition=first["taskDefinition"]) == ["PRIMARY"]
    assert await deployments(taskDefinition=await api.define()) == ["PRIMARY", "ACTIVE"]
    assert await deployments(forceNewDeployment=True) == ["PRIMARY", "ACTIVE", "ACTIVE"]
    one = {"awsvpcConfiguration": {"subnets": net.subnets[:1]}}
    assert len(await deployments(networkConfiguration=one)) == 4
    service = (await api("describe_services", services=["web"]))["services"][0]
    assert service["desiredCount"] == service["deployments"][0]["desiredCount"] == 5
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 50
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert service["healthCheckGracePeriodSeconds"] == 30
    assert service["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == net.subnets[:1]
    newest = await api("list_service_deployments", service="web", status=["PENDING"])
    assert len(newest["serviceDeployments"]) == 4
    stopped = await api("stop_service_deployment", serviceDeploymentArn=service["currentServiceDeployment"])
    record = api.cloud.store.table(ServiceDeployment).get(api.ctx.scope, stopped["serviceDeploymentArn"])
    assert record.status == "ROLLBACK_REQUESTED"
    error = await api.error("stop_service_deployment", serviceDeploymentArn=service["currentServiceDeployment"])
    assert error.code == "ConflictException"


async def test_changing_capacity_needs_force(api: Any, net: Any) -> None:
    await api(
        "put_cluster_capacity_providers",
        cluster="default",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[],
    )
    await create(api, net)
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    error = await api.error("update_service", service="web", capacityProviderStrategy=strategy)
    assert "you must force a new deployment" in error.message
    made = await api("update_service", service="web", capacityProviderStrategy=strategy, forceNewDeployment=True)
    service = made["service"]
    assert "launchType" not in service
    assert service["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    assert len(service["deployments"]) == 2
    made = await api("update_service", service="web", capacityProviderStrategy=[], forceNewDeployment=True)
    assert made["service"]["launchType"] == "FARGATE"
    assert (await api.error("update_service", service="web", deploymentController={"type": "EXTERNAL"})).code == (
        "NotImplemented"
    )


async def test_task_sets_belong_to_external_services(api: Any, net: Any, group: str) -> None:
    definition = await api.define()
    external = {"serviceName": "ext", "desiredCount": 4, "deploymentController": {"type": "EXTERNAL"}}
    error = await api.error("create_service", **external, taskDefinition=definition)
    assert "CreateTaskSet" in error.message
    service = (await api("create_service", **external))["service"]
    assert (service["deployments"], service["taskSets"]) == ([], [])
    where = {"cluster": "default", "service": "ext"}
    request = {"taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": net.configuration}
    blue = await api(
        "create_task_set",
        **where,
        **request,
        externalId="blue",
        scale={"value": 50.0, "unit": "PERCENT"},
        loadBalancers=balancer(group),
    )
    green = await api("create_task_set", **where, **request, clientToken="x")
    again = await api("create_task_set", **where, **request, clientToken="x")
    assert again["taskSet"]["id"] == green["taskSet"]["id"]
    assert (blue["taskSet"]["status"], blue["taskSet"]["scale"]["value"]) == ("ACTIVE", 50.0)
    for each in (blue, green, blue):
        await api("update_service_primary_task_set", **where, primaryTaskSet=each["taskSet"]["taskSetArn"])
    shown = (await api("describe_task_sets", **where))["taskSets"]
    assert [each["status"] for each in shown] == ["PRIMARY", "ACTIVE"]
    scaled = await api(
        "update_task_set", **where, taskSet=green["taskSet"]["id"], scale={"value": 25, "unit": "PERCENT"}
    )
    assert scaled["taskSet"]["scale"]["value"] == 25.0
    error = await api.error("delete_task_set", **where, taskSet=green["taskSet"]["id"])
    assert error.code == "InvalidParameterException"
    gone = await api("delete_task_set", **where, taskSet=green["taskSet"]["id"], force=True)
    assert gone["taskSet"]["status"] == "DRAINING"
    error = await api.error("update_task_set", **where, taskSet="ecs-svc/1", scale={"value": 1, "unit": "PERCENT"})
    assert error.code == "TaskSetNotFoundException"
    error = await api.error("update_service", service="ext", taskDefinition=definition)
    assert "Unable to update task definition on services with a EXTERNAL deployment controller." in error.message
    await create(api, net, taskDefinition=definition)
    error = await api.error("describe_task_sets", cluster="default", service="web")
    assert error.code == "UnsupportedFeatureException"


async def test_a_daemon_has_its_own_rules(api: Any, net: Any) -> None:
    bridge = await api.define("agent", mode="bridge")
    request = {"serviceName": "agent", "taskDefinition": bridge, "schedulingStrategy": "DAEMON"}
    service = (await api("create_service", **request))["service"]
    configuration = service["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (100, 0)
    assert (service["launchType"], service["availabilityZoneRebalancing"]) == ("EC2", "DISABLED")
    error = await api.error("create_service", **(request | {"serviceName": "x", "launchType": "FARGATE"}))
    assert error.code == "InvalidParameterException"
    strategy = [{"type": "random"}]
    error = await api.error("create_service", **(request | {"serviceName": "x"}), placementStrategy=strategy)
    assert "placement strateg" in error.message


async def test_old_deployment_records_are_dropped(api: Any, net: Any) -> None:
    from cloudarium.services.ecs import rollouts

    await create(api, net)
    table = api.cloud.store.table(ServiceRecord)
    for _ in range(rollouts.KEEP + 10):
        await api("update_service", service="web", forceNewDeployment=True)
        record = table.get(api.ctx.scope, "default/web")
        table.put(api.ctx.scope, record.replace(deployments=record.deployments[:1]))
    kept = await api("list_service_deployments", service="web")
    assert len(kept["serviceDeployments"]) == rollouts.KEEP


async def test_what_comes_twice_at_once_is_done_once(api: Any, net: Any) -> None:
    """Two equal requests that both wait for EC2's word."""
    definition = await api.define()
    request = {"taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": net.configuration}
    ran = await asyncio.gather(*(api("run_task", **request, clientToken="x") for _ in range(3)))
    assert len({each["tasks"][0]["taskArn"] for each in ran}) == 1
    service = FARGATE | {"networkConfiguration": net.configuration, "taskDefinition": definition, "clientToken": "y"}
    made = await asyncio.gather(*(api("create_service", **service) for _ in range(3)))
    assert len({each["service"]["deployments"][0]["id"] for each in made}) == 1
    assert len((await api("list_service_deployments", service="web"))["serviceDeployments"]) == 1


async def test_a_code_deploy_service_begins_with_a_task_set(api: Any, net: Any, group: str) -> None:
    controller = {"type": "CODE_DEPLOY"}
    definition = await api.define()
    request = FARGATE | {"networkConfiguration": net.configuration, "taskDefinition": definition}
    error = await api.error("create_service", **request, deploymentController=controller)
    assert "load balancer must be specified" in error.message
    service = await create(
        api, net, taskDefinition=definition, deploymentController=controller, loadBalancers=balancer(group)
    )
    (first,) = service["taskSets"]
    assert (first["status"], first["scale"]["value"], first["computedDesiredCount"]) == ("PRIMARY", 100.0, 2)
    error = await api.error("update_service", service="web", forceNewDeployment=True)
    assert "Use AWS CodeDeploy to trigger a new deployment." in error.message


async def test_a_deleted_service_is_forgotten_with_its_history(api: Any, net: Any) -> None:
    from cloudarium.services.ecs import retention

    service = await create(api, net)
    retention.start(api.cloud)
    table = api.cloud.store.table(ServiceRecord)
    record = table.get(api.ctx.scope, "default/web")
    table.put(api.ctx.scope, record.replace(status="INACTIVE", ended=api.cloud.clock.now()))
    await api("create_cluster", clusterName="old")
    await api("delete_cluster", cluster="old")
    await api.cloud.clock.advance(3700)
    assert (await api("describe_services", services=["web"]))["services"] == []
    gone = await api("describe_service_deployments", serviceDeploymentArns=[service["currentServiceDeployment"]])
    assert gone["serviceDeployments"] == []
    assert (await api("describe_clusters", clusters=["old"]))["failures"][0]["reason"] == "MISSING"
    await api.cloud.stop_services()
