"""Identifiers in the forms AWS gives them."""

from __future__ import annotations

import os


def hex_id(prefix: str, digits: int = 17) -> str:
    """A resource id such as ``vpc-0a1b…``: the prefix, a dash, and ``digits`` lower-case hex digits (17 on AWS)."""
    body = os.urandom((digits + 1) // 2).hex()[:digits]
    return f"{prefix}-0{body[1:]}" if digits == 17 else f"{prefix}-{body}"


def hex_token(digits: int = 16) -> str:
    """Bare lower-case hex digits, as at the end of a load balancer's ARN."""
    return os.urandom((digits + 1) // 2).hex()[:digits]


def request_id() -> str:
    """A request id: a random UUID in its usual form."""
    h = os.urandom(16).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
