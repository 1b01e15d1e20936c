"""Fields that are found in an event without being told: those of a JSON object, flattened.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

from typing import Any

import msgspec

MOST = 200
"""Fields of one event, as on AWS."""
_DEPTH = 20


def discovered(message: str) -> dict[str, str]:
    """``a.b`` and ``a.0`` for what is inside a JSON object; nothing for other messages."""
    if not message.lstrip().startswith("{"):
        return {}
    try:
        value = msgspec.json.decode(message.encode())
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return {}
    found: dict[str, str] = {}
    _flatten("", value, found, 0)
    return found


def _flatten(path: str, value: Any, found: dict[str, str], depth: int) -> None:
    if len(found) >= MOST or depth > _DEPTH:
        return
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _flatten(f"{path}.{name}" if path else str(name), inner, found, depth + 1)
    elif isinstance(value, str):
        found[path] = value
    else:
        found[path] = msgspec.json.encode(value).decode()
