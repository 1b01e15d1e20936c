"""Transforms: rewriting Host and URL of a request on its way to a target.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudarium.services.elbv2.patterns import Found, Regex, regex
from cloudarium.services.elbv2.transforms import replacement

if TYPE_CHECKING:
    from cloudarium.services.elbv2.node.decisions import Note
    from cloudarium.substrate.http.exchange import Exchange

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")
_URI = re.compile(r"/[\x21-\x7e]*")


class Rewrites:
    """The compiled transforms of a rule."""

    __slots__ = ("_host", "_url")

    def __init__(self, transforms: Sequence[Mapping[str, Any]]) -> None:
        self._host: tuple[Regex, Callable[[Found], str]] | None = None
        self._url: tuple[Regex, Callable[[Found], str]] | None = None
        for transform in transforms:
            if transform["Type"] == "host-header-rewrite":
                self._host = _compiled(transform["HostHeaderRewriteConfig"])
            else:
                self._url = _compiled(transform["UrlRewriteConfig"])

    def apply(self, exchange: Exchange, note: Note) -> tuple[bytes | None, bool]:
        """Rewrite the request's target in place; the Host to send, if another, and whether a result is not valid.

        What no expression matches goes on as it came.
        """
        host: bytes | None = None
        note.transform_status = "TransformSuccess"
        if self._host is not None:
            old = exchange.host.decode("latin-1")
            new = self._host[0].sub(self._host[1], old, count=1)
            if new != old:
                if not _HOST.fullmatch(new):
                    note.transform_status = "TransformInvalidHost"
                    return None, True
                host, note.transformed_host = new.encode("latin-1"), new
        if self._url is not None:
            old = exchange.target.decode("latin-1")
            new = self._url[0].sub(self._url[1], old, count=1)
            if new != old:
                if not _URI.fullmatch(new):
                    note.transform_status = "TransformInvalidPath"
                    return None, True
                note.original_target, note.transformed_uri = exchange.target, new
                exchange.target = new.encode("latin-1")
        return host, False


def _compiled(config: Mapping[str, Any]) -> tuple[Regex, Callable[[Found], str]]:
    rewrite = config["Rewrites"][0]
    return regex(rewrite["Regex"]), replacement(rewrite["Replace"])
