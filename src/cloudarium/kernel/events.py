"""What happened: EventBridge events that services emit, kept readable, and heard by whoever listens in the cloud.

Delivery to event buses starts with EventBridge; until then every event stays in the ``events`` journal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Scope, Store

log = logging.getLogger(__name__)

JOURNAL = "events"
_KEEP = 100_000
_TRIM_EVERY = 500


class Event(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    """An event as EventBridge shows it (https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html)."""

    version: str
    id: str
    detail_type: str
    source: str
    account: str
    time: str
    region: str
    resources: tuple[str, ...]
    detail: dict[str, Any]


Listener = Callable[[Event], None]


class Events:
    """Emit and listen. A listener is called at once and must not block; it usually wakes a controller."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._listeners: dict[tuple[str, str], list[Listener]] = {}
        self._emitted = 0

    def emit(
        self, scope: Scope, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
    ) -> Event:
        """Record an event and tell its listeners."""
        now = self._clock.utcnow()
        event = Event(
            version="0",
            id=request_id(),
            detail_type=detail_type,
            source=source,
            account=scope.account,
            time=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            region=scope.region,
            resources=tuple(resources),
            detail=dict(detail),
        )
        self._store.append(JOURNAL, scope, now.timestamp(), detail_type, msgspec.json.encode(event))
        self._emitted += 1
        if self._emitted % _TRIM_EVERY == 0:
            self._store.trim(JOURNAL, keep=_KEEP)
        for listener in self._listeners.get((source, detail_type), ()):
            try:
                listener(event)
            except Exception:
                log.exception("a listener of %s / %s failed", source, detail_type)
        return event

    def listen(self, source: str, detail_type: str, listener: Listener) -> None:
        """Call ``listener`` for each event of this source and detail type."""
        self._listeners.setdefault((source, detail_type), []).append(listener)

    def forget_listeners(self) -> None:
        """Drop every listener: their services are about to start anew."""
        self._listeners.clear()

    def recent(self, scope: Scope, limit: int = 100) -> list[Event]:
        """The newest events of an account and region, newest first."""
        return [msgspec.json.decode(line.data, type=Event) for line in self._store.read(JOURNAL, scope, limit=limit)]
