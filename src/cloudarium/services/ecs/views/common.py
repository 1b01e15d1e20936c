"""What every view needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def when(seconds: float | None) -> datetime | None:
    """Cloud seconds as the API's time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def present(**members: Any) -> dict[str, Any]:
    """Only those members that have something to say: None and "" are left out, empty lists and zeros stay."""
    return {name: value for name, value in members.items() if value is not None and value != ""}


def details(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Names and values as a list of pairs."""
    return [{"name": name, "value": value} for name, value in values.items()]
