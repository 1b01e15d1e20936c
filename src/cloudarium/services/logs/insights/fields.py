"""Which fields a group's events have, and how many of the events have each."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cloudarium.services.logs.reading.fields import discovered
from cloudarium.services.logs.storage.sweep import Piece

SAMPLE = 10_000
"""Events that are looked at, from the newest pieces on."""
_SYSTEM = ("@ingestionTime", "@log", "@logStream", "@message", "@timestamp")


def percentages(
    pieces: Sequence[Piece], start: int, end: int, entities: Mapping[int, Sequence[tuple[int, str | None]]]
) -> list[tuple[str, int]]:
    """Fields and the percentage of events that have them, most frequent first. Times are milliseconds, inclusive.

    ``entities`` are what events belong to (``storage.entities.Entities.of_group``).
    """
    counts: Counter[str] = Counter()
    seen = 0
    for piece in sorted(pieces, key=lambda each: each.last, reverse=True):
        batch = piece.load() if seen < SAMPLE else None
        rows = zip(batch.times, batch.streams, batch.seqs, batch.messages(), strict=True) if batch is not None else ()
        for time, stream, seq, message in rows:
            if start <= time <= end:
                seen += 1
                counts.update(_names_of_entity(entity_of(entities.get(stream, ()), seq)))
                # AWS shows a field of the user's own that begins with @ with another one.
                names = discovered(message.decode(errors="replace"))
                counts.update(f"@{name}" if name.startswith("@") else name for name in names)
    if not seen:
        return []
    shares = {name: 100 for name in _SYSTEM} | {name: count * 100 // seen for name, count in counts.items()}
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


def entity_of(noted: Sequence[tuple[int, str | None]], seq: int) -> str | None:
    """The entity of an event by its sequence number, of what was noted of its stream."""
    place = bisect_right(noted, seq, key=lambda each: each[0])
    return noted[place - 1][1] if place else None


@lru_cache(1000)
def _names_of_entity(entity: str | None) -> tuple[str, ...]:
    return tuple(f"@entity.{name}" for name in discovered(entity)) if entity is not None else ()
