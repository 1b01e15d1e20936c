"""Which fields a group's events have, and how many of the events have each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cloudarium.services.logs.reading.fields import discovered
from cloudarium.services.logs.storage.sweep import Piece

SAMPLE = 10_000
"""Events that are looked at, from the newest pieces on."""
_SYSTEM = ("@ingestionTime", "@log", "@logStream", "@message", "@timestamp")


def percentages(pieces: Sequence[Piece], start: int, end: int) -> list[tuple[str, int]]:
    """Fields and the percentage of events that have them, most frequent first. Times are milliseconds, inclusive."""
    counts: Counter[str] = Counter()
    seen = 0
    for piece in sorted(pieces, key=lambda each: each.last, reverse=True):
        batch = piece.load() if seen < SAMPLE else None
        for time, message in zip(batch.times, batch.messages(), strict=True) if batch is not None else ():
            if start <= time <= end:
                seen += 1
                # AWS shows a field of the user's own that begins with @ with another one.
                names = discovered(message.decode(errors="replace"))
                counts.update(f"@{name}" if name.startswith("@") else name for name in names)
    if not seen:
        return []
    shares = {name: 100 for name in _SYSTEM} | {name: count * 100 // seen for name, count in counts.items()}
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))
