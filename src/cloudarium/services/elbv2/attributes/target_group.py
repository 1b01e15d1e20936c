"""Attributes of a target group of an Application Load Balancer (target types ip and instance).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
"""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2.attributes import Attribute, Attributes, boolean, integer, one_of, text
from cloudarium.services.elbv2.errors import invalid, invalid_configuration

WEEK = 604_800
_RESERVED_COOKIES = ("AWSALB", "AWSALBAPP", "AWSALBTG")
_MANY = 1_000_000

_token = text(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,4096}", longest=4096)


def _cookie_name(key: str, value: str) -> AwsError | None:
    if value.upper().startswith(_RESERVED_COOKIES):
        return invalid(f"'{key}' value '{value}' cannot start with a reserved prefix [{', '.join(_RESERVED_COOKIES)}]")
    return _token(key, value)


def _slow_start(key: str, value: str) -> AwsError | None:
    return None if value == "0" else integer(30, 900)(key, value)


_HEALTH = "target_group_health"
_DNS = f"{_HEALTH}.dns_failover.minimum_healthy_targets"
_ROUTING = f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets"
_ALGORITHM = "load_balancing.algorithm.type"
_MITIGATION = "load_balancing.algorithm.anomaly_mitigation"

TABLE = Attributes(
    "Target group attribute",
    [
        Attribute("stickiness.enabled", "false", boolean),
        Attribute("deregistration_delay.timeout_seconds", "300", integer(0, 3600)),
        Attribute("stickiness.type", "lb_cookie", one_of("app_cookie", "lb_cookie")),
        Attribute("stickiness.lb_cookie.duration_seconds", "86400", integer(1, WEEK)),
        Attribute("stickiness.app_cookie.cookie_name", "", _cookie_name),
        Attribute("stickiness.app_cookie.duration_seconds", "86400", integer(1, WEEK)),
        Attribute("slow_start.duration_seconds", "0", _slow_start),
        Attribute(_ALGORITHM, "round_robin", one_of("round_robin", "least_outstanding_requests", "weighted_random")),
        Attribute(_MITIGATION, "off", one_of("on", "off")),
        Attribute(
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
            one_of("true", "false", "use_load_balancer_configuration"),
        ),
        Attribute(f"{_ROUTING}.count", "1", integer(1, _MANY)),
        Attribute(f"{_ROUTING}.percentage", "off", integer(1, 100, "off")),
        Attribute(f"{_DNS}.count", "1", integer(1, _MANY, "off")),
        Attribute(f"{_DNS}.percentage", "off", integer(1, 100, "off")),
    ],
)


def check(effective: Mapping[str, str]) -> None:
    """Refuse values that do not go together."""
    sticky = effective["stickiness.enabled"] == "true"
    if sticky and effective["stickiness.type"] == "app_cookie" and not effective["stickiness.app_cookie.cookie_name"]:
        raise invalid_configuration("You must set an application cookie name to enable stickiness of type 'app_cookie'")
    if sticky and effective["load_balancing.cross_zone.enabled"] == "false":
        raise invalid_configuration("Stickiness is not supported when cross-zone load balancing is off")
    if sticky and effective[_ALGORITHM] == "weighted_random":
        raise invalid_configuration(
            "You cannot have both stickiness and weighted random algorithm enabled on the same target group."
        )
    if effective["slow_start.duration_seconds"] != "0" and effective[_ALGORITHM] != "round_robin":
        algorithm = effective[_ALGORITHM].replace("_", " ")
        raise invalid_configuration(f"You cannot enable both slow start and {algorithm} algorithm on a target group")
    if effective[_MITIGATION] == "on" and effective[_ALGORITHM] != "weighted_random":
        raise invalid_configuration(
            f"'{_MITIGATION}' can be 'on' only when '{_ALGORITHM}' is 'weighted_random', not '{effective[_ALGORITHM]}'"
        )
    for unit in ("count", "percentage"):
        dns, routing = effective[f"{_DNS}.{unit}"], effective[f"{_ROUTING}.{unit}"]
        if "off" not in (dns, routing) and int(dns) < int(routing):
            raise invalid_configuration(
                f"The value of '{_DNS}.{unit}' must be greater than or equal to the value of '{_ROUTING}.{unit}'"
            )


def mitigates(effective: Mapping[str, str]) -> bool:
    """Whether anomalous targets get less traffic."""
    return effective[_MITIGATION] == "on" and effective[_ALGORITHM] == "weighted_random"
