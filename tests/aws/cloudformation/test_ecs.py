"""What CDK makes of an ``ApplicationLoadBalancedFargateService``, as a stack of real containers.

Made, changed, changed to something broken and rolled back, and deleted, while somebody asks it for its colour.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.scenarios.ecs_site import IMAGE, PORT, PROGRAM
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.curl import curl
from tests.support.images import import_image, python_image
from tests.support.stack import Stack
from tests.support.stacks import Stacks, resource

pytestmark = pytest.mark.timeout(300)

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Template:
    """The resources of the pattern, in the network of a test."""

    def __init__(self, cloud: RunningCloud, account: Account) -> None:
        import_image(cloud, python_image(), IMAGE)
        self.network = Stack(account)
        made = account.iam.create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role = made["Role"]["Arn"]

    def resources(self, colour: str, *, image: str = IMAGE, breaker: bool = False, **service: Any) -> dict[str, Any]:
        """All of them, in the order in which CDK writes them."""
        found = self._balancer()
        log = {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": {"Ref": "TaskDefwebLogGroup"},
                "awslogs-stream-prefix": "web",
                "awslogs-region": {"Ref": "AWS::Region"},
            },
        }
        container = {
            "Name": "web", "Image": image, "Essential": True, "Command": ["python3", "-c", PROGRAM],
            "Environment": [{"Name": "COLOUR", "Value": colour}], "LogConfiguration": log,
            "PortMappings": [{"ContainerPort": PORT, "Protocol": "tcp"}],
        }  # fmt: skip
        found["Cluster"] = resource("ECS::Cluster")
        found["TaskDefwebLogGroup"] = resource("Logs::LogGroup", UpdateReplacePolicy="Delete", DeletionPolicy="Delete")
        found["TaskDef"] = resource(
            "ECS::TaskDefinition",
            {
                "Family": "ShopTaskDef", "NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"], "Cpu": "256",
                "Memory": "512", "ExecutionRoleArn": self.role, "TaskRoleArn": self.role,
                "ContainerDefinitions": [container],
            },
        )  # fmt: skip
        configuration: dict[str, Any] = {"MaximumPercent": 200, "MinimumHealthyPercent": 50}
        if breaker:
            configuration["DeploymentCircuitBreaker"] = {"Enable": True, "Rollback": True}
        found["Service"] = resource(
            "ECS::Service",
            {
                "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "TaskDef"}, "LaunchType": "FARGATE",
                "DeploymentConfiguration": configuration, "EnableECSManagedTags": False,
                "HealthCheckGracePeriodSeconds": 10,
                "LoadBalancers": [
                    {"ContainerName": "web", "ContainerPort": PORT, "TargetGroupArn": {"Ref": "TargetGroup"}}
                ],
                "NetworkConfiguration": {"AwsvpcConfiguration": {
                    "AssignPublicIp": "ENABLED", "Subnets": self.network.subnets,
                    "SecurityGroups": [{"Fn::GetAtt": ["SecurityGroup", "GroupId"]}],
                }},
                **service,
            },
            DependsOn=["Listener"],
        )  # fmt: skip
        return found

    def _balancer(self) -> dict[str, Any]:
        group = {
            "Port": 80, "Protocol": "HTTP", "TargetType": "ip", "VpcId": self.network.vpc,
            "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
            "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
        }  # fmt: skip
        ingress = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT}
        forward = {"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}
        return {
            "LB": resource(
                "ElasticLoadBalancingV2::LoadBalancer",
                {
                    "Type": "application", "Scheme": "internet-facing", "Subnets": self.network.subnets,
                    "SecurityGroups": [self.network.front],
                },
            ),
            "Listener": resource(
                "ElasticLoadBalancingV2::Listener",
                {"LoadBalancerArn": {"Ref": "LB"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": [forward]},
            ),
            "TargetGroup": resource("ElasticLoadBalancingV2::TargetGroup", group),
            "SecurityGroup": resource(
                "EC2::SecurityGroup",
                {
                    "GroupDescription": "Shop/Service/SecurityGroup", "VpcId": self.network.vpc,
                    "SecurityGroupIngress": [ingress],
                },
            ),
        }  # fmt: skip


OUTPUTS = {"Host": {"Fn::GetAtt": ["LB", "DNSName"]}, "Service": {"Fn::GetAtt": ["Service", "Name"]}}


def test_a_load_balanced_fargate_service(cloud: RunningCloud, account: Account) -> None:
    """From nothing to green, not to broken, and to nothing again."""
    template, stacks = Template(cloud, account), Stacks(account)
    stacks.create("Shop", template.resources("blue"), outputs=OUTPUTS)
    ids, outputs = stacks.ids("Shop"), stacks.outputs("Shop")
    where = {"cluster": ids["Cluster"], "services": [ids["Service"]]}
    assert outputs["Service"] == ids["Service"].rpartition("/")[2]

    def service() -> dict[str, Any]:
        (found,) = account.ecs.describe_services(**where)["services"]
        return dict(found)

    def colour() -> str:
        return curl(f"http://127.0.0.1:{cloud.port}/", "-H", f"Host: {outputs['Host']}").body.decode()

    assert (service()["desiredCount"], service()["runningCount"], colour()) == (1, 1, "blue")
    streams = account.logs.describe_log_streams(logGroupName=ids["TaskDefwebLogGroup"])["logStreams"]
    assert [each["logStreamName"].rpartition("/")[0] for each in streams] == ["web/web"]

    account.ecs.update_service(cluster=ids["Cluster"], service=ids["Service"], desiredCount=2)
    stacks.update("Shop", template.resources("green"), outputs=OUTPUTS)
    assert (service()["desiredCount"], service()["runningCount"], colour()) == (2, 2, "green")
    blue, green = ids["TaskDef"], stacks.ids("Shop")["TaskDef"]
    assert blue != green == service()["taskDefinition"]
    assert account.ecs.describe_task_definition(taskDefinition=blue)["taskDefinition"]["status"] == "INACTIVE"

    broken = template.resources("ill", breaker=True)
    stacks.update("Shop", broken, "UPDATE_ROLLBACK_COMPLETE", outputs=OUTPUTS)
    (reason,) = [each for each in stacks.failures("Shop") if each.startswith("Service ")]
    assert "ECS Deployment Circuit Breaker was triggered" in reason
    assert (service()["taskDefinition"], service()["runningCount"], colour()) == (green, 2, "green")
    assert [each["rolloutState"] for each in service()["deployments"]] == ["COMPLETED"]

    stacks.delete("Shop")
    (cluster,) = account.ecs.describe_clusters(clusters=[ids["Cluster"]])["clusters"]
    assert (cluster["status"], cluster["activeServicesCount"], cluster["runningTasksCount"]) == ("INACTIVE", 0, 0)
    assert account.ecs.list_clusters()["clusterArns"] == []
    assert account.ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert account.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert account.logs.describe_log_groups()["logGroups"] == []


def test_a_service_that_cannot_start_fails_the_stack(cloud: RunningCloud, account: Account) -> None:
    """An image that does not exist: ECS gives up, and all that was made goes again."""
    template, stacks = Template(cloud, account), Stacks(account)
    broken = template.resources("blue", image="127.0.0.1:1/nowhere:1", breaker=True)
    stacks.create("Shop", broken, "ROLLBACK_COMPLETE")
    assert any("ECS Deployment Circuit Breaker was triggered" in each for each in stacks.failures("Shop"))
    assert account.ecs.list_clusters()["clusterArns"] == []
    stacks.delete("Shop")
