"""Manifests, indexes and image configurations: bytes in, structs out. Pure; everything is bounded.

https://github.com/opencontainers/image-spec/blob/main/manifest.md, image-index.md, config.md; Docker's schema 2 has
the same shape under other media types.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.substrate.images.digests import is_digest
from cloudarium.substrate.images.errors import InvalidManifest
from cloudarium.substrate.images.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    ImageConfig,
)

MAX_LAYERS = 127
"""As many as Docker allows."""
_MAX_BLOB = 1 << 42


class Manifest(msgspec.Struct, frozen=True):
    """An image of one platform."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


class Index(msgspec.Struct, frozen=True):
    """Several images, to choose from by platform."""

    media_type: str
    manifests: tuple[Descriptor, ...]


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    fs_layers: msgspec.Raw | None = None


class _Container(msgspec.Struct, rename="pascal"):
    user: str | None = None
    exposed_ports: dict[str, Any] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    volumes: dict[str, Any] | None = None
    working_dir: str | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    healthcheck: dict[str, Any] | None = None


class _Rootfs(msgspec.Struct):
    diff_ids: list[str] | None = None


class _Config(msgspec.Struct):
    architecture: str | None = None
    os: str | None = None
    variant: str | None = None
    config: _Container | None = None
    rootfs: _Rootfs | None = None


_documents = msgspec.json.Decoder(_Document)
_configs = msgspec.json.Decoder(_Config)


def parse(data: bytes, media_type: str = "") -> Manifest | Index:
    """A manifest or index. ``media_type`` is what the registry called it. Raises ``InvalidManifest``."""
    if len(data) > MAX_MANIFEST:
        raise InvalidManifest(f"the manifest is larger than {MAX_MANIFEST} bytes")
    if media_type.startswith("application/vnd.docker.distribution.manifest.v1"):
        raise InvalidManifest(f"media type {media_type!r} is not supported: rebuild the image with a newer Docker")
    found = _decode(_documents, data, "manifest")
    if found.schema_version != 2:
        raise InvalidManifest(f"manifest schema version {found.schema_version} is not supported")
    if found.manifests is not None:
        # Something that is both could be read in two ways by two programs.
        if found.layers is not None or found.config is not None or found.fs_layers is not None:
            raise InvalidManifest("the manifest is both an index and an image")
        kind = _kind(found, media_type, (OCI_INDEX, DOCKER_LIST))
        for descriptor in found.manifests:
            _check(descriptor)
        return Index(kind, tuple(found.manifests))
    if found.config is None or found.layers is None or found.fs_layers is not None:
        raise InvalidManifest("the manifest has neither manifests nor config and layers")
    if len(found.layers) > MAX_LAYERS:
        raise InvalidManifest("max depth exceeded: the image has more than 127 layers")
    for descriptor in (found.config, *found.layers):
        _check(descriptor)
    return Manifest(_kind(found, media_type, (OCI_MANIFEST, DOCKER_MANIFEST)), found.config, tuple(found.layers))


def parse_config(data: bytes) -> tuple[ImageConfig, tuple[str, ...]]:
    """The configuration and the diff ids, lowest first. Raises ``InvalidManifest``."""
    found = _decode(_configs, data, "image configuration")
    inner = found.config or _Container()
    diff_ids = tuple((found.rootfs and found.rootfs.diff_ids) or ())
    for diff_id in diff_ids:
        if not is_digest(diff_id):
            raise InvalidManifest(f"the image configuration has the diff id {diff_id[:100]!r}, which is no digest")
    return (
        ImageConfig(
            architecture=found.architecture or "",
            os=found.os or "linux",
            variant=found.variant or "",
            env=inner.env or [],
            entrypoint=inner.entrypoint or [],
            cmd=inner.cmd or [],
            working_dir=inner.working_dir or "",
            user=inner.user or "",
            exposed_ports=list(inner.exposed_ports or ()),
            volumes=list(inner.volumes or ()),
            labels=inner.labels or {},
            stop_signal=inner.stop_signal or "",
            healthcheck=inner.healthcheck,
        ),
        diff_ids,
    )


def check_image(manifest: Manifest, diff_ids: tuple[str, ...]) -> None:
    """Whether the manifest is of something to run. Raises ``InvalidManifest``."""
    for layer in manifest.layers:
        if "tar" not in layer.media_type or "encrypted" in layer.media_type:
            raise InvalidManifest(f"unknown image layer media type: {layer.media_type[:200]}")
    if len(diff_ids) != len(manifest.layers):
        raise InvalidManifest(
            f"mismatched image rootfs and manifest layers: {len(diff_ids)} and {len(manifest.layers)}"
        )


def _decode(decoder: Any, data: bytes, what: str) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"the {what} cannot be read: {str(error)[:300]}") from error


def _kind(found: _Document, told: str, kinds: tuple[str, str]) -> str:
    """The media type, from the document itself or else from who delivered it; only the two that fit its shape."""
    told = told.partition(";")[0].strip()
    if found.media_type and found.media_type not in kinds:
        raise InvalidManifest(f"media type {found.media_type[:200]!r} does not fit the manifest's content")
    if found.media_type:
        return found.media_type
    return told if told in kinds else kinds[0]


def _check(descriptor: Descriptor) -> None:
    if not is_digest(descriptor.digest):
        raise InvalidManifest(f"{descriptor.digest[:200]!r} is no digest")
    if not 0 <= descriptor.size <= _MAX_BLOB:
        raise InvalidManifest(f"{descriptor.digest} has an impossible size")
