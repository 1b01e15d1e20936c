"""Choosing a target: round robin, least outstanding requests, weighted random, and slow start.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Outstanding(Protocol):
    """Something with requests under way."""

    @property
    def active(self) -> int:
        """Requests outstanding."""


class WeightedTurns(Generic[T]):
    """Smooth weighted round robin: in every stretch as long as the sum of weights each comes up as often as its weight.

    Weights are asked for anew each time, so they may change while turns go on.
    """

    __slots__ = ("_credit", "_items", "_weight")

    def __init__(self, items: Sequence[T], weight: Callable[[T], float]) -> None:
        self._items = items
        self._weight = weight
        self._credit = [0.0] * len(items)

    def next(self) -> T | None:
        """The next item, or None when no weight is above zero."""
        total, best = 0.0, -1
        for n, item in enumerate(self._items):
            weight = self._weight(item)
            if weight <= 0:
                continue
            total += weight
            self._credit[n] += weight
            if best < 0 or self._credit[n] > self._credit[best]:
                best = n
        if best < 0:
            return None
        self._credit[best] -= total
        return self._items[best]


class RoundRobin(Generic[T]):
    """One after another."""

    __slots__ = ("_items", "_next")

    def __init__(self, items: Sequence[T], first: int = 0) -> None:
        self._items = items
        self._next = first % len(items) if items else 0

    def next(self) -> T | None:
        """The next item, or None when there is none."""
        items, n = self._items, self._next
        if not items:
            return None
        if n >= len(items):
            n = 0
        self._next = n + 1
        return items[n]


O_ = TypeVar("O_", bound=Outstanding)


class LeastOutstanding(Generic[O_]):
    """The one with the fewest requests under way; in turn among equals."""

    __slots__ = ("_items", "_start")

    def __init__(self, items: Sequence[O_]) -> None:
        self._items = items
        self._start = 0

    def next(self) -> O_ | None:
        """The next item, or None when there is none."""
        items = self._items
        if not items:
            return None
        count, start = len(items), self._start
        best = items[start % count]
        place = start
        if best.active:
            for n in range(start + 1, start + count):
                item = items[n % count]
                if item.active < best.active:
                    best, place = item, n
                    if not item.active:
                        break
        self._start = (place + 1) % count
        return best


class EvenRandom(Generic[T]):
    """At random, all alike."""

    __slots__ = ("_items", "_random")

    def __init__(self, items: Sequence[T], generator: random.Random | None = None) -> None:
        self._items = items
        self._random = generator or random.Random()

    def next(self) -> T | None:
        """The next item, or None when there is none."""
        items = self._items
        return items[int(self._random.random() * len(items))] if items else None


class WeightedRandom(Generic[T]):
    """At random, each as likely as its weight is of the sum of all."""

    __slots__ = ("_bounds", "_items", "_random")

    def __init__(self, items: Sequence[T], weights: Iterable[float], generator: random.Random | None = None) -> None:
        """Each weight is above zero."""
        self._items = items
        self._bounds = list(itertools.accumulate(weights))
        self._random = generator or random.Random()

    def next(self) -> T | None:
        """The next item, or None when there is none."""
        bounds = self._bounds
        return self._items[bisect.bisect_right(bounds, self._random.random() * bounds[-1])] if bounds else None


def slow_start_share(since: float, duration: float, now: float) -> float:
    """The share of a full target's traffic that one gets ``now``, in slow start ``since``: 0.0 to 1.0, linearly.

    A little above zero from the first moment, or a target would wait for requests that never come.
    """
    if since <= 0 or duration <= 0:
        return 1.0
    return min(1.0, max(0.01, (now - since) / duration))
