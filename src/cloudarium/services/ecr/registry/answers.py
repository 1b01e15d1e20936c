"""Answers of the registry, and AWS's errors in the registry's words."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudarium.kernel.errors import AwsError
from cloudarium.substrate.http.messages import Response

_VERSION = (b"Docker-Distribution-Api-Version", b"registry/2.0")
JSON = b"application/json; charset=utf-8"

_CODES = {
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
    "ImageNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "UnableToGetUpstreamImageException": (404, "MANIFEST_UNKNOWN"),
    "UploadNotFoundException": (404, "BLOB_UPLOAD_UNKNOWN"),
    "LayersNotFoundException": (404, "BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "InvalidLayerException": (400, "DIGEST_INVALID"),
    "EmptyUploadException": (400, "BLOB_UPLOAD_INVALID"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "AccessDeniedException": (403, "DENIED"),
    "LimitExceededException": (429, "TOOMANYREQUESTS"),
    "UnsupportedCommandException": (405, "UNSUPPORTED"),
    "NotImplemented": (405, "UNSUPPORTED"),
    "ServerException": (500, "UNKNOWN"),
}
_INVALID = {"repositoryName": "NAME_INVALID", "imageTag": "TAG_INVALID", "imageDigest": "DIGEST_INVALID"}


def answer(status: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> Response:
    """An answer with the registry's own header."""
    encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    return Response(status, [_VERSION, *encoded], body)


def document(status: int, value: object, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """An answer of JSON."""
    found = answer(status, headers, msgspec.json.encode(value))
    if not any(name.lower() == "content-type" for name, _ in headers):
        found.headers.append((b"Content-Type", JSON))
    return found


def refusal(status: int, code: str, message: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """An error as the specification has them."""
    return document(status, {"errors": [{"code": code, "message": message}]}, headers)


def failure(error: AwsError) -> Response:
    """AWS's error as the registry's."""
    if error.code in ("InvalidParameterException", "InvalidParameterValue"):
        named = next((code for name, code in _INVALID.items() if f"'{name}'" in error.message), "MANIFEST_INVALID")
        return refusal(400, named, error.message)
    status, code = _CODES.get(error.code, (error.status, "UNKNOWN"))
    return refusal(status, code, error.message)
