"""Images in a repository: putting, finding, tagging, showing and deleting them.

A manifest's bytes are a blob under its digest; the record says what is needed without reading it. Blobs that only a
deleted image used stay behind as layers of the repository until the sweep (``sweep``), as they would on AWS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import happenings, manifests, mutability, storage
from cloudarium.services.ecr.errors import invalid, limit, tag_is_immutable
from cloudarium.services.ecr.manifests import BadManifest, Descriptor, Parsed
from cloudarium.services.ecr.names import is_tag
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import (
    ACTIVATING,
    ACTIVE,
    ARCHIVED,
    Image,
    Layer,
    LayerUpload,
    Replication,
    Repository,
    Tag,
    tagged,
    within,
)

MOST_TAGS = 1_000
"""Tags of an image: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""
SCAN_FAILED = "Scanning images is not implemented in Cloudarium yet."


# -- finding -----------------------------------------------------------------------------------------------------------


def find(cloud: Cloud, scope: Scope, repository: str, *, digest: str = "", tag: str = "") -> Image | None:
    """The image of a digest, or of a tag; of both when they agree."""
    table = cloud.store.table(Image)
    if tag:
        named = cloud.store.table(Tag).get(scope, tagged(repository, tag))
        if named is None or (digest and named.image != within(repository, digest)):
            return None
        return table.get(scope, named.image)
    return table.get(scope, within(repository, digest))


def tags_of(cloud: Cloud, scope: Scope, image: Image) -> list[str]:
    """An image's tags, oldest first."""
    return [each.tag for each in cloud.store.table(Tag).find(scope, "image", image.key)]


def all_in(cloud: Cloud, scope: Scope, repository: str) -> list[Image]:
    """Every image of a repository, oldest first."""
    return cloud.store.table(Image).find(scope, "repository", repository)


def manifest_of(cloud: Cloud, image: Image) -> bytes:
    """A manifest's bytes."""
    data = storage.blobs(cloud).read(image.digest, limit=manifests.MAX_BYTES)
    if data is None:
        raise AwsError("ServerException", f"the manifest {image.digest} is missing from the blob store", 500)
    return data


# -- putting -----------------------------------------------------------------------------------------------------------


def put(
    ctx: Context,
    scope: Scope,
    repository: Repository,
    data: bytes,
    *,
    media_type: str,
    tag: str,
    digest: str,
    complete: bool = True,
) -> tuple[Image, bool]:
    """Store a manifest under its digest and, if given, a tag; the image, and whether anything changed.

    Unless ``complete``, a list may name images that are not there. Raises the errors that PutImage documents, but for
    ImageAlreadyExistsException.
    """
    if tag and not is_tag(tag):
        raise invalid("imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")
    try:
        parsed = manifests.parse(data, media_type)
    except BadManifest as error:
        raise invalid("ImageManifest", str(error)) from None
    store = storage.blobs(ctx.cloud)
    algorithm = digest.partition(":")[0] if digest else "sha256"
    if algorithm not in ("sha256", "sha512"):
        raise invalid("imageDigest", f"Unsupported digest algorithm '{algorithm[:50]}'")
    stored = store.put(data, algorithm)
    if digest and digest != stored:
        message = f"The provided digest '{digest[:200]}' does not match the digest of the manifest, '{stored}'"
        raise AwsError("ImageDigestDoesNotMatchException", message)
    name = repository.name
    present = find(ctx.cloud, scope, name, digest=stored)
    named = ctx.table(Tag).get(scope, tagged(name, tag)) if tag else None
    if named is not None and named.image != within(name, stored) and mutability.is_immutable(
        tag, repository.mutability, repository.filters
    ):  # fmt: skip
        raise tag_is_immutable(tag, name)
    if present is None:
        sizes = _check_references(ctx, scope, name, parsed, complete)
        present = _record(ctx, scope, repository, stored, len(data), parsed, sizes)
        fresh = True
    else:
        fresh = False
    moved = bool(tag) and (named is None or named.image != present.key)
    if moved:
        _tag(ctx, scope, present, tag)
    if fresh or moved:
        happenings.image_action(ctx.cloud, scope, "PUSH", present, tag)
    return present, fresh or moved


def _check_references(ctx: Context, scope: Scope, repository: str, parsed: Parsed, complete: bool) -> int:
    """The bytes of what a manifest refers to; raises when the repository does not have all of it."""
    missing = [d.digest for d in parsed.blobs if _layer(ctx.cloud, scope, repository, d) is None]
    if missing:
        message = (
            f"Layers with digests '{', '.join(missing[:20])}' required for pushing image into repository with name "
            f"'{repository}' in the registry with id '{scope.account}' do not exist"
        )
        raise AwsError("LayersNotFoundException", message)
    children = [find(ctx.cloud, scope, repository, digest=child.digest) for child in parsed.children]
    absent = [d.digest for d, child in zip(parsed.children, children, strict=True) if child is None]
    if absent and complete:
        message = (
            f"Images with digests '{', '.join(absent[:20])}' required for pushing image into repository with name "
            f"'{repository}' in the registry with id '{scope.account}' do not exist"
        )
        raise AwsError("ReferencedImagesNotFoundException", message)
    layers = sum(each.size for d in parsed.blobs if (each := _layer(ctx.cloud, scope, repository, d)) is not None)
    # The API documents a list's size as that of its largest image.
    return layers + max((child.size for child in children if child is not None), default=0)


def _layer(cloud: Cloud, scope: Scope, repository: str, descriptor: Descriptor) -> Layer | None:
    return cloud.store.table(Layer).get(scope, within(repository, descriptor.digest))


def _record(
    ctx: Context, scope: Scope, repository: Repository, digest: str, length: int, parsed: Parsed, referenced: int
) -> Image:
    name = repository.name
    is_list = parsed.media_type in manifests.INDEXES
    image = Image(
        key=within(name, digest),
        repository=name,
        digest=digest,
        media_type=parsed.media_type,
        artifact_type=parsed.artifact_type,
        config_type=parsed.config_type,
        annotations=parsed.annotations,
        manifest_size=length,
        size=referenced if is_list and referenced else length + referenced,
        blobs=tuple({within(name, each.digest) for each in parsed.blobs}),
        children=tuple({within(name, each.digest) for each in parsed.children}),
        subject=within(name, parsed.subject) if parsed.subject else "",
        pushed=ctx.clock.now(),
        scan_due=repository.scan_on_push and not is_list,
    )
    ctx.table(Image).put(scope, image)
    layers = ctx.table(Layer)
    for descriptor in parsed.blobs:
        layer = layers.get(scope, within(name, descriptor.digest))
        if layer is not None and layer.media_type != descriptor.media_type:
            layers.put(scope, layer.replace(media_type=descriptor.media_type))
    return image


def _tag(ctx: Context, scope: Scope, image: Image, tag: str) -> None:
    table = ctx.table(Tag)
    if len(table.find(scope, "image", image.key)) >= MOST_TAGS:
        raise limit(f"The number of tags per image has reached its limit of {MOST_TAGS}")
    key = tagged(image.repository, tag)
    table.put(
        scope, Tag(key=key, repository=image.repository, tag=tag, image=image.key, created=ctx.clock.now())
    )  # fmt: skip


# -- deleting ----------------------------------------------------------------------------------------------------------


def is_referenced(cloud: Cloud, scope: Scope, image: Image) -> bool:
    """Whether a manifest list of the repository refers to the image."""
    return bool(cloud.store.table(Image).find(scope, "children", image.key))


def delete(cloud: Cloud, scope: Scope, image: Image) -> list[str]:
    """Remove an image with its tags, and what was only about it (signatures and the like); its tags.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/delete_image.html: artifacts go with their subject.
    """
    tags = tags_of(cloud, scope, image)
    for tag in tags:
        cloud.store.table(Tag).delete(scope, tagged(image.repository, tag))
    table = cloud.store.table(Image)
    table.delete(scope, image.key)
    sent = cloud.store.table(Replication)
    for record in sent.find(scope, "image", image.key):
        if record.status != "IN_PROGRESS":
            sent.delete(scope, record.key)
    for tag in tags or [""]:
        happenings.image_action(cloud, scope, "DELETE", image, tag)
    for artifact in table.find(scope, "subject", image.key):
        if not is_referenced(cloud, scope, artifact):
            delete(cloud, scope, artifact)
    return tags


def untag(cloud: Cloud, scope: Scope, image: Image, tag: str) -> None:
    """Remove one tag; an image whose last tag goes is deleted, unless a manifest list refers to it."""
    if tags_of(cloud, scope, image) == [tag] and not is_referenced(cloud, scope, image):
        delete(cloud, scope, image)
        return
    cloud.store.table(Tag).delete(scope, tagged(image.repository, tag))
    happenings.image_action(cloud, scope, "DELETE", image, tag)


# -- pulling and showing -----------------------------------------------------------------------------------------------


def note_pull(cloud: Cloud, scope: Scope, image: Image) -> None:
    """Remember that an image was pulled; once per second of the cloud's clock is often enough."""
    now = cloud.clock.now()
    table = cloud.store.table(Image)
    present = table.get(scope, image.key)
    if present is not None and now - present.pulled >= 1.0:
        table.put(scope, present.replace(pulled=now))


def status_of(cloud: Cloud, image: Image) -> str:
    """An image's status now: restoring ends by the clock."""
    if image.status == ACTIVATING and cloud.clock.now() >= image.active_from:
        return ACTIVE
    return image.status


def shown(cloud: Cloud, scope: Scope, image: Image) -> dict[str, Any]:
    """An image as DescribeImages shows it."""
    found: dict[str, Any] = {
        "registryId": scope.account,
        "repositoryName": image.repository,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size,
        "imagePushedAt": when(image.pushed),
        "imageManifestMediaType": image.media_type,
        "imageStatus": status_of(cloud, image),
    }
    if tags := tags_of(cloud, scope, image):
        found["imageTags"] = tags
    if image.artifact_type:
        found["artifactMediaType"] = image.artifact_type
    if image.pulled:
        found["lastRecordedPullTime"] = when(image.pulled)
    if image.subject:
        found["subjectManifestDigest"] = image.subject.rpartition("@")[2]
    if image.archived:
        found["lastArchivedAt"] = when(image.archived)
    if image.activated:
        found["lastActivatedAt"] = when(image.activated)
    if image.scan_due:
        found["imageScanStatus"] = {"status": "FAILED", "description": SCAN_FAILED}
    return found


def can_be_pulled(cloud: Cloud, image: Image) -> bool:
    """Whether an image is neither archived nor on its way back."""
    return status_of(cloud, image) not in (ARCHIVED, ACTIVATING)


def with_tag_status(wanted: Mapping[str, Any], tags: list[str]) -> bool:
    """Whether an image with these tags passes a ``filter`` with ``tagStatus``."""
    status: str = wanted.get("tagStatus", "ANY")
    return status == "ANY" or (status == "TAGGED") == bool(tags)


def sweep(cloud: Cloud, scope: Scope, repository: str, before: float) -> None:
    """Drop layers uploaded before a time that no image of the repository refers to, and uploads begun before it."""
    images, layers, uploads = cloud.store.table(Image), cloud.store.table(Layer), cloud.store.table(LayerUpload)
    for layer in layers.find(scope, "repository", repository):
        if layer.uploaded < before and not images.find(scope, "blobs", layer.key):
            layers.delete(scope, layer.key)
    for upload in uploads.find(scope, "repository", repository):
        if upload.begun < before:
            uploads.delete(scope, upload.id)
            if (bytes_of := storage.blobs(cloud).resume(upload.id)) is not None:
                bytes_of.cancel()


def digest_of(data: bytes) -> str:
    """The digest under which a manifest is kept unless its sender chose another algorithm."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
