"""Clusters, account settings, tags, capacity providers."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_cluster_is_made_once_and_described_as_asked(api: Any) -> None:
    first = await api(
        "create_cluster",
        clusterName="prod",
        settings=[{"name": "containerInsights", "value": "enabled"}],
        tags=[{"key": "team", "value": "shop"}],
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 2}],
    )
    again = await api("create_cluster", clusterName="prod")
    assert again["cluster"]["clusterArn"] == first["cluster"]["clusterArn"]
    assert again["cluster"]["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert first["cluster"]["attachmentsStatus"] == "UPDATE_COMPLETE"

    plain = (await api("describe_clusters", clusters=["prod"]))["clusters"][0]
    assert (plain["settings"], plain["tags"], plain["statistics"]) == ([], [], [])
    full = await api("describe_clusters", clusters=["prod"], include=["SETTINGS", "TAGS", "STATISTICS", "ATTACHMENTS"])
    assert full["clusters"][0]["tags"] == [{"key": "team", "value": "shop"}]
    assert {"name": "runningFargateTasksCount", "value": "0"} in full["clusters"][0]["statistics"]
    assert full["clusters"][0]["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 2}
    ]

    missing = await api("describe_clusters", clusters=["nowhere", first["cluster"]["clusterArn"]])
    assert [each["reason"] for each in missing["failures"]] == ["MISSING"]
    assert len(missing["clusters"]) == 1
    assert (await api("describe_clusters"))["clusters"][0]["clusterName"] == "default"


async def test_a_deleted_cluster_is_inactive_and_can_be_made_anew(api: Any) -> None:
    await api("create_cluster", clusterName="old")
    assert (await api("delete_cluster", cluster="old"))["cluster"]["status"] == "INACTIVE"
    assert (await api("describe_clusters", clusters=["old"]))["clusters"][0]["status"] == "INACTIVE"
    listed = await api("list_clusters")
    assert all("/old" not in arn for arn in listed["clusterArns"])
    error = await api.error("list_tasks", cluster="old")
    assert (error.code, error.message) == ("ClusterNotFoundException", "The referenced cluster was inactive.")
    assert (await api("create_cluster", clusterName="old"))["cluster"]["status"] == "ACTIVE"
    assert (await api.error("delete_cluster", cluster="nowhere")).message == "Cluster not found."


async def test_a_cluster_in_use_is_not_deleted(api: Any, net: Any) -> None:
    definition = await api.define()
    made = await api(
        "create_service",
        serviceName="web",
        taskDefinition=definition,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=net.configuration,
    )
    assert (await api.error("delete_cluster", cluster="default")).code == "ClusterContainsServicesException"
    await api("delete_service", service=made["service"]["serviceArn"], force=True)
    ran = await api("run_task", taskDefinition=definition, launchType="FARGATE", networkConfiguration=net.configuration)
    assert (await api.error("delete_cluster", cluster="default")).code == "ClusterContainsTasksException"
    api.become(ran["tasks"][0]["taskArn"], last_status="STOPPED", desired_status="STOPPED")
    instance = await api("register_container_instance", attributes=[{"name": "ecs.subnet-id", "value": net.subnets[0]}])
    assert (await api.error("delete_cluster", cluster="default")).code == "ClusterContainsContainerInstancesException"
    await api("deregister_container_instance", containerInstance=instance["containerInstance"]["containerInstanceArn"])
    assert (await api("delete_cluster", cluster="default"))["cluster"]["status"] == "INACTIVE"


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ([{"capacityProvider": "FARGATE", "weight": 0}], "weight greater than zero"),
        ([{"capacityProvider": "FARGATE", "weight": 1001}], "between 0 and 1000"),
        (
            [
                {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
                {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 1},
            ],
            "Only one capacity provider",
        ),
        ([{"capacityProvider": "mine", "weight": 1}], "not associated with the cluster"),
        ([{"capacityProvider": "FARGATE", "weight": 1}] * 2, "duplicate"),
    ],
)
async def test_strategies_are_checked(api: Any, strategy: list[dict[str, Any]], message: str) -> None:
    error = await api.error(
        "put_cluster_capacity_providers",
        cluster="default",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=strategy,
    )
    assert error.code == "InvalidParameterException"
    assert message in error.message


async def test_capacity_providers(api: Any) -> None:
    found = await api("describe_capacity_providers")
    assert [each["name"] for each in found["capacityProviders"]] == ["FARGATE", "FARGATE_SPOT"]
    missing = await api("describe_capacity_providers", capacityProviders=["mine"])
    assert missing["failures"][0]["reason"] == "MISSING"
    group = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:x:autoScalingGroupName/y"}
    error = await api.error("create_capacity_provider", name="mine", autoScalingGroupProvider=group)
    assert error.code == "NotImplemented"
    assert "autoScalingGroupProvider" in error.message


async def test_account_settings_have_an_order_of_precedence(api: Any) -> None:
    assert (await api("create_cluster", clusterName="one"))["cluster"]["settings"][0]["value"] == "disabled"
    await api("put_account_setting_default", name="containerInsights", value="enhanced")
    user = f"arn:aws:iam::{api.ctx.account}:user/dev"
    await api("put_account_setting", name="containerInsights", value="enabled", principalArn=user)
    listed = await api("list_account_settings", name="containerInsights", principalArn=user, effectiveSettings=True)
    assert listed["settings"][0]["value"] == "enabled"
    assert (await api("create_cluster", clusterName="two"))["cluster"]["settings"][0]["value"] == "enhanced"
    await api("delete_account_setting", name="containerInsights", principalArn=user)
    listed = await api("list_account_settings", name="containerInsights", principalArn=user, effectiveSettings=True)
    assert listed["settings"][0]["value"] == "enhanced"
    assert (await api("list_account_settings", principalArn=user))["settings"] == []
    assert (await api.error("put_account_setting", name="awsvpcTrunking", value="enabled")).code == "NotImplemented"
    wrong = await api.error("put_account_setting", name="containerInsights", value="perhaps")
    assert wrong.code == "InvalidParameterException"


async def test_tags_of_every_kind(api: Any, net: Any) -> None:
    definition = await api.define(tags=[{"key": "made", "value": "first"}])
    cluster = (await api("describe_clusters"))["clusters"][0]["clusterArn"]
    ran = await api(
        "run_task",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=net.configuration,
        propagateTags="TASK_DEFINITION",
        enableECSManagedTags=True,
    )
    task = ran["tasks"][0]
    assert {"key": "made", "value": "first"} in task["tags"]
    assert {"key": "aws:ecs:clusterName", "value": "default"} in task["tags"]
    instance = await api("register_container_instance", attributes=[{"name": "ecs.subnet-id", "value": net.subnets[0]}])
    for arn in (definition, cluster, task["taskArn"], instance["containerInstance"]["containerInstanceArn"]):
        await api("tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
        await api("untag_resource", resourceArn=arn, tagKeys=["b"])
        tags = (await api("list_tags_for_resource", resourceArn=arn))["tags"]
        assert {"key": "a", "value": "1"} in tags
        assert all(each["key"] != "b" for each in tags)
    reserved = await api.error("tag_resource", resourceArn=cluster, tags=[{"key": "aws:x", "value": ""}])
    assert reserved.code == "InvalidParameterException"
    assert (await api.error("list_tags_for_resource", resourceArn="x")).code == "InvalidParameterException"
    gone = await api.error("list_tags_for_resource", resourceArn=cluster + "x")
    assert gone.code == "ClusterNotFoundException"
