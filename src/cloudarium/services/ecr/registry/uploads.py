"""Blobs on their way in: monolithic, in chunks, or mounted from another repository.

The body is written to the upload's file piece by piece as it arrives. A client that went away, or a cloud that was
killed, leaves what had come; the upload's status tells from where to go on.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecr import layers, names
from cloudarium.services.ecr.errors import limit
from cloudarium.services.ecr.names import is_digest
from cloudarium.services.ecr.registry.answers import answer, refusal
from cloudarium.services.ecr.registry.call import Call
from cloudarium.services.ecr.registry.routes import content_range
from cloudarium.substrate.http.messages import Response
from cloudarium.substrate.images.blobs import Upload

_writing: WeakKeyDictionary[Cloud, set[str]] = WeakKeyDictionary()
"""Uploads to which a request is writing: two at once would mix their bytes."""


async def begin(call: Call) -> Response:
    """A new upload, the whole blob at once (``digest``), or a blob that is there already (``mount``)."""
    repository = await call.repository_for_push()
    if mounted := call.query.get("mount", ""):
        source = names.place_of_path(call.query.get("from", ""))[1]
        if call.is_public:
            source = source.partition("/")[2]
        async with call.cloud.store.transaction():
            layer = layers.mount(call.ctx, call.scope, repository, mounted, source) if is_digest(mounted) else None
        if layer is not None:
            return _created(call, layer.digest)
    begun = await call.api.initiate_layer_upload(**call.named())
    if digest := call.query.get("digest", ""):
        return await _finish(call, begun["uploadId"], digest)
    return _accepted(call, begun["uploadId"], 0)


async def status(call: Call) -> Response:
    """How much of an upload has come."""
    call.repository("UploadLayerPart")
    _, upload = layers.find(call.cloud, call.scope, call.name, call.route.reference)
    return answer(204, _progress(call, upload.id, upload.size))


async def append(call: Call) -> Response:
    """A chunk, or all of it in one stream."""
    call.repository("UploadLayerPart")
    _, upload = layers.find(call.cloud, call.scope, call.name, call.route.reference)
    if (wrong := _out_of_place(call, upload)) is not None:
        return wrong
    if (refused := await _write(call, upload)) is not None:
        return refused
    return _accepted(call, upload.id, upload.size)


async def complete(call: Call) -> Response:
    """The last chunk, if any, and the digest of the whole."""
    call.repository("CompleteLayerUpload")
    _, upload = layers.find(call.cloud, call.scope, call.name, call.route.reference)
    if (wrong := _out_of_place(call, upload)) is not None:
        return wrong
    return await _finish(call, upload.id, call.query.get("digest", ""))


async def cancel(call: Call) -> Response:
    """Throw an upload away."""
    call.repository("UploadLayerPart")
    async with call.cloud.store.transaction():
        layers.cancel(call.cloud, call.scope, call.name, call.route.reference)
    return answer(204)


async def _finish(call: Call, upload_id: str, digest: str) -> Response:
    if not is_digest(digest):
        return refusal(400, "DIGEST_INVALID", f"not a digest: {digest[:200]!r}")
    _, upload = layers.find(call.cloud, call.scope, call.name, upload_id)
    if (refused := await _write(call, upload)) is not None:
        return refused
    try:
        await call.api.complete_layer_upload(**call.named(uploadId=upload_id, layerDigests=[digest]))
    except AwsError as error:
        if error.code != "LayerAlreadyExistsException":
            raise
    return _created(call, digest)


async def _write(call: Call, upload: Upload) -> Response | None:
    """Append the request's body; an answer when it could not be."""
    stream = call.request.stream
    if stream is None:
        if call.request.body:
            upload.write(call.request.body)
        return None
    busy = _writing.setdefault(call.cloud, set())
    if upload.id in busy:
        return refusal(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload")
    busy.add(upload.id)
    try:
        async for piece in stream:
            if upload.size + len(piece) > layers.MOST_BYTES:
                raise limit(f"The size of a layer has reached its limit of {layers.MOST_BYTES} bytes")
            upload.write(piece)
    finally:
        busy.discard(upload.id)
    return None


def _out_of_place(call: Call, upload: Upload) -> Response | None:
    """416 for a chunk that does not begin where the last one ended."""
    wanted = call.header("content-range")
    if not wanted:
        return None
    found = content_range(wanted)
    if found is not None and found[0] == upload.size:
        return None
    message = f"the upload goes on at byte {upload.size}"
    return refusal(416, "BLOB_UPLOAD_INVALID", message, _progress(call, upload.id, upload.size))


def _progress(call: Call, upload_id: str, size: int) -> list[tuple[str, str]]:
    return [
        ("Location", call.path(f"blobs/uploads/{upload_id}")),
        ("Range", f"0-{max(0, size - 1)}"),
        ("Docker-Upload-UUID", upload_id),
    ]


def _accepted(call: Call, upload_id: str, size: int) -> Response:
    return answer(202, _progress(call, upload_id, size))


def _created(call: Call, digest: str) -> Response:
    return answer(201, [("Location", call.path(f"blobs/{digest}")), ("Docker-Content-Digest", digest)])
