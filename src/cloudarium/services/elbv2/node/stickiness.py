"""Sticky sessions: which target, and which target group, a client comes back to.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions

A cookie holds fingerprints of the target group and the target and when the session ends on the cloud's clock: the
client may keep a cookie longer than it is valid.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b

from cloudarium.services.elbv2.node.cookies import CookieBox, request_cookie

_FORM = struct.Struct(">8s16sd")

LB_COOKIE = b"AWSALB"
GROUP_COOKIE = b"AWSALBTG"
APP_COOKIE = b"AWSALBAPP-%d"
APP_COOKIES = 4
"""Target groups whose application-based sessions a client can have at a time."""
APP_COOKIE_LIFE = 604_800.0
"""Seconds after which the client drops AWSALBAPP: seven days, not configurable."""


def fingerprint(text: str, size: int) -> bytes:
    """A few bytes that stand for an ARN or a target's key."""
    return blake2b(text.encode(), digest_size=size).digest()


class Stickiness:
    """Makes and reads the cookies of one load balancer."""

    __slots__ = ("_box",)

    def __init__(self, key: bytes) -> None:
        self._box = CookieBox(key)

    def remembered(self, cookie: bytes | None, group: bytes, now: float) -> bytes | None:
        """The fingerprint of the target that a cookie names in a group, while the session lasts."""
        found = self._read(cookie, now)
        return found[1] if found is not None and found[0] == group else None

    def remembered_group(self, cookie: bytes | None, now: float) -> bytes | None:
        """The fingerprint of the target group that an AWSALBTG cookie names, while the session lasts."""
        found = self._read(cookie, now)
        return found[0] if found is not None else None

    def _read(self, cookie: bytes | None, now: float) -> tuple[bytes, bytes] | None:
        content = self._box.open(cookie) if cookie is not None else None
        if content is None or len(content) != _FORM.size:
            return None
        group, target, ends = _FORM.unpack(content)
        return (group, target) if now < ends else None

    def value(self, group: bytes, target: bytes, ends: float) -> bytes:
        """A cookie value for a session with a target of a group until ``ends`` (cloud seconds)."""
        return self._box.seal(_FORM.pack(group, target, ends))

    def app_cookie(self, cookies: Sequence[bytes], group: bytes, now: float) -> tuple[int, bytes | None]:
        """The number of the AWSALBAPP cookie for a group, and the target it remembers.

        Without one for this group: a number not in use, so that the sessions with other groups go on.
        """
        free = -1
        for number in range(APP_COOKIES):
            found = self._read(request_cookie(cookies, APP_COOKIE % number), now)
            if found is None:
                free = number if free < 0 else free
            elif found[0] == group:
                return number, found[1]
        return max(free, 0), None


def session_cookie(cookies: Sequence[bytes], name: bytes) -> bytes | None:
    """The value of a session's cookie or of its twin: a browser sends only the twin in cross-origin requests."""
    found = request_cookie(cookies, name)
    return found if found is not None else request_cookie(cookies, name + b"CORS")


def set_cookie(name: bytes, value: bytes, expires: bytes) -> bytes:
    """A rendered Set-Cookie line; ``expires`` is an HTTP date (AWS uses Expires, not Max-Age)."""
    return b"Set-Cookie: %b=%b; Expires=%b; Path=/\r\n" % (name, value, expires)


def set_cookie_pair(name: bytes, value: bytes, expires: bytes, *, secure: bool) -> bytes:
    """The cookie and its twin for cross-origin requests (``AWSALBCORS``)."""
    twin = set_cookie(name + b"CORS", value, expires)[:-2] + (
        b"; SameSite=None; Secure\r\n" if secure else b"; SameSite=None\r\n"
    )
    return set_cookie(name, value, expires) + twin
