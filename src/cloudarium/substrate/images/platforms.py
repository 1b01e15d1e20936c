"""Choosing an image for an operating system and architecture. Pure.

A wanted platform is ``os/architecture[/variant]`` in Go's names; ECS's own names
for architectures are taken too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from cloudarium.substrate.images.errors import NoMatchingPlatform
from cloudarium.substrate.images.model import Descriptor

_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armv7l": "arm",
    "armhf": "arm", "armv6l": "arm",
}  # fmt: skip
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_ARM_VARIANTS = ("v8", "v7", "v6", "v5")


def host_platform() -> str:
    """This machine's, for example ``linux/amd64``."""
    machine = os.uname().machine.lower()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def normalize(platform: str) -> tuple[str, str, str]:
    """``(os, architecture, variant)`` in Go's names; an empty platform is this machine's."""
    system, _, rest = (platform or host_platform()).lower().partition("/")
    architecture, _, variant = rest.partition("/")
    architecture = _ARCHITECTURES.get(architecture, architecture)
    return system, architecture, variant or _DEFAULT_VARIANTS.get(architecture, "")


def choose(manifests: Sequence[Descriptor], wanted: str) -> Descriptor:
    """The best descriptor for a platform, the first among equals. Raises ``NoMatchingPlatform``.

    One that names no platform is taken where nothing else fits.
    """
    system, architecture, variant = normalize(wanted)
    best: tuple[int, Descriptor] | None = None
    for descriptor in manifests:
        rank = _rank(descriptor, system, architecture, variant)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, descriptor)
    if best is None:
        offered = ", ".join(sorted({_shown(found.platform) for found in manifests if found.platform})[:20])
        raise NoMatchingPlatform(f"{system}/{architecture}", offered)
    return best[1]


def _rank(descriptor: Descriptor, system: str, architecture: str, variant: str) -> int | None:
    """0 fits exactly, more is worse, None does not fit."""
    offered = descriptor.platform
    if not offered:
        return 100
    its_system, its_architecture, its_variant = normalize(_shown(offered))
    if its_system != system or its_architecture != architecture:
        return None
    if its_variant == variant:
        return 0
    if architecture == "arm" and variant in _ARM_VARIANTS and its_variant in _ARM_VARIANTS:
        distance = _ARM_VARIANTS.index(its_variant) - _ARM_VARIANTS.index(variant)
        return distance if distance > 0 else None
    # A machine runs what was made for lesser ones of its kind (amd64 v2 on v3), not the other way round.
    return 1 if its_variant < variant else None


def _shown(platform: dict[str, object] | None) -> str:
    fields = platform or {}
    return "/".join(str(fields.get(key) or "") for key in ("os", "architecture", "variant")).rstrip("/")
