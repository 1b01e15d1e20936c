"""Digests of content: ``sha256:<64 hex>`` or ``sha512:<128 hex>``, as the OCI image specification has them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

_FORM = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")

DEFAULT_ALGORITHM = "sha256"


class Hash(Protocol):
    """What ``hashlib`` gives."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more bytes in."""

    def hexdigest(self) -> str:
        """The digest so far, in lower-case hex."""


_MAKERS: dict[str, Callable[[], Hash]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest of an algorithm known here."""
    return _FORM.match(text) is not None


def algorithm(digest: str) -> str:
    """The algorithm of a digest, without checking the rest."""
    return digest.partition(":")[0]


def new_hash(name: str) -> Hash:
    """A fresh hash; ``KeyError`` for an algorithm not known here."""
    return _MAKERS[name]()


def digest_of(data: bytes, name: str = DEFAULT_ALGORITHM) -> str:
    """The digest of some bytes."""
    state = new_hash(name)
    state.update(data)
    return f"{name}:{state.hexdigest()}"
