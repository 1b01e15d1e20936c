"""Identifiers in the forms AWS gives them."""

from __future__ import annotations

import os

_POOL_BYTES = 4096


class _Random:
    """Random bytes from the system, fetched many at a time: a call to the kernel costs more than a request id."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop what was fetched: after a fork it is the parent's too."""
        self._pool = ""
        self._at = 0

    def hex(self, digits: int) -> str:
        """``digits`` random lower-case hex digits, used once."""
        at = self._at
        if at + digits > len(self._pool):
            self._pool = os.urandom(max(_POOL_BYTES, digits)).hex()
            at = 0
        self._at = at + digits
        return self._pool[at : at + digits]


_random = _Random()
os.register_at_fork(after_in_child=_random.forget)


def hex_id(prefix: str, digits: int = 17) -> str:
    """A resource id such as ``vpc-0a1b…``: the prefix, a dash, and ``digits`` lower-case hex digits (17 on AWS)."""
    if digits == 17:
        return f"{prefix}-0{_random.hex(16)}"
    return f"{prefix}-{_random.hex(digits)}"


def hex_token(digits: int = 16) -> str:
    """Bare lower-case hex digits, as at the end of a load balancer's ARN."""
    return _random.hex(digits)


def request_id() -> str:
    """A request id: a random UUID in its usual form."""
    h = _random.hex(30)
    return f"{h[:8]}-{h[8:12]}-4{h[12:15]}-a{h[15:18]}-{h[18:]}"
