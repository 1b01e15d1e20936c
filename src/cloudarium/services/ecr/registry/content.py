"""Manifests, tags and referrers over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import images, manifests
from cloudarium.services.ecr.names import is_digest
from cloudarium.services.ecr.registry.answers import answer, document, refusal
from cloudarium.services.ecr.registry.call import Call
from cloudarium.services.ecr.resources import Image, Repository, Tag, within
from cloudarium.substrate.http.messages import Response

PAGE = 1_000


def _image_id(reference: str) -> dict[str, str]:
    return {"imageDigest": reference} if ":" in reference else {"imageTag": reference}


# -- manifests ---------------------------------------------------------------------------------------------------------


async def get_manifest(call: Call) -> Response:
    """A manifest by tag or digest, in its own media type when the client takes it."""
    if call.is_public:
        data, digest, media_type = _public_manifest(call)
    else:
        found = await call.api.batch_get_image(**call.named(imageIds=[_image_id(call.route.reference)]))
        if not found["images"]:
            return _absent(found["failures"][0])
        image = found["images"][0]
        data, digest = image["imageManifest"].encode(), image["imageId"]["imageDigest"]
        media_type = image["imageManifestMediaType"]
    if not _takes(call, media_type):
        message = f"The manifest's media type {media_type} is not among those of the Accept header"
        return refusal(404, "MANIFEST_UNKNOWN", message)
    headers = [
        ("Content-Type", media_type),
        ("Docker-Content-Digest", digest),
        ("ETag", f'"{digest}"'),
        ("Content-Length", str(len(data))),
    ]
    if call.request.method != b"HEAD":
        del headers[-1]
    return answer(200, headers, b"" if call.request.method == b"HEAD" else data)


def _takes(call: Call, media_type: str) -> bool:
    accepted = [part.partition(";")[0].strip() for part in _all(call, b"accept").split(",")]
    return accepted == [""] or any(each in (media_type, "*/*", "application/*") for each in accepted)


def _all(call: Call, name: bytes) -> str:
    values = [value for key, value in call.request.fields.items if key.lower() == name]
    return b",".join(values).decode("latin-1")


def _public_manifest(call: Call) -> tuple[bytes, str, str]:
    call.repository("BatchGetImage")
    wanted = _image_id(call.route.reference)
    image = images.find(
        call.cloud, call.scope, call.name, digest=wanted.get("imageDigest", ""), tag=wanted.get("imageTag", "")
    )  # fmt: skip
    if image is None:
        raise AwsError("ImageNotFoundException", "Requested image not found")
    images.note_pull(call.cloud, call.scope, image)
    return images.manifest_of(call.cloud, image), image.digest, image.media_type


def _absent(failed: dict[str, Any]) -> Response:
    if failed["failureCode"] == "ImageInaccessible":
        return refusal(403, "DENIED", failed["failureReason"])
    return refusal(404, "MANIFEST_UNKNOWN", failed["failureReason"])


async def put_manifest(call: Call) -> Response:
    """Push a manifest, by tag or by digest."""
    data = await _body(call)
    if data is None:
        return refusal(413, "MANIFEST_INVALID", f"a manifest may have {manifests.MAX_BYTES} bytes at most")
    await call.repository_for_push()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return refusal(400, "MANIFEST_INVALID", "a manifest is UTF-8 text")
    reference = _image_id(call.route.reference)
    media_type = call.header("content-type").partition(";")[0].strip()
    digest = reference.get("imageDigest", "")
    if digest and not is_digest(digest):
        return refusal(400, "DIGEST_INVALID", f"not a digest: {digest[:200]}")
    parameters = call.named(imageManifest=text, **reference)
    if media_type in manifests.KNOWN:
        parameters["imageManifestMediaType"] = media_type
    try:
        image = (await call.api.put_image(**parameters))["image"]
        digest = image["imageId"]["imageDigest"]
    except AwsError as error:
        if error.code != "ImageAlreadyExistsException":
            raise
        digest = digest or images.digest_of(data)
    found = images.find(call.cloud, call.scope, call.name, digest=digest)
    headers = [("Location", call.path(f"manifests/{digest}")), ("Docker-Content-Digest", digest)]
    if found is not None and found.subject:
        headers.append(("OCI-Subject", found.subject.rpartition("@")[2]))
    return answer(201, headers)


async def _body(call: Call) -> bytes | None:
    """A manifest's bytes, None when there are too many."""
    stream = call.request.stream
    if stream is None:
        return call.request.body
    pieces, size = [], 0
    async for piece in stream:
        size += len(piece)
        if size > manifests.MAX_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def delete_manifest(call: Call) -> Response:
    """Delete an image by digest, or a tag."""
    done = await call.api.batch_delete_image(**call.named(imageIds=[_image_id(call.route.reference)]))
    if done["failures"]:
        failed = done["failures"][0]
        if failed["failureCode"] == "ImageReferencedByManifestList":
            return refusal(403, "DENIED", failed["failureReason"])
        return _absent(failed)
    return answer(202)


# -- lists -------------------------------------------------------------------------------------------------------------


def _page(rows: list[str], query: dict[str, str]) -> tuple[list[str], str]:
    """The part of sorted names that a query with ``n`` and ``last`` asks for, and the next ``last``."""
    asked = query.get("n", "")
    most = min(int(asked), PAGE) if asked.isdecimal() and len(asked) < 10 else PAGE
    later = [row for row in sorted(rows) if row > query.get("last", "")]
    return later[:most], (later[most - 1] if 0 < most < len(later) else "")


def _link(path: str, query: dict[str, str], last: str) -> list[tuple[str, str]]:
    if not last:
        return []
    return [("Link", f'<{path}?n={query.get("n", PAGE)}&last={quote(last)}>; rel="next"')]


async def list_tags(call: Call) -> Response:
    """A repository's tags in order."""
    call.repository("ListImages")
    rows = [each.tag for each in call.cloud.store.table(Tag).find(call.scope, "repository", call.name)]
    chosen, last = _page(rows, call.query)
    shown = {"name": f"{call.prefix}{call.name}", "tags": chosen}
    return document(200, shown, _link(call.path("tags/list"), call.query, last))


def catalog(cloud: Cloud, scope: Scope, query: dict[str, str]) -> Response:
    """A registry's repositories in order."""
    rows = [each.name for each in cloud.store.table(Repository).all(scope)]
    chosen, last = _page(rows, query)
    return document(200, {"repositories": chosen}, _link("/v2/_catalog", query, last))


async def list_referrers(call: Call) -> Response:
    """What says that it is about a manifest, as an index."""
    call.repository("BatchGetImage")
    digest = call.route.reference
    if not is_digest(digest):
        return refusal(400, "DIGEST_INVALID", f"not a digest: {digest[:200]}")
    wanted = call.query.get("artifactType", "")
    rows = call.cloud.store.table(Image).find(call.scope, "subject", within(call.name, digest))
    index = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "manifests": [_descriptor(each) for each in rows if not wanted or each.artifact_type == wanted],
    }
    headers = [("Content-Type", manifests.OCI_INDEX)]
    return document(200, index, [*headers, ("OCI-Filters-Applied", "artifactType")] if wanted else headers)


def _descriptor(image: Image) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": image.media_type, "digest": image.digest, "size": image.manifest_size}
    if image.artifact_type:
        found["artifactType"] = image.artifact_type
    return found | ({"annotations": image.annotations} if image.annotations else {})
