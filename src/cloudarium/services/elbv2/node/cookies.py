"""Opaque cookie values: encrypted, authenticated, of one length; and finding cookies in requests and responses.

The key is the load balancer's own and survives its nodes. A value is base64 of nonce, masked content and tag, made
with keyed BLAKE2b, which the standard library has.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest

_NONCE, _CONTENT, _TAG = 12, 64, 20
_LENGTH = (_NONCE + _CONTENT + _TAG) * 4 // 3


class CookieBox:
    """Seals up to 63 bytes into a cookie value and opens it again."""

    __slots__ = ("_mask_key", "_tag_key")

    def __init__(self, key: bytes) -> None:
        self._mask_key = blake2b(b"mask", key=key[:64]).digest()
        self._tag_key = blake2b(b"tag", key=key[:64]).digest()

    def seal(self, content: bytes) -> bytes:
        """A cookie value; never the same twice."""
        nonce = os.urandom(_NONCE)
        padded = (bytes([len(content)]) + content).ljust(_CONTENT, b"\0")
        masked = self._masked(nonce, padded)
        return base64.b64encode(nonce + masked + self._tag(nonce + masked))

    def open(self, value: bytes) -> bytes | None:
        """The content of a value that this box sealed, else None."""
        if len(value) != _LENGTH:
            return None
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
        nonce, masked, tag = raw[:_NONCE], raw[_NONCE:-_TAG], raw[-_TAG:]
        if not compare_digest(tag, self._tag(nonce + masked)):
            return None
        padded = self._masked(nonce, masked)
        return padded[1 : 1 + padded[0]]

    def _masked(self, nonce: bytes, data: bytes) -> bytes:
        stream = blake2b(nonce, key=self._mask_key, digest_size=_CONTENT).digest()
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(_CONTENT, "big")

    def _tag(self, data: bytes) -> bytes:
        return blake2b(data, key=self._tag_key, digest_size=_TAG).digest()


def request_cookie(fields: Iterable[bytes], name: bytes) -> bytes | None:
    """The first cookie of a name in a request's Cookie fields."""
    for field in fields:
        if name not in field:
            continue
        for pair in field.split(b";"):
            key, _, value = pair.strip().partition(b"=")
            if key == name:
                return value
    return None


def sets_cookie(fields: Iterable[bytes], name: bytes) -> bool:
    """Whether a response's Set-Cookie fields set a cookie of a name."""
    return any(field.partition(b"=")[0].strip() == name for field in fields)
