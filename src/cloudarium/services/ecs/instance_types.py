"""What instances of a type have, as their agent registers it: 1024 CPU units per vCPU, and MiB less the system's share.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/memory-management.html
"""

from __future__ import annotations

_VCPUS_AND_GIB: dict[str, tuple[int, float]] = {
    "nano": (2, 0.5),
    "micro": (2, 1),
    "small": (2, 2),
    "medium": (2, 4),
    "large": (2, 8),
    "xlarge": (4, 16),
    "2xlarge": (8, 32),
    "4xlarge": (16, 64),
    "8xlarge": (32, 128),
    "12xlarge": (48, 192),
    "16xlarge": (64, 256),
    "24xlarge": (96, 384),
}
_MEMORY_PER_SIZE = {"c": 0.5, "m": 1.0, "t": 1.0, "r": 2.0}
_FEWER_VCPUS = {"t2.nano": 1, "t2.micro": 1, "t2.small": 1}
_SYSTEM = 0.055
"""The part of the memory that the kernel and the container runtime keep, as measured on the ECS-optimized image."""


def capacity(instance_type: str) -> tuple[int, int] | None:
    """CPU units and MiB of an instance type such as ``t3.micro`` or ``m5.xlarge``; None for one not known."""
    family, _, size = instance_type.partition(".")
    shape, factor = _VCPUS_AND_GIB.get(size), _MEMORY_PER_SIZE.get(family[:1])
    if shape is None or factor is None or not family[1:2].isdigit():
        return None
    if family[0] != "t" and size in ("nano", "micro", "small"):
        return None
    if family[0] == "t" and size not in ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"):
        return None
    vcpus = _FEWER_VCPUS.get(instance_type, 1 if family[0] != "t" and size == "medium" else shape[0])
    gib = shape[1] * factor
    return vcpus * 1024, int(gib * 1024 * (1 - _SYSTEM))
