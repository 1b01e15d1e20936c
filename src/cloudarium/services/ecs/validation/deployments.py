"""Deployment configurations and controllers.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.ecs.errors import invalid

_ABSENT = {
    "lifecycleHooks": "deploymentConfiguration.lifecycleHooks",
    "linearConfiguration": "deploymentConfiguration.linearConfiguration",
    "canaryConfiguration": "deploymentConfiguration.canaryConfiguration",
    "earlySuccessCriteria": "deploymentConfiguration.earlySuccessCriteria",
    "bakeTimeInMinutes": "deploymentConfiguration.bakeTimeInMinutes",
}
DEFAULTS = {"REPLICA": (200, 100), "DAEMON": (100, 0)}
"""Maximum and minimum healthy percent."""


def configuration(
    given: Mapping[str, Any] | None, scheduling: str, controller: str, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A service's deployment configuration with every default; ``before`` is the one it has (an update)."""
    given = {key: value for key, value in (given or {}).items() if value is not None}
    _refuse(given)
    most, least = DEFAULTS[scheduling]
    found: dict[str, Any] = {"maximumPercent": most, "minimumHealthyPercent": least, **(before or {}), **given}
    most, least = found["maximumPercent"], found["minimumHealthyPercent"]
    if most < 1 or least < 0:
        raise invalid("maximumPercent must be greater than 0 and minimumHealthyPercent cannot be negative.")
    if scheduling == "REPLICA" and most < 100:
        raise invalid("maximumPercent cannot be less than 100 for the REPLICA scheduling strategy.")
    if scheduling == "DAEMON" and least > 100:
        raise invalid("minimumHealthyPercent cannot be greater than 100.")
    if most <= 100 and least >= 100:
        raise invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
    breaker = found.get("deploymentCircuitBreaker")
    if controller != "ECS":
        if breaker and breaker.get("enable"):
            raise invalid("DeploymentCircuitBreaker feature can only be enabled with ECS deployment controller.")
        if (found.get("alarms") or {}).get("enable"):
            raise invalid("Deployment alarms can only be enabled with ECS deployment controller.")
        return found
    _alarms(found.get("alarms"))
    found["deploymentCircuitBreaker"] = breaker or {"enable": False, "rollback": False}
    found["strategy"] = "ROLLING"
    return found


def _refuse(given: Mapping[str, Any]) -> None:
    strategy = given.get("strategy") or "ROLLING"
    if strategy != "ROLLING":
        raise NotThere(f"The deployment strategy {strategy}")
    for member, what in _ABSENT.items():
        if given.get(member):
            raise NotThere(what)


def _alarms(given: Mapping[str, Any] | None) -> None:
    if not given or not given.get("enable"):
        return
    names = given.get("alarmNames") or ()
    if not names:
        raise invalid("At least one alarm name must be specified when deployment alarms are enabled.")
    if len(names) > 10:
        raise invalid("At most 10 alarm names can be specified.")
