"""Whether a service has become what a template wants it to be, or never will.

CloudFormation waits until a service is stable, and gives up when the deployment circuit breaker or an alarm has failed
the deployment, also when ECS has gone back to the one before:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.engine.failures import handler_message
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_ASKED = ("capacityProviderStrategy", "loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries")
_WELL = ("PENDING", "IN_PROGRESS", "SUCCESSFUL")


async def steady(work: Work, cluster: str, wanted: Mapping[str, Any], *, forced: bool) -> bool:
    """Whether the service of ``work`` is steady with these parameters; raises ``Failed`` with ECS's reason.

    ``forced`` says that the newest deployment is this change's, whatever the service looks like.
    """
    ecs = work.ctx.aws.ecs
    found = (await ecs.describe_services(cluster=cluster, services=[work.physical_id]))["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise Failed(f"The service {work.physical_id} is no longer ACTIVE.")
    service = found[0]
    controller = service["deploymentController"]["type"]
    if controller != "ECS":
        # An EXTERNAL service has its task sets as resources of their own.
        sets = service.get("taskSets") or () if controller == "CODE_DEPLOY" else ()
        return all(each["stabilityStatus"] == "STEADY_STATE" for each in sets)
    if forced or not is_what_was_asked(service, wanted):
        listed = await ecs.list_service_deployments(cluster=cluster, service=work.physical_id, maxResults=1)
        for newest in listed["serviceDeployments"]:
            if newest["status"] not in _WELL:
                raise Failed(failure(newest.get("statusReason") or newest["status"], work.token))
    primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
    if primary["rolloutState"] == "FAILED":
        raise Failed(failure(primary["rolloutStateReason"], work.token))
    return (
        primary["rolloutState"] == "COMPLETED"
        and len(service["deployments"]) == 1
        and service["runningCount"] == service["desiredCount"]
    )


def failure(reason: str, token: str) -> str:
    """A failed deployment as CloudFormation tells it, with what ECS says."""
    operation = "ECS Deployment Circuit Breaker was triggered" if "circuit breaker" in reason else "UpdateService"
    message = f"Error occurred during operation '{operation}'. {reason}"
    return handler_message(message, token, "GeneralServiceException")


def is_what_was_asked(service: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a service as it is described runs what these parameters say.

    After a rollback by ECS it does not. When CloudFormation then goes back itself, it does again.
    """
    if (definition := wanted.get("taskDefinition")) is not None:
        shown = service["taskDefinition"]
        name = shown.rpartition("/")[2]
        if definition not in (shown, name, name.rpartition(":")[0]):
            return False
    return all(_within(wanted[name], service.get(name)) for name in _ASKED if name in wanted)


def _within(wanted: Any, shown: Any) -> bool:
    """Whether all that is wanted is shown; more may be, such as defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(shown, Mapping) and all(_within(each, shown.get(key)) for key, each in wanted.items())
    if isinstance(wanted, list):
        shown = list(shown or ())
        if all(isinstance(each, str) for each in wanted):
            return sorted(wanted) == sorted(shown)
        return len(wanted) == len(shown) and all(map(_within, wanted, shown))
    return bool(wanted == shown)
