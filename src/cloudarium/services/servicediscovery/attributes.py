"""Which attributes an instance must and may have, by its service's records; pure.

https://docs.aws.amazon.com/cloud-map/latest/api/API_RegisterInstance.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from cloudarium.kernel.errors import NotThere
from cloudarium.services.servicediscovery.errors import invalid_input
from cloudarium.services.servicediscovery.resources import MapService

IPV4 = "AWS_INSTANCE_IPV4"
IPV6 = "AWS_INSTANCE_IPV6"
PORT = "AWS_INSTANCE_PORT"
CNAME = "AWS_INSTANCE_CNAME"
ALIAS = "AWS_ALIAS_DNS_NAME"
INITIAL_HEALTH = "AWS_INIT_HEALTH_STATUS"
EC2_INSTANCE = "AWS_EC2_INSTANCE_ID"
_DOMAIN = re.compile(r"(?=.{1,253}\.?$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+")
_MOST_CUSTOM = 30
_MOST_BYTES = 5_000


def check(service: MapService, attributes: Mapping[str, str]) -> None:
    """Raise InvalidInput for attributes that do not suit the service, NotThere for what is not there yet."""
    if EC2_INSTANCE in attributes:
        raise NotThere(f"the attribute {EC2_INSTANCE} in servicediscovery:RegisterInstance")
    custom = [key for key in attributes if not key.startswith("AWS_")]
    if len(custom) > _MOST_CUSTOM:
        raise invalid_input(f"An instance can have at most {_MOST_CUSTOM} custom attributes.")
    if sum(len(key) + len(value) for key, value in attributes.items() if not key.startswith("AWS_")) > _MOST_BYTES:
        raise invalid_input(f"The custom attributes of an instance must not exceed {_MOST_BYTES} characters.")
    if INITIAL_HEALTH in attributes:
        if not service.custom_health:
            raise invalid_input(f"{INITIAL_HEALTH} needs a service with HealthCheckCustomConfig.")
        if attributes[INITIAL_HEALTH] not in ("HEALTHY", "UNHEALTHY"):
            raise invalid_input(f"{INITIAL_HEALTH} must be HEALTHY or UNHEALTHY.")
    _check_values(attributes)
    if ALIAS in attributes:
        _check_alias(service, attributes)
        return
    for record in service.records:
        _check_record(record.type, attributes)


def _check_values(attributes: Mapping[str, str]) -> None:
    for name, kind in ((IPV4, ipaddress.IPv4Address), (IPV6, ipaddress.IPv6Address)):
        if name in attributes:
            try:
                kind(attributes[name])
            except ValueError:
                raise invalid_input(f"The value of {name} is not a valid address: {attributes[name]}") from None
    if PORT in attributes and not (attributes[PORT].isascii() and attributes[PORT].isdigit()):
        raise invalid_input(f"The value of {PORT} is not a valid port: {attributes[PORT]}")
    if PORT in attributes and not 0 < int(attributes[PORT]) < 65536:
        raise invalid_input(f"The value of {PORT} must be between 1 and 65535.")
    for name in (CNAME, ALIAS):
        if name in attributes and _DOMAIN.fullmatch(attributes[name]) is None:
            raise invalid_input(f"The value of {name} is not a valid domain name: {attributes[name]}")


def _check_alias(service: MapService, attributes: Mapping[str, str]) -> None:
    types = {record.type for record in service.records}
    if not types or not types <= {"A", "AAAA"}:
        raise invalid_input(f"{ALIAS} needs a service with settings for an A record, an AAAA record, or both.")
    if service.routing_policy != "WEIGHTED":
        raise invalid_input(f"{ALIAS} needs a service with the routing policy WEIGHTED.")
    if any(name.startswith("AWS_INSTANCE_") for name in attributes):
        raise invalid_input(f"{ALIAS} cannot be combined with AWS_INSTANCE attributes.")


def _check_record(kind: str, attributes: Mapping[str, str]) -> None:
    needs = {"A": (IPV4,), "AAAA": (IPV6,), "CNAME": (CNAME,), "SRV": (PORT,)}[kind]
    for name in needs:
        if name not in attributes:
            raise invalid_input(f"The attribute {name} is required for a service with {kind} records.")
    if kind == "SRV" and not (IPV4 in attributes or IPV6 in attributes or CNAME in attributes):
        raise invalid_input(f"A service with SRV records requires {IPV4}, {IPV6} or {CNAME} besides {PORT}.")
