"""What a request's path means. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

LONGEST = 2048

_ROUTE = re.compile(
    r"/v2/(?P<name>[^?]+)/(?:manifests/(?P<manifest>[^/]+)|blobs/(?P<uploads>uploads)/?|blobs/uploads/(?P<upload>[^/]+)"
    r"|blobs/(?P<blob>[^/]+)|(?P<tags>tags)/list|referrers/(?P<referrers>[^/]+))"
)


class Route(NamedTuple):
    """``kind`` is ``base``, ``catalog``, ``token``, ``manifest``, ``uploads``, ``upload``, ``blob``, ``tags`` or
    ``referrers``; ``name`` the repository as the path has it; ``reference`` a tag, digest or upload's id.
    """

    kind: str
    name: str = ""
    reference: str = ""


def read(path: str) -> Route | None:
    """The route of a path, None for one that is not the registry's."""
    if len(path) > LONGEST:
        return None
    if path in ("/v2", "/v2/"):
        return Route("base")
    if path == "/v2/_catalog":
        return Route("catalog")
    if path in ("/v2/token", "/token", "/token/"):
        return Route("token")
    found = _ROUTE.fullmatch(path)
    if found is None:
        return None
    kind = found.lastgroup
    assert kind is not None
    return Route(kind, found["name"], "" if kind in ("uploads", "tags") else unquote(found[kind]))


def query(text: str) -> dict[str, str]:
    """The parameters of a query, the last of each name; empty when it is not one."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a Range header; None when there is nothing to do with it.

    Raises ``ValueError`` for a range that the content does not have. Only one range is taken.
    """
    match = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", header.strip())
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise ValueError("the content has no such range")
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise ValueError("the content has no such range")
    return start, end


def content_range(header: str) -> tuple[int, int] | None:
    """First and last byte of an upload's Content-Range (``0-99``, or ``bytes 0-99/*``); None when it is not one."""
    match = re.fullmatch(r"(?:bytes )?(\d{1,15})-(\d{1,15})(?:/(?:\d{1,15}|\*))?", header.strip())
    if match is None or int(match[2]) < int(match[1]):
        return None
    return int(match[1]), int(match[2])
