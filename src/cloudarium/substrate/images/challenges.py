"""What a registry asks for when it answers 401: the ``WWW-Authenticate`` header. Pure.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec

_SCHEME = re.compile(r"\s*,?\s*(Bearer|Basic)(?:\s+|\Z)", re.IGNORECASE)
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_MAX = 8192


class Challenge(msgspec.Struct, frozen=True):
    """One way to prove who one is: ``bearer`` (a token from ``realm``) or ``basic``."""

    scheme: str
    parameters: dict[str, str]

    def token_url(self, default_scope: str) -> str:
        """Where to get the token from."""
        fields = {"scope": self.parameters.get("scope") or default_scope}
        if service := self.parameters.get("service"):
            fields = {"service": service, **fields}
        realm = self.parameters.get("realm", "")
        return f"{realm}{'&' if '?' in realm else '?'}{urlencode(fields)}"


def parse_challenge(header: str) -> Challenge | None:
    """The strongest challenge of a header: a token before a password; None when neither is asked for."""
    text, position = header[:_MAX], 0
    found: list[Challenge] = []
    while (match := _SCHEME.match(text, position)) is not None:
        position = match.end()
        parameters: dict[str, str] = {}
        while (pair := _PARAMETER.match(text, position)) is not None:
            value = pair[2] if pair[2] is not None else pair[3]
            parameters[pair[1].lower()] = re.sub(r"\\(.)", r"\1", value)
            position = pair.end()
        found.append(Challenge(match[1].lower(), parameters))
    ordered = sorted(found, key=lambda challenge: challenge.scheme == "basic")
    return ordered[0] if ordered else None
