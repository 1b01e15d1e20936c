"""The location of a redirect action: a template over the request's URL.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#redirect-actions
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_KEYWORD = re.compile(r"#\{(protocol|host|port|path|query)\}")

LONGEST = 8 * 1024
"""Bytes of a location; beyond it the request fails with 507 (HTTP_Redirect_Url_Limit_Exceeded_Count)."""


class Redirect:
    """A compiled redirect action."""

    __slots__ = ("_parts", "status")

    def __init__(self, config: Mapping[str, str]) -> None:
        self.status = int(config["StatusCode"].removeprefix("HTTP_"))
        self._parts = [config[part] for part in ("Protocol", "Host", "Port", "Path", "Query")]

    def location(self, protocol: str, host: str, port: int, path: str, query: str) -> str:
        """The URL to go to. ``host`` is without port, ``path`` begins with a slash, ``query`` is without ``?``."""
        values = {"protocol": protocol, "host": host, "port": str(port), "path": path.removeprefix("/"), "query": query}

        def fill(template: str) -> str:
            return _KEYWORD.sub(lambda found: values[found[1]], template)

        new_protocol, new_host, new_port, new_path, new_query = (fill(part) for part in self._parts)
        new_protocol = new_protocol.lower()
        where = f"{new_protocol}://{new_host}:{new_port}{new_path}"
        return f"{where}?{new_query}" if new_query else where
