"""The points of one metric in one interval: sum, count, extremes, and how often each value occurred.

From that every CloudWatch statistic can be answered, percentiles included. Buckets add up, so points may come in any
order and in partial sums. Values are exact while a bucket has few different ones; beyond that they are rounded, first
to three significant digits, then to two. A statistic set brings no values: a bucket that holds one has no distribution
any more, unless the set's values were all the same.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import msgspec

_MOST_EXACT = 400
_MOST_ROUNDED = 2_000


class Bucket(msgspec.Struct, array_like=True):
    """What is known of an interval's points. ``values`` is None while all are the same, or where nobody knows."""

    total: float = 0.0
    count: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    values: dict[float, float] | None = None
    opaque: bool = False
    digits: int = 0

    @classmethod
    def of(cls, value: float) -> Bucket:
        """One point."""
        return cls(value, 1.0, value, value)

    def add(self, value: float, count: float = 1.0) -> None:
        """Add ``count`` points of one value."""
        if self.values is None and not self.opaque and self.count and not (value == self.minimum == self.maximum):
            self.values = {self.minimum: self.count}
        self.total += value * count
        self.count += count
        if value < self.minimum:
            self.minimum = value
        if value > self.maximum:
            self.maximum = value
        if self.values is not None:
            self._occurred(value, count)

    def add_set(self, total: float, count: float, minimum: float, maximum: float) -> None:
        """Add a statistic set."""
        if minimum == maximum:
            self.add(minimum, count)
            return
        self.total += total
        self.count += count
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)
        self.values = None
        self.opaque = True

    def merge(self, other: Bucket) -> None:
        """Add all points of another bucket."""
        if not other.count:
            return
        if other.opaque or self.opaque:
            self.total += other.total
            self.count += other.count
            self.minimum = min(self.minimum, other.minimum)
            self.maximum = max(self.maximum, other.maximum)
            self.values = None
            self.opaque = True
            return
        if other.values is None:
            total = self.total + other.total
            self.add(other.minimum, other.count)
            self.total = total
            return
        if self.values is None:
            self.values = {self.minimum: self.count} if self.count else {}
        self.total += other.total
        self.count += other.count
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        for value, count in other.values.items():
            self._occurred(value, count)

    def distribution(self) -> dict[float, float]:
        """How often each value occurred; empty where that is not known."""
        if self.values is not None:
            return self.values
        return {self.minimum: self.count} if self.count and not self.opaque else {}

    def _occurred(self, value: float, count: float) -> None:
        values = self.values
        assert values is not None
        if self.digits:
            value = float(f"{value:.{self.digits}g}")
        values[value] = values.get(value, 0.0) + count
        if len(values) > (_MOST_ROUNDED if self.digits else _MOST_EXACT) and self.digits != 2:
            self._coarsen()

    def _coarsen(self) -> None:
        assert self.values is not None
        self.digits = 3 if not self.digits else 2
        coarse: dict[float, float] = {}
        for value, count in self.values.items():
            rounded = float(f"{value:.{self.digits}g}")
            coarse[rounded] = coarse.get(rounded, 0.0) + count
        self.values = coarse
