"""What a manifest says: its type, the blobs and manifests it refers to, its subject. Pure.

https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md, and Docker's image manifest
version 2, schema 2. Schema 1, which AWS stopped taking, is refused.
"""

from __future__ import annotations

import msgspec

from cloudarium.services.ecr.names import is_digest

MAX_BYTES = 4_194_304
_MOST_REFERENCES = 4_096

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_LIST)
KNOWN = IMAGES + INDEXES

EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
_FOREIGN = ("foreign", "nondistributable")
"""In media types of layers that are never pushed."""


class BadManifest(Exception):
    """Not a manifest of a kind that is taken."""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A reference to content."""

    digest: str
    media_type: str = ""
    size: int = 0
    urls: list[str] | None = None


class Parsed(msgspec.Struct, frozen=True):
    """A manifest's contents as far as a registry cares."""

    media_type: str
    artifact_type: str
    config_type: str
    blobs: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    subject: str
    annotations: dict[str, str]


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


_decoder = msgspec.json.Decoder(_Document)


def parse(data: bytes, declared: str = "") -> Parsed:
    """Read a manifest. ``declared`` is the media type its sender gave (empty: take the manifest's own word)."""
    try:
        document = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise BadManifest("Invalid JSON syntax") from None
    if document.schema_version != 2:
        raise BadManifest("Image manifest version 2 schema 1 is not supported")
    media_type = _media_type(document, declared.partition(";")[0].strip())
    if media_type in INDEXES:
        blobs: list[Descriptor] = []
        children = document.manifests
        if children is None:
            raise BadManifest("Manifest list has no manifests")
    else:
        if document.config is None or document.layers is None:
            raise BadManifest("Manifest has no config or layers")
        blobs, children = [document.config, *document.layers], []
    subject = [document.subject] if document.subject is not None else []
    if len(blobs) + len(children) > _MOST_REFERENCES:
        raise BadManifest("Manifest has too many references")
    for each in (*blobs, *children, *subject):
        if not is_digest(each.digest):
            raise BadManifest(f"Invalid digest '{each.digest[:100]}'")
    config_type = document.config.media_type if document.config is not None else ""
    return Parsed(
        media_type,
        document.artifact_type or config_type,
        config_type,
        tuple(each for each in blobs if not _is_foreign(each)),
        tuple(children),
        subject[0].digest if subject else "",
        document.annotations or {},
    )


def _media_type(document: _Document, declared: str) -> str:
    own = document.media_type
    if own and declared in KNOWN and own != declared:
        raise BadManifest("Manifest media type does not match the given media type")
    found = own or (declared if declared in KNOWN else "")
    if not found:
        found = OCI_INDEX if document.manifests is not None else OCI_MANIFEST
    if found not in KNOWN:
        raise BadManifest(f"Manifest media type '{found[:100]}' is not supported")
    return found


def _is_foreign(layer: Descriptor) -> bool:
    return bool(layer.urls) or any(word in layer.media_type for word in _FOREIGN)


def size_of(parsed: Parsed, manifest_size: int) -> int:
    """Bytes of an image: its manifest, configuration and layers."""
    return manifest_size + sum(each.size for each in parsed.blobs)


def text_of(data: bytes) -> str:
    """A manifest's bytes as the API's string."""
    return data.decode("utf-8", "replace")
