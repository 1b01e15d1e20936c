"""boto3's results as plain values that msgpack carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MAX_STREAM = 256 << 20
"""Bytes of a streaming member (S3 GetObject's Body) that an internal call may read."""


class TooLarge(Exception):
    """A streaming member is larger than ``MAX_STREAM``."""


def plain(value: Any, depth: int = 0) -> Any:
    """Dates aware, streams read, event streams listed, ResponseMetadata left out."""
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items() if depth or k != "ResponseMetadata"}
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if hasattr(value, "read"):
        data = value.read(MAX_STREAM + 1)
        if len(data) > MAX_STREAM:
            raise TooLarge(f"a stream of more than {MAX_STREAM} bytes")
        return data
    return [plain(item, depth + 1) for item in value]
