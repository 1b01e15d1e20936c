"""Layers through the API: upload in parts, ask for, download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.ecr import layers, repositories, storage, tokens
from cloudarium.services.ecr.errors import invalid, limit
from cloudarium.services.ecr.lookup import repository_of
from cloudarium.services.ecr.names import is_digest
from cloudarium.services.ecr.resources import Layer, LayerUpload, within

Request = Mapping[str, Any]


@operation()
def initiate_layer_upload(ctx: Context, request: Request) -> Answer:
    """Begin an upload."""
    scope, repository = repository_of(ctx, request, "InitiateLayerUpload")
    return {"uploadId": layers.begin(ctx, scope, repository).id, "partSize": layers.PART_SIZE}


@operation()
def upload_layer_part(ctx: Context, request: Request) -> Answer:
    """Append a part, which begins where the last one ended."""
    scope, repository = repository_of(ctx, request, "UploadLayerPart")
    record, upload = layers.find(ctx.cloud, scope, repository.name, request["uploadId"])
    first, last, data = request["partFirstByte"], request["partLastByte"], request["layerPartBlob"]
    if first != upload.size or last - first + 1 != len(data):
        message = (
            f"Invalid layer part upload for upload with id '{upload.id}' in the repository with name "
            f"'{repository.name}' in the registry with id '{scope.account}'"
        )
        members = {
            "registryId": scope.account,
            "repositoryName": repository.name,
            "uploadId": upload.id,
            "lastValidByteReceived": upload.size - 1,
        }
        raise AwsError("InvalidLayerPartException", message, members=members)
    if upload.size + len(data) > layers.MOST_BYTES:
        raise limit(f"The size of a layer has reached its limit of {layers.MOST_BYTES} bytes")
    with layers.disk_space():
        upload.write(data)
    is_short = len(data) < layers.LEAST_PART
    if is_short or record.short_part:
        ctx.table(LayerUpload).put(scope, record.replace(short_part=True, broken=record.short_part))
    return {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "uploadId": upload.id,
        "lastByteReceived": last,
    }


@operation()
def complete_layer_upload(ctx: Context, request: Request) -> Answer:
    """End an upload: check its digest and keep it as a layer of the repository."""
    scope, repository = repository_of(ctx, request, "CompleteLayerUpload")
    digests = request["layerDigests"]
    if len(digests) != 1 or not is_digest(digests[0]):
        raise invalid("layerDigests", "must be one digest of the algorithm sha256 or sha512")
    present = ctx.table(Layer).get(scope, within(repository.name, digests[0]))
    layer = layers.complete(ctx, scope, repository, request["uploadId"], digests[0])
    if present is not None:
        message = (
            f"Layer with digest '{layer.digest}' already exists in the repository with name '{repository.name}' in "
            f"registry with id '{scope.account}'"
        )
        raise AwsError("LayerAlreadyExistsException", message)
    return {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "uploadId": request["uploadId"],
        "layerDigest": layer.digest,
    }


@operation()
def batch_check_layer_availability(ctx: Context, request: Request) -> Answer:
    """Which layers a repository has."""
    scope, repository = repository_of(ctx, request, "BatchCheckLayerAvailability")
    found, failures = [], []
    for digest in request["layerDigests"]:
        if not is_digest(digest):
            why = "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
            code = "InvalidLayerDigest" if digest else "MissingLayerDigest"
            failures.append({"layerDigest": digest, "failureCode": code, "failureReason": why})
            continue
        layer = ctx.table(Layer).get(scope, within(repository.name, digest))
        if layer is None:
            found.append({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"})
        else:
            row: Answer = {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": layer.size}
            found.append(row | ({"mediaType": layer.media_type} if layer.media_type else {}))
    return {"layers": found, "failures": failures}


@operation()
def get_download_url_for_layer(ctx: Context, request: Request) -> Answer:
    """An address from which a layer can be downloaded for an hour, without further credentials.

    Callers on the host get one through the one port, callers inside VPCs one with the registry's own name.
    """
    scope, repository = repository_of(ctx, request, "GetDownloadUrlForLayer")
    digest = request["layerDigest"]
    layer = ctx.table(Layer).get(scope, within(repository.name, digest))
    if layer is None or storage.blobs(ctx.cloud).path(digest) is None:
        message = (
            f"Layers with digests '{digest[:200]}' could not be found in the repository with name '{repository.name}' "
            f"in the registry with id '{scope.account}'"
        )
        raise AwsError("LayersNotFoundException", message)
    query = urlencode(tokens.sign_layer(ctx.cloud, scope, repository.name, digest))
    host, _, path = repositories.uri(ctx, scope, repository.name).partition("/")
    return {"downloadUrl": f"http://{host}/v2/{path}/blobs/{digest}?{query}", "layerDigest": digest}
