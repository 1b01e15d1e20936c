"""Axes: round values and times for their marks, and how to write them."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo
from typing import NamedTuple

_STEPS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
_DAY = 86_400
_LARGEST = 1e200


class Scale(NamedTuple):
    """Values from ``low`` to ``high``, with marks."""

    low: float
    high: float
    marks: tuple[float, ...]

    def share(self, value: float) -> float:
        """How far up a value is, 0 to 1 within the scale."""
        return (value - self.low) / (self.high - self.low)


def values(low: float, high: float, least: float | None, most: float | None, wanted: int = 5) -> Scale:
    """A scale that holds all values, between limits where there are any."""
    if least is None and low >= 0 and low <= high * 0.6:
        low = 0.0
    low, high = least if least is not None else low, most if most is not None else high
    low, high = (min(max(end, -_LARGEST), _LARGEST) for end in (low, high))
    if not high - low > max(abs(low), abs(high)) * 1e-9 + 1e-250:
        # One value, or so near to it that marks could not be told apart.
        spread = abs(low) * 0.1 if abs(low) > 1e-200 else 1.0
        low, high = (low if least is not None else low - spread), low + spread
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    bottom = low if least is not None else math.floor(low / step + 1e-9) * step
    top = high if most is not None else math.ceil(high / step - 1e-9) * step
    first = math.ceil(bottom / step - 1e-9)
    count = int((top - bottom) / step + 1e-6) + 1
    marks = tuple(mark for place in range(count + 1) if (mark := (first + place) * step) <= top + step * 1e-6)
    return Scale(bottom, top, marks)


def times(start: float, end: float, zone: tzinfo, wanted: int) -> list[tuple[float, str]]:
    """Round times of day, or days, between two times, as they are written."""
    span = max(end - start, 1.0)
    offset = datetime.fromtimestamp(start, zone).utcoffset()
    shift = offset.total_seconds() if offset is not None else 0.0
    step = next((float(step) for step in _STEPS if span / step <= wanted), 0.0)
    if not step:
        days = span / _DAY / max(wanted, 1)
        step = _DAY * float(next((d for d in (1, 2, 7, 14, 30, 60, 90) if days <= d), 180))
    found: list[tuple[float, str]] = []
    at = math.ceil((start + shift) / step) * step - shift
    while at <= end and len(found) < 50:
        local = datetime.fromtimestamp(at, zone)
        form = "%m/%d" if step >= _DAY else "%H:%M:%S" if step < 60 else "%H:%M"
        if step >= 21_600 and step < _DAY:
            form = "%m/%d %H:%M"
        found.append((at, local.strftime(form)))
        at += step
    return found


def short(value: float) -> str:
    """A value for a mark: thousands as k, M, G, T."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.6g}"[:6].rstrip(".") + letter
    if value and abs(value) < 1e-3:
        return f"{value:.2g}"
    return f"{value:.4g}"
