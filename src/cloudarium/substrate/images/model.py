"""What is known of an image."""

from __future__ import annotations

from typing import Any

import msgspec

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

MAX_MANIFEST = 4 << 20
"""Bytes of a manifest or index: what the distribution specification asks registries to take."""
MAX_CONFIG = 8 << 20


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the image says of the containers made from it, defaults filled in."""

    architecture: str = ""
    os: str = "linux"
    variant: str = ""
    env: list[str] = []
    entrypoint: list[str] = []
    cmd: list[str] = []
    working_dir: str = ""
    user: str = ""
    exposed_ports: list[str] = []
    """As ``80/tcp``."""
    volumes: list[str] = []
    labels: dict[str, str] = {}
    stop_signal: str = ""
    healthcheck: dict[str, Any] | None = None
    """``Test``, and ``Interval``, ``Timeout``, ``StartPeriod`` in nanoseconds, ``Retries``, as Docker keeps them."""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image of one platform, complete in the store."""

    digest: str
    """Of its manifest."""
    config: ImageConfig
    layers: tuple[str, ...]
    """Diff ids, lowest first."""
    size: int
    """Bytes of configuration and layers as they are stored (compressed)."""
    media_type: str
    index_digest: str = ""
    """Of the index that the manifest was chosen from; empty when there was none."""


class Rootfs(msgspec.Struct, frozen=True, kw_only=True):
    """Directories for an overlay mount of one container.

    All of ``lowers`` lie in one folder: where the mount options exceed a page, mount from within that folder with
    their last path components. With ``userxattr`` the overlay needs the option of that name (user namespaces).
    """

    lowers: list[str]
    """Top first, as ``lowerdir=`` wants them."""
    upper: str
    work: str
    merged: str
    """The mount point."""
    userxattr: bool = False


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A reference to a blob, as manifests have them."""

    media_type: str
    digest: str
    size: int
    platform: dict[str, Any] | None = None
    annotations: dict[str, str] | None = None
