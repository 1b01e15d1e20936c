"""Layers: uploading them in parts, and which repository has which.

The bytes go to the blob store's upload; a record binds it to a repository. Both are there after ``kill -9``, and the
upload goes on where the file ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import storage
from cloudarium.services.ecr.errors import upload_not_found
from cloudarium.services.ecr.resources import Layer, LayerUpload, Registry, Repository, within
from cloudarium.substrate.images.blobs import DigestMismatch, Upload
from cloudarium.substrate.images.errors import DiskFull

PART_SIZE = 10_485_760
"""What InitiateLayerUpload tells clients to send at a time."""
LEAST_PART = 5 * 1024 * 1024
MOST_BYTES = 52_428_800_000
"""The largest layer: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""


def begin(ctx: Context, scope: Scope, repository: Repository) -> LayerUpload:
    """A new upload."""
    with disk_space():
        upload = storage.blobs(ctx.cloud).begin()
    record = LayerUpload(id=upload.id, repository=repository.name, begun=ctx.clock.now())
    ctx.table(LayerUpload).put(scope, record)
    return record


def find(cloud: Cloud, scope: Scope, repository: str, upload_id: str) -> tuple[LayerUpload, Upload]:
    """An upload of a repository; raises UploadNotFoundException."""
    record = cloud.store.table(LayerUpload).get(scope, upload_id)
    upload = storage.blobs(cloud).resume(upload_id) if record is not None and record.repository == repository else None
    if record is None or upload is None:
        raise upload_not_found(upload_id, repository, scope.account)
    return record, upload


def complete(ctx: Context, scope: Scope, repository: Repository, upload_id: str, digest: str) -> Layer:
    """Check an upload's digest and make it a layer of the repository; raises as CompleteLayerUpload documents."""
    record, upload = find(ctx.cloud, scope, repository.name, upload_id)
    if record.broken:
        raise AwsError("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")
    if upload.size == 0:
        raise AwsError("EmptyUploadException", "The specified layer upload does not contain any layer parts.")
    table = ctx.table(Layer)
    size = upload.size
    try:
        with disk_space():
            upload.finish(digest)
    except DigestMismatch as error:
        message = (
            f"The layer digest calculation performed by Amazon ECR upon receipt of the image layer, '{error.actual}', "
            f"does not match the digest specified, '{digest}'."
        )
        raise AwsError("InvalidLayerException", message) from None
    ctx.table(LayerUpload).delete(scope, upload_id)
    present = table.get(scope, within(repository.name, digest))
    if present is not None:
        return present
    return _have(ctx.cloud, scope, repository.name, digest, size)


def cancel(cloud: Cloud, scope: Scope, repository: str, upload_id: str) -> None:
    """Throw an upload away."""
    _, upload = find(cloud, scope, repository, upload_id)
    upload.cancel()
    cloud.store.table(LayerUpload).delete(scope, upload_id)


def mount(ctx: Context, scope: Scope, repository: Repository, digest: str, source: str) -> Layer | None:
    """Give a repository a layer that another of the registry has, or that it has itself; None when there is none.

    Without ``source`` any repository will do where the registry's BLOB_MOUNTING setting says so
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html).
    """
    table = ctx.table(Layer)
    if (own := table.get(scope, within(repository.name, digest))) is not None:
        return own
    registry = ctx.table(Registry).get(scope, "registry")
    shared = registry is not None and registry.settings.get("BLOB_MOUNTING") == "ENABLED"
    found = table.get(scope, within(source, digest)) if source else None
    if found is None and shared:
        found = next(iter(table.find(scope, "digest", digest)), None)
    if found is None or storage.blobs(ctx.cloud).path(digest) is None:
        return None
    return _have(ctx.cloud, scope, repository.name, digest, found.size)


def _have(cloud: Cloud, scope: Scope, repository: str, digest: str, size: int) -> Layer:
    layer = Layer(
        key=within(repository, digest), repository=repository, digest=digest, size=size, uploaded=cloud.clock.now()
    )
    cloud.store.table(Layer).put(scope, layer)
    return layer


@contextlib.contextmanager
def disk_space() -> Iterator[None]:
    """Turn a full disk into the API's ServerException."""
    try:
        yield
    except DiskFull as error:
        raise AwsError("ServerException", str(error), 500) from error
