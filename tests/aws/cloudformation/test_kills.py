"""The cloud is killed while a stack of what has no token of its own is made: in the end there is one of each."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from tests.support.cloud import RunningCloud, until
from tests.support.stacks import resource, template

pytestmark = pytest.mark.timeout(300)

_LOST = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
_METRIC = {"MetricName": "Errors", "MetricNamespace": "Shop", "MetricValue": "1"}
_ALARM = {
    "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "Errors", "Namespace": "Shop",
    "Period": 60, "Statistic": "Sum", "Threshold": 1,
}  # fmt: skip


_EACH = 20


def resources() -> dict[str, Any]:
    """Many of each at once, so that a kill meets some between their creation and what the engine notes of it."""
    container = {"Name": "a", "Image": "nginx", "Memory": 64}
    filtered = {"LogGroupName": "shared", "FilterPattern": "ERROR", "MetricTransformations": [_METRIC]}
    kinds = {
        "Definition": resource("ECS::TaskDefinition", {"Family": "shop", "ContainerDefinitions": [container]}),
        "Cluster": resource("ECS::Cluster"),
        "Repository": resource("ECR::Repository"),
        "Log": resource("Logs::LogGroup", {"RetentionInDays": 7}),
        "Filter": resource("Logs::MetricFilter", filtered),
        "Query": resource("Logs::QueryDefinition", {"Name": "errors", "QueryString": "fields @message"}),
        "Alarm": resource("CloudWatch::Alarm", _ALARM),
        "Board": resource("CloudWatch::Dashboard", {"DashboardBody": '{"widgets": []}'}),
        "Web": resource("ServiceDiscovery::Service", {"NamespaceId": {"Ref": "Space"}}),
    }
    made = {f"{name}{number}": kind for name, kind in kinds.items() for number in range(_EACH)}
    return made | {"Space": resource("ServiceDiscovery::HttpNamespace", {"Name": "shop"})}


@pytest.mark.parametrize("after", [0.2, 0.3])
def test_one_of_each_is_made_and_none_stays(own_cloud: RunningCloud, after: float) -> None:
    """The moments are the machine's, so that no two runs are the same."""
    own_cloud.client("logs").create_log_group(logGroupName="shared")
    api: Any = own_cloud.client("cloudformation")
    with _killed(own_cloud, after):
        api.create_stack(StackName="shop", TemplateBody=template(resources()))
    _over(own_cloud, "CREATE_COMPLETE")
    assert _counts(own_cloud) == dict.fromkeys(_counts(own_cloud), _EACH)
    again: Any = own_cloud.client("cloudformation")
    with _killed(own_cloud, after):
        again.delete_stack(StackName="shop")
    _over(own_cloud, "DELETE_COMPLETE")
    assert _counts(own_cloud) == dict.fromkeys(_counts(own_cloud), 0)


@contextlib.contextmanager
def _killed(cloud: RunningCloud, after: float) -> Iterator[None]:
    """What is asked for within is answered; so many seconds of the machine later the cloud is killed."""
    victim = cloud.pids()["cloud"]
    yield
    time.sleep(after)
    os.kill(victim, signal.SIGKILL)


def _over(cloud: RunningCloud, expected: str) -> None:
    """Wait until the stack's operation is over."""

    def status() -> str | None:
        with contextlib.suppress(*_LOST):
            cloud.advance("2s")
            summaries = cloud.client("cloudformation").list_stacks()["StackSummaries"]
            now = summaries[0]["StackStatus"]
            return None if now.endswith("_IN_PROGRESS") else str(now)
        return None

    assert until(status, "the operation to be over", 60) == expected


def _counts(cloud: RunningCloud) -> dict[str, int]:
    def ask(service: str, operation: str, member: str, **parameters: Any) -> int:
        return len(getattr(cloud.client(service), operation)(**parameters)[member])

    return {
        "definitions": ask("ecs", "list_task_definitions", "taskDefinitionArns"),
        "clusters": ask("ecs", "list_clusters", "clusterArns"),
        "repositories": ask("ecr", "describe_repositories", "repositories"),
        "groups": ask("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="shop-"),
        "filters": ask("logs", "describe_metric_filters", "metricFilters"),
        "queries": ask("logs", "describe_query_definitions", "queryDefinitions"),
        "alarms": ask("cloudwatch", "describe_alarms", "MetricAlarms"),
        "dashboards": ask("cloudwatch", "list_dashboards", "DashboardEntries"),
        "map services": ask("servicediscovery", "list_services", "Services"),
    }
