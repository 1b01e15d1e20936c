"""Task sets of a service whose deployments somebody else controls; and a deployment stopped by hand."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from tests.scenarios.ecs_site import PORT, Site
from tests.support.cloud import RunningCloud

pytestmark = pytest.mark.timeout(120)


def test_two_task_sets_share_the_desired_count(cloud: RunningCloud) -> None:
    """Half and half, then everything on the new one, then the old one is deleted."""
    site = Site(cloud)
    ecs = site.account.ecs
    ecs.create_service(cluster="main", serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"})
    network = {"subnets": site.stack.subnets, "securityGroups": [site.programs]}
    common: dict[str, Any] = {"cluster": "main", "service": "web"}

    def make(colour: str) -> str:
        made = ecs.create_task_set(
            **common,
            taskDefinition=site.definition(colour),
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            loadBalancers=[{"targetGroupArn": site.group, "containerName": "web", "containerPort": PORT}],
            scale={"value": 50, "unit": "PERCENT"},
        )
        return str(made["taskSet"]["taskSetArn"])

    def settle() -> dict[str, tuple[str, int, int]]:
        for _ in range(30):
            cloud.advance("4s")
            time.sleep(0.1)  # containers start in the machine's time
            found = ecs.describe_task_sets(**common)["taskSets"]
            if all(each["stabilityStatus"] == "STEADY_STATE" and each["status"] != "DRAINING" for each in found):
                break
        return {
            each["taskSetArn"]: (each["status"], each["computedDesiredCount"], each["runningCount"]) for each in found
        }

    blue, green = make("blue"), make("green")
    ecs.update_service_primary_task_set(**common, primaryTaskSet=blue)
    assert settle() == {blue: ("PRIMARY", 1, 1), green: ("ACTIVE", 1, 1)}
    assert set(_answers(site)) == {"blue", "green"}
    ecs.update_task_set(**common, taskSet=green, scale={"value": 100, "unit": "PERCENT"})
    ecs.update_service_primary_task_set(**common, primaryTaskSet=green)
    ecs.delete_task_set(**common, taskSet=blue, force=True)
    assert settle() == {green: ("PRIMARY", 2, 2)}
    assert set(_answers(site)) == {"green"}
    site.delete()


def test_a_deployment_stopped_by_hand_is_rolled_back(cloud: RunningCloud) -> None:
    """StopServiceDeployment in the middle of an update."""
    site = Site(cloud)
    site.create(site.definition("blue"), 2)
    site.update(site.definition("green"))
    arn = site.service()["currentServiceDeployment"]
    site.account.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    site.cloud.advance("4s")
    site.until_completed()
    assert set(_answers(site)) == {"blue"}
    found = site.account.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    assert found["status"] == "ROLLBACK_SUCCESSFUL"
    site.delete()


def _answers(site: Site) -> Counter[str]:
    return Counter(site.account.curl(site.balancer["DNSName"]).body.decode() for _ in range(12))
