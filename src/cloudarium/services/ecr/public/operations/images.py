"""Images and layers of public repositories, as in ECR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecr import images
from cloudarium.services.ecr.operations import images as private_images
from cloudarium.services.ecr.operations import layers as private_layers
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.public.scope import public, registry_request, repository_of
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import Image, Tag

Request = Mapping[str, Any]
_DETAIL = ("imageDigest", "imageSizeInBytes", "imagePushedAt", "imageManifestMediaType", "artifactMediaType")


def _as_private(function: Callable[[Context, Request], Any], ctx: Context, request: Request) -> Answer:
    answer: Answer = function(public(ctx), registry_request(ctx, request))
    return answer


@operation()
def put_image(ctx: Context, request: Request) -> Answer:
    """Keep a manifest whose layers are there, and name it."""
    return _as_private(private_images.put_image, ctx, request)


@operation()
def batch_delete_image(ctx: Context, request: Request) -> Answer:
    """Remove tags and images."""
    return _as_private(private_images.batch_delete_image, ctx, request)


@operation()
def batch_check_layer_availability(ctx: Context, request: Request) -> Answer:
    """Which layers a repository has."""
    return _as_private(private_layers.batch_check_layer_availability, ctx, request)


@operation()
def initiate_layer_upload(ctx: Context, request: Request) -> Answer:
    """Begin an upload."""
    return _as_private(private_layers.initiate_layer_upload, ctx, request)


@operation()
def upload_layer_part(ctx: Context, request: Request) -> Answer:
    """Append a part."""
    return _as_private(private_layers.upload_layer_part, ctx, request)


@operation()
def complete_layer_upload(ctx: Context, request: Request) -> Answer:
    """End an upload."""
    return _as_private(private_layers.complete_layer_upload, ctx, request)


@operation()
def describe_images(ctx: Context, request: Request) -> Answer:
    """Images by id, or all of a repository in pages."""
    answer = _as_private(private_images.describe_images, ctx, request)
    kept = ("registryId", "repositoryName", "imageTags", *_DETAIL)
    rows = [{name: row[name] for name in kept if name in row} for row in answer["imageDetails"]]
    return answer | {"imageDetails": rows}


@operation()
def describe_image_tags(ctx: Context, request: Request) -> Answer:
    """A repository's tags, with the images they name."""
    _, scope, repository = repository_of(ctx, request)
    rows, more = page(ctx.table(Tag).find(scope, "repository", repository.name), request, lambda each: each.tag)
    details = []
    for tag in rows:
        image = ctx.table(Image).get(scope, tag.image)
        if image is not None:
            found = images.shown(ctx.cloud, scope, image)
            detail = {name: found[name] for name in _DETAIL if name in found}
            details.append({"imageTag": tag.tag, "createdAt": when(tag.created), "imageDetail": detail})
    return {"imageTagDetails": details, **more}
