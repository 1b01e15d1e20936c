"""Which members of an event are metrics: the lists in its ``CloudWatchMetrics``, by the kind of event.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-enhanced-observability-metrics-ECS.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMESPACE = "ECS/ContainerInsights"

_CLUSTER, _SERVICE, _FAMILY, _TASK, _CONTAINER = (
    "ClusterName",
    "ServiceName",
    "TaskDefinitionFamily",
    "TaskId",
    "ContainerName",
)
_TOGETHER = ((_CLUSTER,), (_SERVICE, _CLUSTER), (_CLUSTER, _FAMILY))
_BY_TASK = ((_CLUSTER, _SERVICE, _TASK), (_CLUSTER, _FAMILY, _TASK))
_BY_CONTAINER = (
    (_CLUSTER, _SERVICE, _CONTAINER),
    (_CLUSTER, _FAMILY, _CONTAINER),
    (_CLUSTER, _SERVICE, _TASK, _CONTAINER),
    (_CLUSTER, _FAMILY, _TASK, _CONTAINER),
)

UNITS = {
    "CpuUtilized": "None",
    "CpuReserved": "None",
    "MemoryUtilized": "Megabytes",
    "MemoryReserved": "Megabytes",
    "StorageReadBytes": "Bytes/Second",
    "StorageWriteBytes": "Bytes/Second",
    "NetworkRxBytes": "Bytes/Second",
    "NetworkTxBytes": "Bytes/Second",
    "EphemeralStorageReserved": "Gigabytes",
    "EphemeralStorageUtilized": "Gigabytes",
}
"""Of tasks. Bytes of storage are totals, whatever their unit says: so AWS's own events have it."""
_TASK_PERCENT = ("TaskCpuUtilization", "TaskMemoryUtilization", "TaskEphemeralStorageUtilization")
_CONTAINER_UNITS = {
    "ContainerCpuUtilized": "None",
    "ContainerCpuReserved": "None",
    "ContainerMemoryUtilized": "Megabytes",
    "ContainerMemoryReserved": "Megabytes",
    "ContainerMemoryUtilization": "Percent",
    "ContainerStorageReadBytes": "Bytes",
    "ContainerStorageWriteBytes": "Bytes",
    "UnHealthyContainerHealthStatus": "Count",
}
_CONTAINER_TOGETHER = {
    "ContainerCpuUtilization": "Percent",
    "ContainerNetworkRxBytes": "Bytes/Second",
    "ContainerNetworkTxBytes": "Bytes/Second",
}
"""Metrics of containers that have no dimension of their name."""


def of_task(event: Mapping[str, Any], enhanced: bool, leave_out: Sequence[str] = ()) -> list[dict[str, Any]]:
    """For a task's event; the metrics of ``leave_out`` are members only."""
    units = {name: unit for name, unit in UNITS.items() if name not in leave_out}
    if enhanced:
        units |= dict.fromkeys(_TASK_PERCENT, "Percent")
    return _directives(event, [(units, (*_TOGETHER, *_BY_TASK) if enhanced else _TOGETHER)])


def of_container(event: Mapping[str, Any], enhanced: bool) -> list[dict[str, Any]]:
    """For a container's event: without enhanced observability only how often it was restarted."""
    restarts = {"RestartCount": "Count"}
    if not enhanced:
        return _directives(event, [(restarts, _TOGETHER)])
    named = ((_CLUSTER,), *_BY_CONTAINER)
    together = (*_TOGETHER, *_BY_TASK)
    return _directives(
        event, [(_CONTAINER_UNITS, named), (_CONTAINER_TOGETHER, together), (restarts, (*together, *_BY_CONTAINER))]
    )


def of_counts(event: Mapping[str, Any], names: Iterable[str], dimensions: tuple[str, ...]) -> list[dict[str, Any]]:
    """For events that count something of a service or a cluster."""
    return _directives(event, [(dict.fromkeys(names, "Count"), (dimensions,))])


def _directives(
    event: Mapping[str, Any], wanted: Iterable[tuple[Mapping[str, str], Iterable[tuple[str, ...]]]]
) -> list[dict[str, Any]]:
    """One list per set of dimensions, of what the event has."""
    found = []
    for units, dimensions in wanted:
        metrics = [{"Name": name, "Unit": unit} for name, unit in units.items() if name in event]
        sets = [list(names) for names in dimensions if all(name in event for name in names)]
        if metrics:
            found.append({"Namespace": NAMESPACE, "Metrics": metrics, "Dimensions": sets})
    return found
