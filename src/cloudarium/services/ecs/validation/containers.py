"""One container definition.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.errors import client
from cloudarium.services.ecs.validation import logging, ports, sizes

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}", re.ASCII)
_SECRET = re.compile(r"arn:aws[a-z-]*:(?:secretsmanager|ssm):.+|[a-zA-Z0-9_./-]{1,2048}", re.ASCII)
_FILE = re.compile(r"arn:aws[a-z-]*:s3:::.+\.env", re.ASCII)
_HEALTH = (("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300))
_AWSVPC_HAS_NO = ("hostname", "dnsServers", "dnsSearchDomains", "extraHosts", "links")
_IMAGE = 255


def check(container: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Refuse a container that breaks a rule; ``request`` is the whole task definition."""
    name = container.get("name")
    if not name:
        raise client("Container.name should not be null or empty.")
    if not _NAME.fullmatch(name):
        raise client(f"Container name '{name[:300]}' is invalid.")
    if not container.get("image"):
        raise client("Container.image should not be null or empty.")
    if len(container["image"]) > _IMAGE or any(c.isspace() for c in container["image"]):
        raise client(f"Invalid 'image' setting for container '{name}'.")
    _resources(name, container, request)
    _network(name, container, request.get("networkMode"))
    ports.check(name, container, request.get("networkMode"))
    _health(name, container.get("healthCheck"))
    _secrets(name, container)
    _limits(name, container)
    logging.check(name, container, request)
    policy = container.get("restartPolicy") or {}
    if policy and not 60 <= policy.get("restartAttemptPeriod", 300) <= 1800:
        raise client(f"Invalid 'restartAttemptPeriod' setting for container '{name}': it must be 60 to 1800 seconds.")
    if len(policy.get("ignoredExitCodes") or ()) > 50:
        raise client(f"Invalid 'ignoredExitCodes' setting for container '{name}': at most 50 can be given.")


def _invalid(member: str, name: str) -> Exception:
    return client(f"Invalid '{member}' setting for container '{name}'.")


def _resources(name: str, container: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    memory, reserved = container.get("memory"), container.get("memoryReservation")
    if not memory and not reserved and not request.get("memory"):
        raise client(
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if (container.get("cpu") or 0) < 0:
        raise _invalid("cpu", name)
    for member, value in (("memory", memory), ("memoryReservation", reserved)):
        if value is not None and value < sizes.LEAST_MEMORY:
            raise _invalid(member, name)
    if memory and reserved and memory < reserved:
        raise client(f"Invalid setting for container '{name}'. 'memory' must be greater than 'memoryReservation'.")


def _network(name: str, container: Mapping[str, Any], mode: str | None) -> None:
    if mode == "awsvpc":
        for member in _AWSVPC_HAS_NO:
            if member in ("dnsServers", "dnsSearchDomains"):
                continue
            if container.get(member):
                raise client(f"The '{member}' parameter is not supported when networkMode=awsvpc.")
    if container.get("links") and mode not in (None, "bridge"):
        raise client(f"Links are not supported when networkMode={mode}.")
    if mode == "none" and container.get("portMappings"):
        raise client("Port mappings are not supported when networkMode=none.")
    if mode == "host" and container.get("hostname"):
        raise client("The 'hostname' parameter is not supported when networkMode=host.")
    for server in container.get("dnsServers") or ():
        _address(server, "dnsServers", name)
    for host in container.get("extraHosts") or ():
        _address(host.get("ipAddress") or "", "extraHosts", name)


def _address(text: str, member: str, name: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise _invalid(member, name) from None


def _health(name: str, check: Mapping[str, Any] | None) -> None:
    if not check:
        return
    command = check.get("command") or ()
    if not command or command[0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise client(
            f"Invalid 'healthCheck.command' setting for container '{name}': it must start with CMD or CMD-SHELL."
        )
    for member, least, most in _HEALTH:
        value = check.get(member)
        if value is not None and not least <= value <= most:
            raise client(f"Invalid 'healthCheck.{member}' setting for container '{name}': {least} to {most} is valid.")


def _secrets(name: str, container: Mapping[str, Any]) -> None:
    names = [each.get("name") for each in container.get("environment") or ()]
    secrets = [each.get("name") for each in container.get("secrets") or ()]
    for secret in container.get("secrets") or ():
        if not _SECRET.fullmatch(secret.get("valueFrom") or ""):
            raise client(f"Invalid 'secrets' setting for container '{name}'.")
    if len(set(secrets)) != len(secrets) or set(secrets) & set(names):
        raise client("The secret name must be unique and not shared with any new or existing environment variables.")
    files = container.get("environmentFiles") or ()
    if len(files) > 10:
        raise client(f"Container '{name}' has more than 10 environment files.")
    for file in files:
        if not _FILE.fullmatch(file.get("value") or ""):
            raise client(
                f"Invalid 'environmentFiles' setting for container '{name}': an ARN of a .env object is needed."
            )


def _limits(name: str, container: Mapping[str, Any]) -> None:
    seen: set[str] = set()
    for limit in container.get("ulimits") or ():
        if limit["name"] in seen:
            raise client(f"Duplicate ulimit '{limit['name']}' for container '{name}'.")
        seen.add(limit["name"])
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if hard != -1 and (soft > hard or soft == -1):
            raise client(
                f"Invalid ulimit '{limit['name']}' for container '{name}': the soft limit exceeds the hard one."
            )
    linux = container.get("linuxParameters") or {}
    for member, least, most in (("swappiness", 0, 100), ("maxSwap", 0, 2**31), ("sharedMemorySize", 1, 2**31)):
        value = linux.get(member)
        if value is not None and not least <= value <= most:
            raise _invalid(f"linuxParameters.{member}", name)
    for member in ("startTimeout", "stopTimeout"):
        seconds = container.get(member)
        if seconds is not None and seconds < 0:
            raise _invalid(member, name)
