"""Places in groups' sequences of events: up to there somebody has seen to everything.

A place moves after the work on a batch is done. What was under way when the cloud died is done again: at least once,
as AWS promises for deliveries. Keys are chosen by those who have places; the end of a key says whose it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.resources import Delivered
from cloudarium.services.logs.storage import Batch, LogStorage


class Places:
    """All places of a cloud."""

    def __init__(self, cloud: Cloud, storage: LogStorage) -> None:
        self._rows = cloud.store.table(Delivered)
        self._storage = storage

    def open(self, scope: Scope, key: str, first: int) -> None:
        """Begin with the event of sequence number ``first``, unless there is a place."""
        if self._rows.get(scope, key) is None:
            self.begin_at(scope, key, first)

    def begin_at(self, scope: Scope, key: str, first: int) -> None:
        """Begin with the event of sequence number ``first``, wherever the place was."""
        self._rows.put(scope, Delivered(key=key, next=first))

    def close(self, scope: Scope, key: str) -> None:
        """Forget a place; work that goes on there ends with the batch at hand."""
        self._rows.delete(scope, key)

    def close_all(self, scope: Scope, ending: str) -> None:
        """Forget all places of a scope whose keys end so."""
        for each in self._rows.all(scope):
            if each.key.endswith(ending):
                self.close(scope, each.key)

    def ending(self, ending: str) -> list[tuple[Scope, str]]:
        """Where there are places whose keys end so: scopes and keys."""
        return [(scope, each.key) for scope, each in self._rows.everywhere() if each.key.endswith(ending)]

    def at_end(self, scope: Scope, key: str, uid: str) -> bool:
        """Whether a place is behind the last event of its group."""
        place = self._rows.get(scope, key)
        return place is not None and place.next >= self._storage.next(uid)

    async def batches(self, scope: Scope, key: str, uid: str) -> AsyncIterator[Batch]:
        """What comes next in a group; a batch counts as done when the one behind it is asked for."""
        if (place := self._rows.get(scope, key)) is None:
            return
        # A damaged file may have cost events that were done with: their numbers are given to others then.
        reached = min(place.next, self._storage.next(uid))
        if reached < place.next:
            self.begin_at(scope, key, reached)
        for batch in self._storage.since(uid, reached):
            yield batch
            place = self._rows.get(scope, key)
            if place is None or place.next != reached:
                return  # taken away, and perhaps begun anew
            reached = batch.seqs[-1] + 1
            self.begin_at(scope, key, reached)
            await asyncio.sleep(0)
