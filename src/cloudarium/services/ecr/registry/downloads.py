"""Blobs on their way out: from the file, in big pieces, never whole in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from cloudarium.services.ecr import storage
from cloudarium.services.ecr.names import is_digest
from cloudarium.services.ecr.registry.answers import answer, refusal
from cloudarium.services.ecr.registry.call import Call
from cloudarium.services.ecr.registry.routes import byte_range
from cloudarium.services.ecr.resources import Layer, within
from cloudarium.substrate.http.messages import Response

_PIECE = 512 * 1024


async def get_blob(call: Call) -> Response:
    """A layer or configuration of the repository, or a range of it."""
    digest = call.route.reference
    if not is_digest(digest):
        return refusal(400, "DIGEST_INVALID", f"not a digest: {digest[:200]}")
    head = call.request.method == b"HEAD"
    call.repository("BatchCheckLayerAvailability" if head else "GetDownloadUrlForLayer")
    path = None
    if call.cloud.store.table(Layer).get(call.scope, within(call.name, digest)) is not None:
        path = storage.blobs(call.cloud).path(digest)
    if path is None:
        return refusal(404, "BLOB_UNKNOWN", "Layer does not exist in the repository")
    size = path.stat().st_size
    start, end, status = 0, size, 200
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", digest),
        ("Accept-Ranges", "bytes"),
        ("ETag", f'"{digest}"'),
    ]
    if wanted := call.header("range"):
        try:
            found = byte_range(wanted, size)
        except ValueError:
            why = [("Content-Range", f"bytes */{size}")]
            return refusal(416, "RANGE_INVALID", "the blob has no such range", why)
        if found is not None:
            (start, end), status = found, 206
            headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
    headers.append(("Content-Length", str(end - start)))
    response = answer(status, headers)
    if not head:
        response.body = _pieces(path, start, end)
    return response


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while start < end:
            wanted = min(_PIECE, end - start)
            piece = _cached(file, wanted, start) or await asyncio.to_thread(os.pread, file, wanted, start)
            if not piece:
                raise OSError(f"{path.name} is shorter than it was")
            start += len(piece)
            yield piece
    finally:
        os.close(file)


def _cached(file: int, wanted: int, start: int) -> bytes:
    """What the page cache has of a piece; nothing when the disk would have to be waited for."""
    buffer = bytearray(wanted)
    try:
        got = os.preadv(file, [buffer], start, os.RWF_NOWAIT)
    except OSError:
        return b""
    return bytes(buffer) if got == wanted else bytes(memoryview(buffer)[:got])
