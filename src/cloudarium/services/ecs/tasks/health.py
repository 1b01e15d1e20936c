"""Container health checks: from the outcomes of a command to HEALTHY, UNHEALTHY or UNKNOWN.

The first check runs one interval after the start. Failures within the start period do not count until the first
success; ``retries`` failures in a row make a container UNHEALTHY, one success makes it HEALTHY.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class HealthCheck(NamedTuple):
    """What to run, and how often. Seconds."""

    argv: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 5.0
    retries: int = 3
    start_period: float = 0.0


class Health(NamedTuple):
    """Where a container stands."""

    status: str = "UNKNOWN"
    failures: int = 0
    """In a row."""
    passed_once: bool = False


def health_check(definition: Mapping[str, Any]) -> HealthCheck | None:
    """The check of a container definition, or None when it has none (``["NONE"]`` or an empty command)."""
    given = definition.get("healthCheck")
    command = list(given.get("command") or ()) if given else []
    if not given or not command or command[0] == "NONE":
        return None
    argv: tuple[str, ...]
    if command[0] == "CMD-SHELL":
        argv = ("/bin/sh", "-c", " ".join(command[1:]))
    else:
        argv = tuple(command[1:] if command[0] == "CMD" else command)
    if not argv:
        return None
    return HealthCheck(
        argv,
        float(given.get("interval") or 30),
        float(given.get("timeout") or 5),
        int(given.get("retries") or 3),
        float(given.get("startPeriod") or 0),
    )


def after_check(check: HealthCheck, health: Health, *, passed: bool, age: float) -> Health:
    """Health after one more outcome, ``age`` seconds after the container's start."""
    if passed:
        return Health("HEALTHY", 0, True)
    if age < check.start_period and not health.passed_once:
        return health
    failures = health.failures + 1
    return Health("UNHEALTHY" if failures >= check.retries else health.status, failures, health.passed_once)


def task_health(containers: Iterable[tuple[bool, str]]) -> str:
    """The health of a task from its containers' ``(essential, status)``: the worst of the essential ones.

    UNHEALTHY comes before UNKNOWN, UNKNOWN before HEALTHY.
    """
    essential = [status for is_essential, status in containers if is_essential]
    for status in ("UNHEALTHY", "UNKNOWN"):
        if status in essential:
            return status
    return "HEALTHY" if essential else "UNKNOWN"
