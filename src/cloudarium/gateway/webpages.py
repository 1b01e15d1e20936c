"""Pages on the open web must not steer a cloud through their visitors' browsers.

A browser sends forms, and loads pictures, wherever a page says, also to this machine; AWS's query protocol is a form,
and unsigned calls are served. And a page whose own name is made to lead here is of the same origin as the cloud.
Browsers say of every such request where it comes from, which no SDK does.

https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header
"""

from __future__ import annotations

import re

from cloudarium.substrate.http.server import Request

_LOOPBACK = re.compile(rb"(?:[a-z0-9.-]+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\]", re.IGNORECASE)
_AWS = (b".amazonaws.com", b".api.aws")


def is_foreign(request: Request) -> bool:
    """Whether a request was made by a page that is not served from this machine."""
    origin, site = request.get(b"origin"), request.get(b"sec-fetch-site")
    if origin is not None:
        return not _is_here(origin.partition(b"://")[2])
    if site is None or site == b"none":
        return False
    if site != b"same-origin":
        # Objects may be linked to and shown by other pages; calls may not be made.
        return b"Action=" in request.query
    host = request.get(b"host") or b""
    return not (_is_here(host) or host.partition(b":")[0].lower().endswith(_AWS))


def is_of_another_origin(request: Request) -> bool:
    """Whether a request was made by a page that this cloud has not served itself, also by one of this machine."""
    origin = request.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != (request.get(b"host") or b"")


def _is_here(authority: bytes) -> bool:
    name = authority if authority.endswith(b"]") else re.sub(rb":\d*\Z", b"", authority)
    return _LOOPBACK.fullmatch(name) is not None
