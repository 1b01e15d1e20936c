"""Images: put, get, describe, list, delete, archive, and what refers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import images, manifests, pull_through, replication
from cloudarium.services.ecr.errors import image_id_text, image_not_found, validation
from cloudarium.services.ecr.lookup import registry_of, repository_of
from cloudarium.services.ecr.names import is_digest
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.resources import (
    ACTIVATING,
    ACTIVE,
    ARCHIVE,
    ARCHIVED,
    Image,
    Repository,
    within,
)

Request = Mapping[str, Any]
RESTORING = 20 * 60.0
"""Seconds until an archived image can be pulled again; AWS says: within 20 minutes."""


@operation()
def put_image(ctx: Context, request: Request) -> Answer:
    """Keep a manifest whose layers are there, and name it."""
    scope, repository = repository_of(ctx, request, "PutImage")
    text, tag = request["imageManifest"], request.get("imageTag", "")
    image, changed = images.put(
        ctx,
        scope,
        repository,
        text.encode(),
        media_type=request.get("imageManifestMediaType", ""),
        tag=tag,
        digest=request.get("imageDigest", ""),
    )
    if not changed:
        message = (
            f"Image with digest '{image.digest}' and tag '{tag}' already exists in the repository with name "
            f"'{repository.name}' in registry with id '{scope.account}'"
        )
        raise AwsError("ImageAlreadyExistsException", message)
    replication.pushed(ctx, scope, image, tag)
    return {"image": _with_manifest(ctx, scope, image, text, tag)}


def _with_manifest(ctx: Context, scope: Scope, image: Image, text: str, tag: str) -> Answer:
    return {
        "registryId": scope.account,
        "repositoryName": image.repository,
        "imageId": {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {}),
        "imageManifest": text,
        "imageManifestMediaType": image.media_type,
    }


@operation()
async def batch_get_image(ctx: Context, request: Request) -> Answer:
    """Manifests by tag or digest. What a pull through cache rule stands for is fetched from upstream first."""
    for image_id in request["imageIds"]:
        await pull_through.refresh(ctx, request, image_id)
    scope, repository = repository_of(ctx, request, "BatchGetImage")
    accepted = request.get("acceptedMediaTypes") or ()
    found, failures = [], []
    for image_id in request["imageIds"]:
        image, failure = _find(ctx, scope, repository, image_id)
        if image is not None and not images.can_be_pulled(ctx.cloud, image):
            failure = "ImageInaccessible", f"The image is {images.status_of(ctx.cloud, image)} and cannot be pulled"
        elif image is not None and accepted and image.media_type not in accepted:
            failure = "ImageNotFound", f"Requested image has the media type {image.media_type}, which is not accepted"
        if image is None or failure is not None:
            code, why = failure or ("ImageNotFound", "Requested image not found")
            failures.append({"imageId": dict(image_id), "failureCode": code, "failureReason": why})
            continue
        _note_pull(ctx, scope, image)
        text = manifests.text_of(images.manifest_of(ctx.cloud, image))
        found.append(_with_manifest(ctx, scope, image, text, image_id.get("imageTag", "")))
    return {"images": found, "failures": failures}


def _note_pull(ctx: Context, scope: Scope, image: Image) -> None:
    excluded = registry_of(ctx, scope).pull_time_exclusions
    if ctx.principal.arn not in excluded and ctx.principal.session_issuer not in excluded:
        images.note_pull(ctx.cloud, scope, image)


def _find(
    ctx: Context, scope: Scope, repository: Repository, image_id: Mapping[str, str]
) -> tuple[Image | None, tuple[str, str] | None]:
    """The image an image id means, or a failure's code and reason."""
    digest, tag = image_id.get("imageDigest", ""), image_id.get("imageTag", "")
    if not digest and not tag:
        return None, ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    if digest and not is_digest(digest):
        why = "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
        return None, ("InvalidImageDigest", why)
    image = images.find(ctx.cloud, scope, repository.name, digest=digest, tag=tag)
    if image is not None:
        return image, None
    if digest and tag and images.find(ctx.cloud, scope, repository.name, tag=tag) is not None:
        return None, ("ImageTagDoesNotMatchDigest", "Requested tag does not match the given digest")
    return None, ("ImageNotFound", "Requested image not found")


def _must_find(ctx: Context, scope: Scope, repository: Repository, image_id: Mapping[str, str]) -> Image:
    image, failure = _find(ctx, scope, repository, image_id)
    if image is None:
        if failure is not None and failure[0] in ("MissingDigestAndTag", "InvalidImageDigest"):
            raise AwsError("InvalidParameterException", failure[1])
        raise image_not_found(image_id, repository.name, scope.account)
    return image


@operation()
def batch_delete_image(ctx: Context, request: Request) -> Answer:
    """Remove tags, and images by digest or with their last tag; not what a manifest list refers to."""
    scope, repository = repository_of(ctx, request, "BatchDeleteImage")
    gone: list[Answer] = []
    failures = []
    # Lists first: what only they refer to may then go in the same call.
    pairs = [(image_id, _find(ctx, scope, repository, image_id)) for image_id in request["imageIds"]]
    pairs.sort(key=lambda pair: pair[1][0] is None or pair[1][0].media_type not in manifests.INDEXES)
    for image_id, (found, failure) in pairs:
        image = ctx.table(Image).get(scope, found.key) if found is not None else None
        if found is None or failure is not None:
            code, why = failure or ("ImageNotFound", "Requested image not found")
        elif image is None:
            # It went together with one named before.
            continue
        elif not image_id.get("imageTag") and images.is_referenced(ctx.cloud, scope, image):
            code, why = "ImageReferencedByManifestList", _referenced_by(ctx, scope, image)
        else:
            gone += _delete(ctx, scope, image, image_id.get("imageTag", ""))
            continue
        failures.append({"imageId": dict(image_id), "failureCode": code, "failureReason": why})
    return {"imageIds": gone, "failures": failures}


def _delete(ctx: Context, scope: Scope, image: Image, tag: str) -> list[Answer]:
    if tag:
        images.untag(ctx.cloud, scope, image, tag)
        tags = [tag]
    else:
        tags = images.delete(ctx.cloud, scope, image)
    replication.deleted(ctx, scope, image, tags)
    return [{"imageDigest": image.digest, "imageTag": each} for each in tags] or [{"imageDigest": image.digest}]


def _referenced_by(ctx: Context, scope: Scope, image: Image) -> str:
    lists = [each.digest for each in ctx.table(Image).find(scope, "children", image.key)]
    return f"Requested image referenced by manifest list: [{', '.join(lists[:20])}]"


@operation()
def describe_images(ctx: Context, request: Request) -> Answer:
    """Images by id, or all of a repository in pages."""
    scope, repository = repository_of(ctx, request, "DescribeImages")
    if image_ids := request.get("imageIds"):
        found = {}
        for image_id in image_ids:
            image = _must_find(ctx, scope, repository, image_id)
            found[image.key] = image
        return {"imageDetails": [images.shown(ctx.cloud, scope, each) for each in found.values()]}
    wanted = request.get("filter") or {}
    rows = [each for each in images.all_in(ctx.cloud, scope, repository.name) if _passes(ctx, scope, each, wanted)]
    chosen, more = page(rows, request, lambda each: each.digest)
    return {"imageDetails": [images.shown(ctx.cloud, scope, each) for each in chosen], **more}


def _passes(ctx: Context, scope: Scope, image: Image, wanted: Mapping[str, str]) -> bool:
    status = wanted.get("imageStatus", ACTIVE)
    if status not in ("ANY", images.status_of(ctx.cloud, image)):
        return False
    return "tagStatus" not in wanted or images.with_tag_status(wanted, images.tags_of(ctx.cloud, scope, image))


@operation()
def list_images(ctx: Context, request: Request) -> Answer:
    """Ids of a repository's images: one per tag, or one for an image without."""
    scope, repository = repository_of(ctx, request, "ListImages")
    wanted = request.get("filter") or {}
    rows: list[dict[str, str]] = []
    for image in images.all_in(ctx.cloud, scope, repository.name):
        if _passes(ctx, scope, image, wanted):
            tags = images.tags_of(ctx.cloud, scope, image)
            rows += [{"imageDigest": image.digest, "imageTag": tag} for tag in tags] or [{"imageDigest": image.digest}]
    chosen, more = page(rows, request, lambda row: row["imageDigest"] + row.get("imageTag", ""))
    return {"imageIds": chosen, **more}


@operation()
def list_image_referrers(ctx: Context, request: Request) -> Answer:
    """What says that it is about an image: signatures, bills of materials."""
    scope, repository = repository_of(ctx, request, "ListImageReferrers")
    wanted = request.get("filter") or {}
    types, status = wanted.get("artifactTypes") or (), wanted.get("artifactStatus", ACTIVE)
    subject = within(repository.name, request["subjectId"]["imageDigest"])
    rows = [
        each
        for each in ctx.table(Image).find(scope, "subject", subject)
        if (not types or each.artifact_type in types) and status in ("ANY", images.status_of(ctx.cloud, each))
    ]
    chosen, more = page(rows, request, lambda each: each.digest, 50)
    return {"referrers": [_referrer(ctx, each) for each in chosen], **more}


def _referrer(ctx: Context, image: Image) -> Answer:
    row: Answer = {
        "digest": image.digest,
        "mediaType": image.media_type,
        "size": image.manifest_size,
        "artifactStatus": images.status_of(ctx.cloud, image),
    }
    if image.artifact_type:
        row["artifactType"] = image.artifact_type
    return row | ({"annotations": image.annotations} if image.annotations else {})


@operation()
def update_image_storage_class(ctx: Context, request: Request) -> Answer:
    """Archive an image, which then cannot be pulled, or bring it back, which takes a while."""
    scope, repository = repository_of(ctx, request, "UpdateImageStorageClass")
    image = _must_find(ctx, scope, repository, request["imageId"])
    status, now = images.status_of(ctx.cloud, image), ctx.clock.now()
    if request["targetStorageClass"] == ARCHIVE:
        if status == ACTIVATING:
            raise validation("The image is being activated; it cannot be archived yet")
        if images.is_referenced(ctx.cloud, scope, image):
            message = "An image that a manifest list refers to cannot be archived"
            raise AwsError("ImageStorageClassUpdateNotSupportedException", message)
        changed = image if status == ARCHIVED else image.replace(status=ARCHIVED, archived=now)
    elif status == ARCHIVED:
        changed = image.replace(status=ACTIVATING, active_from=now + RESTORING, activated=now + RESTORING)
    else:
        changed = image
    if changed is not image:
        ctx.table(Image).put(scope, changed)
    return {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest}
        | ({"imageTag": request["imageId"]["imageTag"]} if "imageTag" in request["imageId"] else {}),
        "imageStatus": images.status_of(ctx.cloud, changed),
    }


@operation(partial="nothing scans images: the status is FAILED for those pushed while scanOnPush was set")
def describe_image_scan_findings(ctx: Context, request: Request) -> Answer:
    """How scanning an image went."""
    scope, repository = repository_of(ctx, request, "DescribeImageScanFindings")
    image = _must_find(ctx, scope, repository, request["imageId"])
    if not image.scan_due:
        message = (
            f"Image scan does not exist for the image with '{image_id_text(dict(request['imageId']))}' in the "
            f"repository with name '{repository.name}' in the registry with id '{scope.account}'"
        )
        raise AwsError("ScanNotFoundException", message)
    return {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest},
        "imageScanStatus": {"status": "FAILED", "description": images.SCAN_FAILED},
    }
