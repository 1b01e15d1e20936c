"""Service events in AWS's words. Pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MORE = " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
_INSUFFICIENT = {
    "RESOURCE:MEMORY": "has insufficient memory available.",
    "RESOURCE:CPU": "has insufficient CPU units available.",
    "RESOURCE:PORTS": "is already using a port required by your task.",
    "ATTRIBUTE": "is missing an attribute required by your task.",
    "AGENT": 'encountered error "AGENT".',
}


def started(service: str, tasks: Sequence[str], replacing: int = 0) -> str:
    """Tasks were started, some of them in place of unhealthy ones."""
    text = f"(service {service}) has started {len(tasks)} tasks: {_tasks(tasks)}."
    return f"{text} Amazon ECS replaced {replacing} tasks due to an unhealthy status." if replacing else text


def stopped(service: str, tasks: Sequence[str]) -> str:
    """Running tasks were told to stop."""
    return f"(service {service}) has stopped {len(tasks)} running tasks: {_tasks(tasks)}."


def registered(service: str, count: int, group: str) -> str:
    """Tasks became targets."""
    return f"(service {service}) registered {count} targets in (target-group {group})"


def deregistered(service: str, count: int, group: str) -> str:
    """Targets were told to drain."""
    return f"(service {service}) deregistered {count} targets in (target-group {group})"


def draining(service: str, deployment: str, count: int) -> str:
    """Connections are being drained."""
    return f"(service {service}, taskSet {deployment}) has begun draining connections on {count} tasks."


def steady(service: str, task_set: str = "") -> str:
    """Everything is as it should be."""
    return f"{_who(service, task_set)} has reached a steady state."


def completed(service: str, deployment: str) -> str:
    """A deployment is done."""
    return f"(service {service}) (deployment {deployment}) deployment completed."


def failed(service: str, deployment: str, why: str) -> str:
    """A deployment failed: ``tasks failed to start`` or ``alarm detected``."""
    return f"(service {service}) (deployment {deployment}) deployment failed: {why}."


def rolling_back(service: str, deployment: str) -> str:
    """A failed deployment is being undone."""
    return f"(service {service}) rolling back to deployment {deployment}."


def impaired(service: str) -> str:
    """Tasks fail before they run, again and again."""
    return f"(service {service}) is unable to consistently start tasks successfully.{_MORE}"


def stuck(service: str) -> str:
    """The deployment configuration leaves no room for a step."""
    return (
        f"(service {service}) was unable to stop or start tasks during a deployment because of the service deployment "
        "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    )


def unhealthy_target(service: str, who: str, port: int, group: str, reason: str) -> str:
    """A target's health checks fail; ``who`` is ``instance i-…`` or ``task …``."""
    return f"(service {service}) ({who}) (port {port}) is unhealthy in (target-group {group}) due to (reason {reason})"


def unhealthy_containers(service: str, task: str) -> str:
    """A task's own health checks fail."""
    return f"(service {service}) (task {task}) failed container health checks."


def no_instance(service: str, failures: Sequence[tuple[str, str]]) -> str:
    """No container instance fits. ``failures`` are instance ids and reasons, the closest match first."""
    text = f"(service {service}) was unable to place a task because no container instance met all of its requirements."
    if not failures:
        return f"{text} Reason: No Container Instances were found in your cluster.{_MORE}"
    instance, reason = failures[0]
    why = _INSUFFICIENT.get(reason, f'encountered error "{reason}".')
    return f"{text} The closest matching (container-instance {instance}) {why}{_MORE}"


def not_placed(service: str, reason: str) -> str:
    """A task could not be placed for another reason."""
    return f"(service {service}) was unable to place a task. Reason: {reason}."


def not_balanced(service: str, zones: dict[str, int]) -> str:
    """Rebalancing begins."""
    return f"(service {service}) is not AZ balanced with {_zones(zones)}. AZ Rebalancing in progress."


def balanced(service: str, zones: dict[str, int]) -> str:
    """Rebalancing is over."""
    return f"(service {service}) is AZ balanced with {_zones(zones)}."


def _who(service: str, task_set: str) -> str:
    return f"(service {service}, taskSet {task_set})" if task_set else f"(service {service})"


def _tasks(tasks: Iterable[str]) -> str:
    return " ".join(f"(task {task})" for task in tasks)


def _zones(zones: dict[str, int]) -> str:
    each = [f"{count} tasks in {zone}" for zone, count in sorted(zones.items())]
    return ", ".join(each[:-1]) + f", and {each[-1]}" if len(each) > 1 else each[0]
