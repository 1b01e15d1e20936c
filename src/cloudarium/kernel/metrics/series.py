"""Which metrics there are, and of each what is in memory. Made to be small: there may be a million idle ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cloudarium.kernel.metrics.buckets import Bucket
from cloudarium.kernel.store import Scope

Dimensions = tuple[tuple[str, str], ...]


class MetricKey(NamedTuple):
    """What AWS identifies a metric by, within an account and region. ``dimensions`` are sorted by name."""

    namespace: str
    name: str
    dimensions: Dimensions


class Series:
    """The points of one metric in one unit."""

    __slots__ = ("id", "last", "minutes", "next", "rolled", "seconds", "unit")

    def __init__(self, id_: int, unit: str, last: int) -> None:
        self.id = id_
        self.unit = unit
        self.last = last
        """The second of its last point; -1 before the first, which the file may have refused."""
        self.next: Series | None = None
        """The same metric in another unit."""
        self.minutes: dict[int, Bucket] | None = None
        self.seconds: dict[int, Bucket] | None = None
        self.rolled = 0
        """Up to where blocks may have buckets (a start of a minute); nothing is in blocks from there on."""

    def units(self) -> Iterator[Series]:
        """This one, and those of the metric's other units that come after it."""
        series: Series | None = self
        while series is not None:
            yield series
            series = series.next


Named = dict[Dimensions, Series]
"""Metrics of one namespace and name: of each the first of its units."""


def length(dimensions: Dimensions) -> int:
    """Characters of names and values."""
    total = 0
    for name, value in dimensions:  # written out: it is asked for every metric there is when a cloud starts
        total += len(name) + len(value)
    return total


class Index:
    """Series by account and region, namespace, name and dimensions."""

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        """Characters of the dimensions of all series."""
        self._spaces: dict[Scope, dict[str, dict[str, Named]]] = {}

    def first(self, scope: Scope, key: MetricKey) -> Series | None:
        """The first of a metric's series, of which there is one for each unit."""
        namespace, name, dimensions = key
        try:
            return self._spaces[scope][namespace][name].get(dimensions)
        except KeyError:
            return None

    def of(self, scope: Scope, key: MetricKey) -> Iterator[Series]:
        """The series of a metric: one for each unit."""
        first = self.first(scope, key)
        return first.units() if first is not None else iter(())

    def add(self, scope: Scope, key: MetricKey, series: Series) -> None:
        """Have a series that was not there."""
        named = self._spaces.setdefault(scope, {}).setdefault(key.namespace, {}).setdefault(key.name, {})
        first = named.setdefault(key.dimensions, series)
        if first is not series:
            first.next, series.next = series, first.next
        self.count += 1
        self.size += length(key.dimensions)

    def find(
        self, scope: Scope, namespace: str | None, name: str | None, since: float, after: tuple[str, str]
    ) -> Iterator[MetricKey]:
        """Metrics with a point since a time, in order of namespace and name; ``after``: none before that pair."""
        spaces = self._spaces.get(scope, {})
        for space in [namespace] if namespace is not None else sorted(spaces):
            names = spaces.get(space, {})
            for each in [name] if name is not None else sorted(names):
                if (space, each) < after:
                    continue
                named = names.get(each, {})
                # A copy, as points may come in meanwhile; of what is there already, as there may be very many.
                for dimensions in list(named):
                    first = named.get(dimensions)
                    if first is not None and max(series.last for series in first.units()) >= since:
                        yield MetricKey(space, each, dimensions)

    def slices(self, size: int) -> Iterator[tuple[Named, list[Dimensions]]]:
        """All metrics, up to ``size`` at a time, which may be removed before going on."""
        for spaces in list(self._spaces.values()):
            for names in list(spaces.values()):
                for name, named in list(names.items()):
                    every = list(named)
                    for first in range(0, len(every), size):
                        yield named, every[first : first + size]
                    if not named and names.get(name) is named:
                        del names[name]

    def remove(self, named: Named, some: Iterable[Dimensions], gone: set[int]) -> None:
        """Drop those of some metrics' series whose ids are ``gone``."""
        for dimensions in some:
            first = named.pop(dimensions, None)
            for series in [*first.units()] if first is not None else ():
                if series.id in gone:
                    self.count -= 1
                    self.size -= length(dimensions)
                    continue
                series.next = named.get(dimensions)
                named[dimensions] = series

    def clear(self) -> None:
        """Drop all."""
        self._spaces.clear()
        self.count = self.size = 0
