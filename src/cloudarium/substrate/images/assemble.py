"""Writing manifests and configurations for images that came without, and changing what an image runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from cloudarium.substrate.images.blobs import BlobStore
from cloudarium.substrate.images.errors import InvalidManifest
from cloudarium.substrate.images.model import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from cloudarium.substrate.images.platforms import normalize


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an import says of the containers; empty fields leave what the image says."""

    cmd: list[str] = []
    entrypoint: list[str] = []
    env: list[str] = []
    """As ``NAME=value``, added to the image's."""
    working_dir: str = ""
    user: str = ""
    exposed_ports: list[str] = []
    """As ``80`` or ``80/tcp``."""
    labels: dict[str, str] = {}
    stop_signal: str = ""

    def __bool__(self) -> bool:
        return self != Changes()


def new_config(platform: str, diff_ids: Sequence[str]) -> bytes:
    """A configuration of an image that says nothing of its containers."""
    system, architecture, variant = normalize(platform)
    config: dict[str, Any] = {"architecture": architecture, "os": system, "config": {}}
    if variant and architecture == "arm":
        config["variant"] = variant
    config["rootfs"] = {"type": "layers", "diff_ids": list(diff_ids)}
    return _dump(config)


def change(config: bytes, changes: Changes) -> bytes:
    """The configuration with some changes; what is not known here is kept."""
    try:
        document = json.loads(config)
        inner = document["config"] = dict(document.get("config") or {})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidManifest(f"the image configuration cannot be read: {error}") from error
    if changes.entrypoint:
        inner["Entrypoint"] = changes.entrypoint
        inner.pop("Cmd", None)  # it was meant for another entry point
    if changes.cmd:
        inner["Cmd"] = changes.cmd
    if changes.env:
        new = {item.partition("=")[0]: item for item in changes.env}
        inner["Env"] = [e for e in inner.get("Env") or [] if e.partition("=")[0] not in new] + list(new.values())
    for name, value in (
        ("WorkingDir", changes.working_dir), ("User", changes.user), ("StopSignal", changes.stop_signal),
    ):  # fmt: skip
        if value:
            inner[name] = value
    if changes.exposed_ports:
        ports: dict[str, Any] = {port if "/" in port else f"{port}/tcp": {} for port in changes.exposed_ports}
        inner["ExposedPorts"] = {**(inner.get("ExposedPorts") or {}), **ports}
    if changes.labels:
        inner["Labels"] = {**(inner.get("Labels") or {}), **changes.labels}
    return _dump(document)


def write_manifest(blobs: BlobStore, config: bytes, layers: Sequence[tuple[str, int, str]]) -> bytes:
    """Store the configuration, and a manifest of it and some layers (digest, bytes, media type); returns the latter."""
    descriptor = {"mediaType": OCI_CONFIG, "digest": blobs.put(config), "size": len(config)}
    manifest = _dump(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor,
            "layers": [{"mediaType": kind, "digest": digest, "size": size} for digest, size, kind in layers],
        }
    )
    blobs.put(manifest)
    return manifest


def layer_type(compression: str) -> str:
    """The media type of a layer compressed so (``none``, ``gzip``, ``zstd``)."""
    return OCI_LAYER if compression == "none" else f"{OCI_LAYER}+{compression}"


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
