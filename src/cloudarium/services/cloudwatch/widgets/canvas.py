"""Pixels: smooth lines, areas and text, and the PNG that comes out.

A line's edge covers pixels in part; a polyline's coverage is gathered before it is put on, so that its joints are no
darker than the rest. https://www.w3.org/TR/png/
"""

from __future__ import annotations

import bisect
import math
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from cloudarium.services.cloudwatch.widgets.font import HEIGHT, strokes, width

Color = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    """An image of ``width`` by ``height`` pixels; (0, 0) is the upper left corner."""

    def __init__(self, wide: int, high: int, background: Color) -> None:
        self.width = wide
        self.height = high
        self._pixels = bytearray(bytes(background) * (wide * high))

    def png(self) -> bytes:
        """The image as a PNG."""
        stride = self.width * 3
        rows = b"".join(b"\0" + self._pixels[at : at + stride] for at in range(0, len(self._pixels), stride))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_part(kind, data) for kind, data in parts)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: Color, alpha: float = 1.0) -> None:
        """Fill from one corner to another."""
        left, right = max(0, round(x0)), min(self.width, round(x1))
        for y in range(max(0, round(y0)), min(self.height, round(y1))):
            self._run(y * self.width + left, right - left, 1, color, alpha)

    def column(self, x: int, top: float, bottom: float, color: Color, alpha: float = 1.0) -> None:
        """Fill one column of pixels between two heights, its ends in part."""
        top, bottom = max(0.0, top), min(float(self.height), bottom)
        if not 0 <= x < self.width or bottom <= top:
            return
        first, last = math.ceil(top), math.floor(bottom)
        if first > last:
            self._blend(last * self.width + x, color, alpha * (bottom - top))
            return
        if first > top:
            self._blend((first - 1) * self.width + x, color, alpha * (first - top))
        self._run(first * self.width + x, last - first, self.width, color, alpha)
        if bottom > last:
            self._blend(last * self.width + x, color, alpha * (bottom - last))

    def trace(self, points: Sequence[Point], color: Color) -> None:
        """Draw from point to point, from left to right, in columns: rougher than a polyline, and far faster.

        What is drawn so has so many ups and downs that nobody could tell.
        """
        spans: dict[int, tuple[float, float]] = {}
        for (x0, y0), (x1, y1) in pairwise(points):
            slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
            for x in range(max(0, int(x0)), min(self.width - 1, int(x1)) + 1):
                here = y0 + slope * (max(x0, x) - x0) if slope else y0
                there = y0 + slope * (min(x1, x + 1) - x0) if slope else y1
                low, high = spans.get(x, (here, here))
                spans[x] = min(low, here, there), max(high, here, there)
        for x, (low, high) in spans.items():
            self.column(x, low - 1, high + 1, color)

    def polyline(self, points: Sequence[Point], color: Color, thick: float = 1.0, alpha: float = 1.0) -> None:
        """Draw from point to point; a single point is a dot."""
        cover: dict[int, float] = {}
        if len(points) == 1:
            self._segment(points[0], points[0], thick, cover)
        for start, end in pairwise(points):
            self._segment(start, end, thick, cover)
        self._put(cover, color, alpha)

    def dashes(self, start: Point, end: Point, color: Color, thick: float = 1.0) -> None:
        """Draw a broken line."""
        length = math.dist(start, end)
        cover: dict[int, float] = {}
        for number in range(int(length // 7) + 1):
            first, last = number * 7 / max(length, 1e-9), min(1.0, (number * 7 + 4) / max(length, 1e-9))
            self._segment(_between(start, end, first), _between(start, end, last), thick, cover)
        self._put(cover, color, 1.0)

    def text(self, x: float, y: float, text: str, color: Color, size: float = 8.0, *, bold: bool = False) -> None:
        """Write with capitals ``size`` high; (x, y) is where the base line begins."""
        scale = size / HEIGHT
        thick = max(1.1, size / 9) * (1.5 if bold else 1.0)
        cover: dict[int, float] = {}
        for letter in text:
            lines, advance = strokes(letter)
            for line in lines:
                points = [(x + across * scale, y + (down - HEIGHT) * scale) for across, down in line]
                for start, end in pairwise(points):
                    self._segment(start, end, thick, cover)
            x += advance * scale
        self._put(cover, color, 1.0)

    def text_right(self, x: float, y: float, text: str, color: Color, size: float = 8.0) -> None:
        """Write so that it ends at ``x``."""
        self.text(x - width(text, size), y, text, color, size)

    def text_middle(self, x: float, y: float, text: str, color: Color, size: float = 8.0) -> None:
        """Write with its middle at ``x``."""
        self.text(x - width(text, size) / 2, y, text, color, size)

    def ring(self, center: Point, radius: float, hole: float, parts: Sequence[tuple[float, Color | None]]) -> None:
        """Fill a ring in parts: each up to a turn (0 is up, 1 once around, clockwise), None leaves it as it is."""
        cx, cy = center
        ends = [end for end, _ in parts]
        for y in range(max(0, int(cy - radius) - 1), min(self.height, int(cy + radius) + 2)):
            dy = y + 0.5 - cy
            reach = math.sqrt(max(0.0, (radius + 0.5) ** 2 - dy * dy))
            for x in range(max(0, int(cx - reach)), min(self.width, int(cx + reach) + 1)):
                dx = x + 0.5 - cx
                away = math.hypot(dx, dy)
                cover = min(1.0, radius + 0.5 - away, away - hole + 0.5)
                if cover > 0:
                    part = bisect.bisect_right(ends, math.atan2(dx, -dy) / math.tau % 1.0)
                    color = parts[part][1] if part < len(parts) else None
                    if color is not None:
                        self._blend(y * self.width + x, color, cover)

    def _segment(self, start: Point, end: Point, thick: float, cover: dict[int, float]) -> None:
        (x0, y0), (x1, y1) = start, end
        if not all(-1e5 < value < 1e5 for value in (x0, y0, x1, y1)):
            return
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy
        reach = thick / 2 + 1
        steep = abs(dy) > abs(dx)
        # Along the longer axis pixel by pixel, and across only as far as the line is thick.
        begin, finish = (min(y0, y1), max(y0, y1)) if steep else (min(x0, x1), max(x0, x1))
        limit, across_limit = (self.height, self.width) if steep else (self.width, self.height)
        span = dy if steep else dx
        side = reach * (math.sqrt(square) / abs(span) if span else 1.0)
        for along in range(max(0, int(begin - reach)), min(limit, int(finish + reach) + 1)):
            share = ((along + 0.5) - (y0 if steep else x0)) / span if span else 0.0
            share = min(1.0, max(0.0, share))
            middle = (x0 + dx * share) if steep else (y0 + dy * share)
            for across in range(max(0, int(middle - side)), min(across_limit, int(middle + side) + 1)):
                px, py = (across + 0.5, along + 0.5) if steep else (along + 0.5, across + 0.5)
                part = ((px - x0) * dx + (py - y0) * dy) / square if square else 0.0
                part = min(1.0, max(0.0, part))
                away = math.hypot(px - x0 - dx * part, py - y0 - dy * part)
                covered = thick / 2 + 0.5 - away
                if covered > 0:
                    at = int(py) * self.width + int(px)
                    if covered > cover.get(at, 0.0):
                        cover[at] = min(1.0, covered)

    def _put(self, cover: dict[int, float], color: Color, alpha: float) -> None:
        for at, covered in cover.items():
            self._blend(at, color, covered * alpha)

    def _run(self, at: int, count: int, step: int, color: Color, alpha: float) -> None:
        """Put a color on ``count`` pixels from ``at`` on, each ``step`` after the one before."""
        if count <= 0:
            return
        pixels = self._pixels
        for place in range(3):
            first = at * 3 + place
            where = slice(first, first + (count - 1) * step * 3 + 1, step * 3)
            pixels[where] = pixels[where].translate(_mixed(color[place], alpha))

    def _blend(self, at: int, color: Color, alpha: float) -> None:
        at *= 3
        pixels = self._pixels
        for place in range(3):
            old = pixels[at + place]
            pixels[at + place] = int(old + (color[place] - old) * alpha + 0.5)


@lru_cache(maxsize=4_096)
def _mixed(value: int, alpha: float) -> bytes:
    """For each value that may be there, what it is with another on it."""
    return bytes(int(old + (value - old) * alpha + 0.5) for old in range(256))


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
