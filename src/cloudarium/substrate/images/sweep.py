"""Mark and sweep: what is reachable from names, registries and containers stays; what is young stays too.

The age is host time and guards what is being made: a client that pushes blobs names them in a manifest only at the
end, and a layer is unpacked before a container has it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from cloudarium.substrate.images import manifests
from cloudarium.substrate.images.blobs import BlobStore
from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.layers import Layers
from cloudarium.substrate.images.model import MAX_CONFIG, MAX_MANIFEST

_UPLOAD_GRACE = 86_400.0
"""Seconds without a byte after which a client is taken to have given up, however soon a sweep is wanted."""


def sweep(blobs: BlobStore, layers: Layers, roots: Iterable[str], containers: Path, grace: float) -> dict[str, int]:
    """Remove what is not needed and older than ``grace`` seconds; says how many of each, and the bytes of blobs."""
    before = time.time() - grace
    stale = time.time() - max(grace, _UPLOAD_GRACE)
    needed, unpacked = mark(blobs, roots)
    unpacked |= _mounted(containers)
    counts = {"blobs": 0, "bytes": 0, "layers": 0, "uploads": blobs.drop_uploads(stale)}
    for digest, stored, size in blobs.digests():
        if digest not in needed and stored < before:
            blobs.delete(digest)
            counts["blobs"] += 1
            counts["bytes"] += size
    for diff_id, made in layers.complete():
        if diff_id not in unpacked and made < before:
            layers.remove(diff_id)
            counts["layers"] += 1
    return counts


def mark(blobs: BlobStore, roots: Iterable[str]) -> tuple[set[str], set[str]]:
    """Every blob reachable from some digests, and the diff ids of their layers."""
    needed: set[str] = set()
    unpacked: set[str] = set()
    pending = list(roots)
    while pending:
        digest = pending.pop()
        if digest in needed:
            continue
        needed.add(digest)
        try:
            data = blobs.read(digest, limit=MAX_MANIFEST)
            if data is None or data[:1] != b"{":
                continue
            found = manifests.parse(data)
        except (ImageError, ValueError):
            continue  # a layer, a configuration, or something else that leads nowhere
        if isinstance(found, manifests.Index):
            pending += [descriptor.digest for descriptor in found.manifests]
            continue
        needed.update((found.config.digest, *(layer.digest for layer in found.layers)))
        try:
            unpacked.update(manifests.parse_config(blobs.read(found.config.digest, limit=MAX_CONFIG) or b"{}")[1])
        except (ImageError, ValueError):
            continue
    return needed, unpacked


def _mounted(containers: Path) -> set[str]:
    found: set[str] = set()
    for marker in containers.glob("*/layers.json"):
        try:
            found.update(json.loads(marker.read_bytes()))
        except (OSError, ValueError):
            continue
    return found
