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
from cloudarium.services.logs.filters.places import Places
from cloudarium.services.logs.resources import STANDARD, LogGroup

NAME = "logs.embedded"
_AT_ONCE = 5_000
"""Points that are recorded together."""
_ENDING = ":embedded"
"""Of the keys of places, as audits have them."""


class Embedded:
    """The embedded metrics of all groups."""

    def __init__(self, cloud: Cloud, places: Places) -> None:
        self._cloud = cloud
        self._places = places
        self._groups = cloud.store.table(LogGroup)

    def begin(self) -> None:
        """Take up what there is."""
        self._cloud.controller(NAME, self._extract, self._every)

    def _every(self) -> Iterable[tuple[Scope, str]]:
        return [(scope, key.removesuffix(_ENDING)) for scope, key in self._places.ending(_ENDING)]

    def see(self, scope: Scope, group: LogGroup, first: int, messages: list[bytes]) -> None:
        """Events came in; ``first`` is the first one's sequence number."""
        if group.log_class != STANDARD or not any(MARK in message for message in messages):
            return
        self._places.open(scope, group.uid + _ENDING, first)
        self._cloud.enqueue(NAME, (scope, group.uid))

    def forget_group(self, scope: Scope, uid: str) -> None:
        """A group is deleted."""
        self._places.close(scope, uid + _ENDING)

    async def _extract(self, key: tuple[Scope, str]) -> float | None:
        scope, uid = key
        groups = self._groups.find(scope, "uid", uid)
        if not groups:
            return None
        async for batch in self._places.batches(scope, uid + _ENDING, uid):
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
        if self._places.at_end(scope, uid + _ENDING, uid):
            # Nothing is open. The next place is where the next metric is: what comes before need not be read again.
            self._places.close(scope, uid + _ENDING)
        return None

    def _record(self, scope: Scope, points: list[Point]) -> list[Point]:
        try:
            self._cloud.metrics.put_durably(scope, points)
        except TooManyMetrics:
            # As from PutMetricData, nothing of it is taken; events have nobody to tell.
            self._cloud.metrics.record(scope, "AWS/Logs", "EMFValidationErrors", {}, len(points))
        return []
