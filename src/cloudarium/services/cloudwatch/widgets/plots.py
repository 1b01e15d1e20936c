"""The data itself: lines, stacked areas, bars, a pie, gauges, numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from cloudarium.services.cloudwatch.data.labels import number
from cloudarium.services.cloudwatch.widgets import font, scales
from cloudarium.services.cloudwatch.widgets.canvas import Canvas, Color, Point

if TYPE_CHECKING:
    from cloudarium.services.cloudwatch.widgets.chart import Frame, Shown, Theme
    from cloudarium.services.cloudwatch.widgets.description import Axis, Mark

_SMALL = 7.5
_MOST_LENGTH = 60_000
"""Pixels that all lines together may be long, for each to be drawn smoothly."""
_MOST_ACROSS = 640
_Area = tuple[float, float, float, float]


def lines(canvas: Canvas, shown: Sequence[Shown], frame: Frame) -> None:
    """A line for each series, broken where points are missing."""
    drawn = []
    for each in shown:
        for run in _runs(each):
            points = [(frame.x(at), frame.y(value, each.right)) for at, value in run]
            drawn.append((_thinned(points), each.color))
    _strokes(canvas, drawn, 2.0)


def _strokes(canvas: Canvas, drawn: Sequence[tuple[Sequence[Point], Color]], thick: float) -> None:
    """Polylines; all of them roughly when together they are very long."""
    length = sum(math.dist(*pair) for points, _ in drawn for pair in pairwise(points))
    for points, color in drawn:
        if length > _MOST_LENGTH and len(points) > 1:
            canvas.trace(points, color)
        else:
            canvas.polyline(points, color, 4.0 if len(points) == 1 else thick)


def _runs(each: Shown) -> list[list[tuple[int, float]]]:
    """Points that follow each other without a gap; a series with gaps throughout is one line all the same."""
    points = list(zip(each.series.timestamps, each.series.values, strict=True))
    runs: list[list[tuple[int, float]]] = []
    for at, value in points:
        if runs and at - runs[-1][-1][0] <= each.series.period * 1.5:
            runs[-1].append((at, value))
        else:
            runs.append([(at, value)])
    return [points] if points and len(runs) == len(points) else runs


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Of the points in one column of pixels: the first, the last, the highest and the lowest."""
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(int(point[0]), []).append(point)
    found: list[Point] = []
    for inside in columns.values():
        if len(inside) <= 4:
            found += inside
            continue
        extremes = {0, len(inside) - 1}
        extremes |= {min(range(len(inside)), key=lambda place: inside[place][1])}
        extremes |= {max(range(len(inside)), key=lambda place: inside[place][1])}
        found += [inside[place] for place in sorted(extremes)]
    return found


def stacks(canvas: Canvas, shown: Sequence[Shown], frame: Frame) -> None:
    """Areas on top of each other; a missing point counts as nothing."""
    times = sorted({at for each in shown for at in each.series.timestamps})
    below = dict.fromkeys(times, 0.0)
    edges = []
    for each in shown:
        have = dict(zip(each.series.timestamps, each.series.values, strict=True))
        above = {at: below[at] + have.get(at, 0.0) for at in times}
        base = [(frame.x(at), frame.y(below[at], each.right)) for at in times]
        edge = [(frame.x(at), frame.y(above[at], each.right)) for at in times]
        place = 0
        for x in range(int(base[0][0]) if base else 0, int(base[-1][0]) + 1 if base else 0):
            while place < len(base) - 2 and base[place + 1][0] < x + 0.5:
                place += 1
            canvas.column(x, _height(edge, place, x + 0.5), _height(base, place, x + 0.5), each.color, 0.55)
        edges.append((_thinned(edge), each.color))
        below = above
    _strokes(canvas, edges, 1.6)


def _height(points: Sequence[Point], place: int, x: float) -> float:
    (x0, y0), (x1, y1) = points[place], points[min(place + 1, len(points) - 1)]
    return y0 + (y1 - y0) * min(1.0, max(0.0, (x - x0) / (x1 - x0))) if x1 > x0 else y0


def _latest(shown: Sequence[Shown]) -> list[tuple[Shown, float | None]]:
    return [(each, each.series.values[-1] if each.series.values else None) for each in shown]


def bars(canvas: Canvas, theme: Theme, shown: Sequence[Shown], area: _Area) -> None:
    """The latest value of each series as a bar."""
    left, top, right, bottom = area
    latest = _latest(shown)
    known = [value for _, value in latest if value is not None]
    scale = scales.values(min([0.0, *known]), max([0.0, *known]), None, None, max(2, int((bottom - top) / 48)))
    left += max(font.width(scales.short(mark), _SMALL) for mark in scale.marks) + 10
    top, bottom = top + 14, bottom - 8

    def y(value: float) -> float:
        return bottom - scale.share(value) * (bottom - top)

    for mark in scale.marks:
        canvas.rectangle(left, round(y(mark)), right, round(y(mark)) + 1, theme.grid)
        canvas.text_right(left - 6, y(mark) + 4, scales.short(mark), theme.soft, _SMALL)
    room = (right - left) / max(len(latest), 1)
    for place, (each, value) in enumerate(latest):
        if value is None:
            continue
        x0 = left + place * room + room * 0.18
        x1 = max(x0 + 1, left + (place + 1) * room - room * 0.18)
        canvas.rectangle(x0, min(y(value), y(0)), x1, max(y(value), y(0)), each.color)
        if font.width(number(value), _SMALL) < room:
            canvas.text_middle((x0 + x1) / 2, min(y(value), y(0)) - 4, number(value), theme.text, _SMALL)
    canvas.rectangle(left, round(y(0)), right, round(y(0)) + 1, theme.soft)


def pie(canvas: Canvas, theme: Theme, shown: Sequence[Shown], area: _Area) -> None:
    """The latest values as shares of their sum."""
    left, top, right, bottom = area
    parts = [(each, value) for each, value in _latest(shown) if value is not None and value > 0]
    total = sum(value for _, value in parts)
    center = ((left + right) / 2, (top + bottom) / 2)
    radius = max(4.0, min(right - left, bottom - top, _MOST_ACROSS) / 2 - 6)
    if not total:
        canvas.text_middle(*center, "No data available", theme.soft, 9)
        return
    turns = accumulate(value / total for _, value in parts)
    ends = [(min(turn, 1.0), each.color) for turn, (each, _) in zip(turns, parts, strict=True)]
    ends[-1] = (1.0, ends[-1][1])
    canvas.ring(center, radius, radius * 0.58, ends)
    canvas.text_middle(center[0], center[1] + 1, number(total), theme.text, min(14.0, radius / 5))
    canvas.text_middle(center[0], center[1] + 16, "total", theme.soft, _SMALL)


def gauges(
    canvas: Canvas, theme: Theme, shown: Sequence[Shown], area: _Area, axis: Axis, marks: Sequence[Mark]
) -> None:
    """The latest value of each series between the ends of a half circle; annotations are marks on it."""
    low, high = axis.low or 0.0, axis.high or 0.0
    for each, value, (x, y, wide, high_) in _cells(shown, area):
        radius = max(8.0, min(wide / 2 - 8, high_ - 44, _MOST_ACROSS / 2))
        center = (x + wide / 2, y + 4 + radius)

        def share(of: float) -> float:
            return min(1.0, max(0.0, (of - low) / (high - low)))

        # From a quarter turn before the top to one after it.
        turn = 0.75 + 0.5 * share(value if value is not None else low)
        over = (turn - 1.0, each.color) if turn > 1 else (0.0, None)
        parts = [over, (0.25, theme.grid), (0.75, None), (min(turn, 1.0), each.color), (1.0, theme.grid)]
        canvas.ring(center, radius, radius * 0.7, parts)
        for mark in marks:
            angle = math.tau * (0.75 + 0.5 * share(mark.value))
            direction = math.sin(angle), -math.cos(angle)
            ends = [
                (center[0] + direction[0] * part, center[1] + direction[1] * part) for part in (radius * 0.66, radius)
            ]
            canvas.polyline(ends, mark.color or theme.text, 2.0)
        text = scales.short(value) if value is not None else "--"
        canvas.text_middle(center[0], center[1] - 2, text, theme.text, max(8.0, min(22.0, radius * 0.3)))
        canvas.text(center[0] - radius, center[1] + 13, scales.short(low), theme.soft, _SMALL)
        canvas.text_right(center[0] + radius, center[1] + 13, scales.short(high), theme.soft, _SMALL)
        label = font.shortened(each.series.label, _SMALL, wide - 16)
        canvas.text_middle(center[0], center[1] + 30, label, theme.soft, _SMALL)


def _cells(shown: Sequence[Shown], area: _Area) -> Iterator[tuple[Shown, float | None, _Area]]:
    """Series with their latest value, each with a place of its own: (x, y, width, height)."""
    left, top, right, bottom = area
    columns = max(1, min(len(shown), int((right - left) / 140)))
    rows = -(-len(shown) // columns)
    wide, high = (right - left) / columns, (bottom - top) / max(rows, 1)
    for place, (each, value) in enumerate(_latest(shown)):
        yield each, value, (left + place % columns * wide, top + place // columns * high, wide, high)


def numbers(canvas: Canvas, theme: Theme, shown: Sequence[Shown], area: _Area) -> None:
    """The latest value of each series, large."""
    for each, value, (x, y, wide, high) in _cells(shown, area):
        text = scales.short(value) if value is not None else "--"
        size = max(8.0, min(26.0, high * 0.3, (wide - 20) / max(font.width(text, 1.0), 1.0)))
        canvas.rectangle(x, y + 4, x + 4, y + high - 6, each.color)
        canvas.text(x + 14, y + high / 2 + size / 2 - 8, text, theme.text, size, bold=True)
        label = font.shortened(each.series.label, _SMALL, wide - 24)
        canvas.text(x + 14, y + high / 2 + size / 2 + 10, label, theme.soft, _SMALL)
