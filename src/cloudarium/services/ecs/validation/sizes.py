"""CPU and memory of a task: how they are written, and which pairs Fargate has.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""

from __future__ import annotations

import re

from cloudarium.services.ecs.errors import client

_CPU = re.compile(r"([0-9]{0,6}(?:\.[0-9]{1,4})?) ?vcpu", re.IGNORECASE)
_MEMORY = re.compile(r"([0-9]{0,6}(?:\.[0-9]{1,4})?) ?gb", re.IGNORECASE)
_PLAIN = re.compile(r"[0-9]{1,7}")

LEAST_CPU, MOST_CPU = 128, 196_608
LEAST_MEMORY = 6
"""MiB. Docker refuses containers with less."""

FARGATE: dict[int, range] = {
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16_384 + 1, 1024),
    4096: range(8192, 30_720 + 1, 1024),
    8192: range(16_384, 61_440 + 1, 4096),
    16_384: range(32_768, 122_880 + 1, 8192),
}
"""MiB of memory that go with CPU units; 256 units have a list of their own."""

_SMALLEST = (512, 1024, 2048)


def cpu(text: str) -> int:
    """CPU units of ``1024``, ``1 vCPU`` or ``.5 vcpu``."""
    return _parse(text, _CPU, "cpu")


def memory(text: str) -> int:
    """MiB of ``512`` or ``0.5 GB``."""
    return _parse(text, _MEMORY, "memory")


def _parse(text: str, pattern: re.Pattern[str], what: str) -> int:
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return int(text)
    found = pattern.fullmatch(text)
    if found is None or not found[1]:
        raise client(f"Invalid '{what}' setting for task.")
    return int(float(found[1]) * 1024)


def fits_fargate(units: int, mib: int) -> bool:
    """Whether Fargate has this pair."""
    return mib in (_SMALLEST if units == 256 else FARGATE.get(units, ()))


def check_fargate(units: int, mib: int) -> None:
    """Refuse a pair that Fargate does not have."""
    if not fits_fargate(units, mib):
        raise client(
            f"No Fargate configuration exists for given values: {units} CPU, {mib} memory. "
            "See the Amazon ECS documentation for the valid values."
        )
