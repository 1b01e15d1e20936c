"""Metrics embedded in log events become metrics.

As audits do, this has a place in its group's sequence of events, and goes on from there after a crash: every metric is
counted at least once, as AWS promises. Only the class STANDARD has it.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.metrics import Point, TooManyMetrics
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.filters.embedded_format import MARK, extracted
from cloudarium.services.logs.resources import STANDARD, Delivered, LogGroup
from cloudarium.services.logs.storage import LogStorage

NAME = "logs.embedded"
_AT_ONCE = 5_000
"""Points that are recorded together."""


def _key(uid: str) -> str:
    """No name of a filter has a colon."""
    return f"{uid}:embedded"


class Embedded:
    """The embedded metrics of all groups."""

    def __init__(self, cloud: Cloud, storage: LogStorage) -> None:
        self._cloud = cloud
        self._storage = storage
        self._delivered = cloud.store.table(Delivered)
        self._groups = cloud.store.table(LogGroup)

    def begin(self) -> None:
        """Take up what there is."""
        self._cloud.controller(NAME, self._extract, self._every)

    def _every(self) -> Iterable[tuple[Scope, str]]:
        suffix = _key("")
        places = self._delivered.everywhere()
        return [(scope, each.key.removesuffix(suffix)) for scope, each in places if each.key.endswith(suffix)]

    def see(self, scope: Scope, group: LogGroup, first: int, messages: list[bytes]) -> None:
        """Events came in; ``first`` is the first one's sequence number."""
        if group.log_class != STANDARD or not any(MARK in message for message in messages):
            return
        if self._delivered.get(scope, _key(group.uid)) is None:
            self._delivered.put(scope, Delivered(key=_key(group.uid), next=first))
        self._cloud.enqueue(NAME, (scope, group.uid))

    def forget_group(self, scope: Scope, uid: str) -> None:
        """A group is deleted."""
        self._delivered.delete(scope, _key(uid))

    async def _extract(self, key: tuple[Scope, str]) -> float | None:
        scope, uid = key
        place, groups = self._delivered.get(scope, _key(uid)), self._groups.find(scope, "uid", uid)
        if place is None or not groups:
            return None
        reached = min(place.next, self._storage.next(uid))
        for batch in self._storage.since(uid, reached):
            points: list[Point] = []
            parsing = validation = 0
            for message in batch.messages():
                found = extracted(message, self._cloud.clock.now())
                points += found.points
                parsing += found.parsing_errors
                validation += found.validation_errors
                if len(points) >= _AT_ONCE:
                    points = self._record(scope, points)
                    await asyncio.sleep(0)
            self._record(scope, points)
            for name, errors in (("EMFParsingErrors", parsing), ("EMFValidationErrors", validation)):
                if errors:
                    self._cloud.metrics.record(scope, "AWS/Logs", name, {"LogGroupName": groups[0].name}, errors)
            if self._delivered.get(scope, _key(uid)) is None:
                return None
            reached = batch.seqs[-1] + 1
            self._delivered.put(scope, Delivered(key=_key(uid), next=reached))
            await asyncio.sleep(0)
        if reached == self._storage.next(uid):
            # Nothing is open. The next place is where the next metric is: what comes before need not be read again.
            self._delivered.delete(scope, _key(uid))
        return None

    def _record(self, scope: Scope, points: list[Point]) -> list[Point]:
        try:
            self._cloud.metrics.put_durably(scope, points)
        except TooManyMetrics:
            # As from PutMetricData, nothing of it is taken; events have nobody to tell.
            self._cloud.metrics.record(scope, "AWS/Logs", "EMFValidationErrors", {}, len(points))
        return []
