"""A measurement, before it is a CloudWatch datum."""

from __future__ import annotations

from typing import NamedTuple

Dimensions = tuple[tuple[str, str], ...]


class Point(NamedTuple):
    """Values of one metric at one time (seconds since 1970): each value with how often it occurred."""

    name: str
    dimensions: Dimensions
    values: dict[float, float]
    unit: str
    time: float
    resolution: int
    original: bool = True
    """Whether the metric is published with all its dimensions, not only rolled up."""


class Sample(NamedTuple):
    """One value a collector read: the metric's whole name, what it is about, the value."""

    name: str
    about: Dimensions
    value: float
