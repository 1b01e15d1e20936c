"""A graph on a canvas: title, plot, axes, annotations, legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cloudarium.services.cloudwatch.data.engine import Series
from cloudarium.services.cloudwatch.data.labels import number
from cloudarium.services.cloudwatch.widgets import font, scales
from cloudarium.services.cloudwatch.widgets.canvas import Canvas, Color
from cloudarium.services.cloudwatch.widgets.description import Mark, Widget
from cloudarium.services.cloudwatch.widgets.plots import bars, gauges, lines, numbers, pie, stacks

_PALETTE: tuple[Color, ...] = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75), (227, 119, 194),
    (127, 127, 127), (188, 189, 34), (23, 190, 207), (174, 199, 232), (255, 187, 120), (152, 223, 138),
    (255, 152, 150), (197, 176, 213),
)  # fmt: skip
_SMALL, _TITLE = 7.5, 10.0
_ROW = 18.0
_MOST_LEGEND_ROWS = 5


class Theme(NamedTuple):
    """Colors of what is not data."""

    background: Color
    text: Color
    soft: Color
    grid: Color


LIGHT = Theme((255, 255, 255), (22, 25, 31), (104, 112, 120), (229, 231, 233))
DARK = Theme((26, 32, 41), (233, 235, 237), (149, 157, 166), (53, 62, 72))


class Shown(NamedTuple):
    """A series with its color and axis."""

    series: Series
    color: Color
    right: bool


class Frame(NamedTuple):
    """Where the plot is, and what its axes mean."""

    left: float
    top: float
    right: float
    bottom: float
    start: float
    end: float
    scale: scales.Scale
    other: scales.Scale

    def x(self, at: float) -> float:
        """A time's place."""
        return self.left + (at - self.start) / (self.end - self.start) * (self.right - self.left)

    def y(self, value: float, right: bool) -> float:
        """A value's place; what is beyond the scale is a little beyond the plot."""
        share = (self.other if right else self.scale).share(value)
        return self.bottom - min(1.02, max(-0.02, share)) * (self.bottom - self.top)


def draw(widget: Widget, series: Sequence[Series]) -> bytes:
    """The graph as a PNG."""
    theme = DARK if widget.dark else LIGHT
    canvas = Canvas(widget.width, widget.height, theme.background)
    shown = []
    for place, one in enumerate(series):
        look = widget.looks[one.id]
        shown.append(Shown(one, look.color or _PALETTE[place % len(_PALETTE)], look.right))
    top = 12.0
    if widget.title:
        title = font.shortened(widget.title, _TITLE, widget.width - 24)
        canvas.text(12, 22, title, theme.text, _TITLE, bold=True)
        top = 38.0
    right, bottom = _legend(canvas, widget, theme, shown, top)
    area = (12.0, top, right, bottom)
    if widget.view == "singleValue":
        numbers(canvas, theme, shown, area)
    elif widget.view == "gauge":
        gauges(canvas, theme, shown, area, widget.left, widget.horizontal)
    elif widget.view == "pie":
        pie(canvas, theme, shown, area)
    elif widget.view == "bar":
        bars(canvas, theme, shown, area)
    else:
        _time_series(canvas, widget, theme, shown, area)
    return canvas.png()


def _legend(canvas: Canvas, widget: Widget, theme: Theme, shown: Sequence[Shown], top: float) -> tuple[float, float]:
    """Draw the legend; returns where what is left of the canvas ends on the right and below."""
    wide, high = float(canvas.width), float(canvas.height)
    if widget.legend == "hidden" or not shown or widget.view in ("singleValue", "gauge"):
        return wide - 12, high - 12
    labels = [font.shortened(each.series.label, _SMALL, wide * 0.4) for each in shown]
    if widget.legend == "right":
        column = min(wide * 0.4, max(font.width(label, _SMALL) for label in labels) + 34)
        for place, (each, label) in enumerate(zip(shown, labels, strict=True)):
            y = top + 14 + place * _ROW
            if y > high - 8:
                break
            _entry(canvas, theme, wide - column, y, label, each.color)
        return wide - column - 12, high - 12
    rows: list[list[tuple[str, Color]]] = [[]]
    x = 12.0
    for each, label in zip(shown, labels, strict=True):
        room = font.width(label, _SMALL) + 32
        if rows[-1] and x + room > wide - 12:
            rows.append([])
            x = 12.0
        rows[-1].append((label, each.color))
        x += room
    fitting = max(1, min(_MOST_LEGEND_ROWS, int((high - top) * 0.35 // _ROW)))
    hidden = sum(len(row) for row in rows[fitting:])
    rows = rows[:fitting]
    for place, row in enumerate(rows):
        x = 12.0
        y = high - 10 - (len(rows) - 1 - place) * _ROW
        for label, color in row:
            _entry(canvas, theme, x, y, label, color)
            x += font.width(label, _SMALL) + 32
        if hidden and place == len(rows) - 1:
            canvas.text_right(wide - 8, y, f"+{hidden}", theme.soft, _SMALL)
    return wide - 12, high - 10 - len(rows) * _ROW - 2


def _entry(canvas: Canvas, theme: Theme, x: float, y: float, label: str, color: Color) -> None:
    canvas.rectangle(x, y - 9, x + 10, y + 1, color)
    canvas.text(x + 16, y, label, theme.text, _SMALL)


# -- time series -------------------------------------------------------------------------------------------------------


def _time_series(
    canvas: Canvas, widget: Widget, theme: Theme, shown: Sequence[Shown], area: tuple[float, float, float, float]
) -> None:
    frame = _frame(widget, shown, area)
    _grid(canvas, widget, theme, frame, any(each.right for each in shown))
    for mark in widget.horizontal:
        _fill_horizontal(canvas, frame, mark)
    for mark in widget.vertical:
        _fill_vertical(canvas, frame, mark)
    if widget.stacked:
        stacks(canvas, shown, frame)
    else:
        lines(canvas, shown, frame)
    # What lies beyond the scale was drawn over the edge.
    canvas.rectangle(frame.left, area[1] - 2, frame.right, frame.top - 2, theme.background)
    _labels(canvas, widget, theme, shown, frame)
    if not any(each.series.values for each in shown):
        middle = (frame.left + frame.right) / 2
        canvas.text_middle(middle, (frame.top + frame.bottom) / 2, "No data available", theme.soft, 9)


def _frame(widget: Widget, shown: Sequence[Shown], area: tuple[float, float, float, float]) -> Frame:
    left, top, right, bottom = area
    found = []
    for axis, is_right in ((widget.left, False), (widget.right, True)):
        these = [each for each in shown if each.right == is_right]
        low, high = _extent(these, widget.stacked)
        for mark in widget.horizontal:
            if mark.right == is_right:
                ends = [mark.value] if mark.until is None else [mark.value, mark.until]
                low, high = min(low, *ends), max(high, *ends)
        if low > high:
            low, high = 0.0, 1.0
        found.append(scales.values(low, high, axis.low, axis.high, max(2, int((bottom - top) / 48))))
    margins = [max(font.width(scales.short(mark), _SMALL) for mark in scale.marks or (0.0,)) + 10 for scale in found]
    has_right = any(each.right for each in shown)
    if any(axis.label for axis in (widget.left, widget.right)):
        top += 16
    return Frame(
        left + margins[0],
        top + 4,
        right - (margins[1] if has_right else 8),
        bottom - 20,
        widget.start,
        widget.end,
        found[0],
        found[1],
    )


def _extent(shown: Sequence[Shown], stacked: bool) -> tuple[float, float]:
    if stacked:
        totals: dict[int, float] = {}
        for each in shown:
            for at, value in zip(each.series.timestamps, each.series.values, strict=True):
                totals[at] = totals.get(at, 0.0) + value
        values = [0.0, *totals.values()] if totals else []
    else:
        values = [value for each in shown for value in each.series.values]
    return min(values, default=float("inf")), max(values, default=float("-inf"))


def _grid(canvas: Canvas, widget: Widget, theme: Theme, frame: Frame, has_right: bool) -> None:
    for mark in frame.scale.marks:
        y = round(frame.y(mark, False))
        canvas.rectangle(frame.left, y, frame.right, y + 1, theme.grid)
        canvas.text_right(frame.left - 6, y + 4, scales.short(mark), theme.soft, _SMALL)
    if has_right:
        for mark in frame.other.marks:
            canvas.text(frame.right + 6, frame.y(mark, True) + 4, scales.short(mark), theme.soft, _SMALL)
    canvas.rectangle(frame.left, frame.bottom, frame.right, frame.bottom + 1, theme.soft)
    wanted = max(2, int((frame.right - frame.left) / 70))
    for at, text in scales.times(frame.start, frame.end, widget.zone, wanted):
        x = frame.x(at)
        canvas.rectangle(x, frame.bottom, x + 1, frame.bottom + 5, theme.soft)
        half = font.width(text, _SMALL) / 2
        if x - half >= 2 and x + half <= canvas.width - 2:
            canvas.text_middle(x, frame.bottom + 17, text, theme.soft, _SMALL)


_MARK = (214, 39, 40)


def _fill_horizontal(canvas: Canvas, frame: Frame, mark: Mark) -> None:
    if not mark.fill and mark.until is None:
        return
    here = frame.y(mark.value, mark.right)
    if mark.until is not None:
        other = frame.y(mark.until, mark.right)
    else:
        other = frame.top if mark.fill == "above" else frame.bottom if mark.fill == "below" else here
    canvas.rectangle(frame.left, min(here, other), frame.right, max(here, other), mark.color or _MARK, 0.1)


def _fill_vertical(canvas: Canvas, frame: Frame, mark: Mark) -> None:
    if not mark.fill and mark.until is None:
        return
    here = frame.x(mark.value)
    if mark.until is not None:
        other = frame.x(mark.until)
    else:
        other = frame.left if mark.fill == "before" else frame.right if mark.fill == "after" else here
    low, high = max(frame.left, min(here, other)), min(frame.right, max(here, other))
    canvas.rectangle(low, frame.top, high, frame.bottom, mark.color or _MARK, 0.1)


def _labels(canvas: Canvas, widget: Widget, theme: Theme, shown: Sequence[Shown], frame: Frame) -> None:
    if widget.left.label:
        canvas.text(12, frame.top - 10, font.shortened(widget.left.label, _SMALL, 200), theme.soft, _SMALL)
    if widget.right.label and any(each.right for each in shown):
        label = font.shortened(widget.right.label, _SMALL, 200)
        canvas.text_right(canvas.width - 12, frame.top - 10, label, theme.soft, _SMALL)
    for mark in widget.horizontal:
        for value in [mark.value] if mark.until is None else [mark.value, mark.until]:
            y = frame.y(value, mark.right)
            canvas.dashes((frame.left, y), (frame.right, y), mark.color or _MARK, 1.4)
        text = mark.label or number(mark.value)
        y = frame.y(mark.value, mark.right)
        canvas.text(frame.left + 6, y - 5 if y > frame.top + 16 else y + 13, text, mark.color or _MARK, _SMALL)
    for mark in widget.vertical:
        for at in [mark.value] if mark.until is None else [mark.value, mark.until]:
            if frame.start <= at <= frame.end:
                canvas.dashes((frame.x(at), frame.top), (frame.x(at), frame.bottom), mark.color or _MARK, 1.4)
        if frame.start <= mark.value <= frame.end:
            x, wide = frame.x(mark.value) + 5, font.width(mark.label, _SMALL)
            x = x if x + wide < frame.right else x - wide - 10
            canvas.text(x, frame.top + 11, mark.label, mark.color or _MARK, _SMALL)
