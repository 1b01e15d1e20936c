"""Live tails: sessions that are told of events as they come in.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html: an update every second with
at most 500 events, beyond which a sample is shown.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cloudarium.kernel.clock import Timer
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.patterns import Pattern
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.storage.batch import Batch

MOST_EVENTS = 500
SESSION_SECONDS = 3 * 3_600.0
MOST_SESSIONS = 15
"""Concurrent sessions of an account."""


class Tail:
    """One session. ``send`` is given an update every second; ``end`` is called once when the session times out."""

    def __init__(
        self,
        groups: dict[str, str],
        pattern: Pattern,
        names: frozenset[str],
        prefixes: tuple[str, ...],
        send: Callable[[dict[str, Any]], None],
        end: Callable[[], None],
    ) -> None:
        """``groups`` are unique ids and what the events call them."""
        self.groups = groups
        self.send = send
        self.end = end
        self.ends_at = 0.0
        self._pattern = pattern
        self._names = names
        self._prefixes = prefixes
        self._events: list[dict[str, Any]] = []
        self._matched = 0

    def see(self, identifier: str, stream: str, batch: Batch) -> None:
        """Events came in. Of more than 500 in a second, each has the same chance to be kept."""
        if (
            (self._names or self._prefixes)
            and stream not in self._names
            and not stream.startswith(self._prefixes or ("\0",))
        ):
            return
        for index in self._pattern.select(batch):
            self._matched += 1
            place = len(self._events) if len(self._events) < MOST_EVENTS else random.randrange(self._matched)
            if place >= MOST_EVENTS:
                continue
            event = {
                "logStreamName": stream,
                "logGroupIdentifier": identifier,
                "message": batch.message(index).decode(errors="replace"),
                "timestamp": batch.times[index],
                "ingestionTime": batch.ingested[index],
            }
            self._events[place : place + 1] = [event]

    def update(self) -> None:
        """Send what came since the last update."""
        events, self._events = self._events, []
        sampled, self._matched = self._matched > MOST_EVENTS, 0
        events.sort(key=lambda event: event["timestamp"])
        self.send({"sessionMetadata": {"sampled": sampled}, "sessionResults": events})


class Tails:
    """The sessions of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._of_group: dict[str, list[Tail]] = {}
        self._all: dict[Tail, str] = {}
        self._timer: Timer | None = None

    def count(self, account: str) -> int:
        """Sessions of an account."""
        return sum(each == account for each in self._all.values())

    def add(self, account: str, tail: Tail) -> None:
        """Begin a session."""
        tail.ends_at = self._cloud.clock.now() + SESSION_SECONDS
        self._all[tail] = account
        for uid in tail.groups:
            self._of_group.setdefault(uid, []).append(tail)
        self._arm()

    def remove(self, tail: Tail) -> None:
        """End a session."""
        if self._all.pop(tail, None) is None:
            return
        for uid in tail.groups:
            rest = [each for each in self._of_group.get(uid, ()) if each is not tail]
            if rest:
                self._of_group[uid] = rest
            else:
                self._of_group.pop(uid, None)

    def wanted(self, uid: str) -> bool:
        """Whether anybody looks at a group."""
        return uid in self._of_group

    def see(self, scope: Scope, group: LogGroup, stream: str, batch: Batch) -> None:
        """Events came in."""
        for tail in self._of_group.get(group.uid, ()):
            tail.see(tail.groups[group.uid], stream, batch)

    def _arm(self) -> None:
        if self._timer is None and self._all:
            self._timer = self._cloud.clock.call_later(1.0, self._second)

    def _second(self) -> None:
        self._timer = None
        now = self._cloud.clock.now()
        for tail in list(self._all):
            tail.update()
            if now >= tail.ends_at:
                self.remove(tail)
                tail.end()
        self._arm()

    def close(self) -> None:
        """End every session."""
        if self._timer is not None:
            self._timer.cancel()
        for tail in list(self._all):
            self.remove(tail)
            tail.end()


def identifier(scope: Scope, group: LogGroup) -> str:
    """What a live tail calls a group: ``account:name``."""
    return f"{scope.account}:{group.name}"
