"""Widgets understood, and their pictures: read back pixel by pixel."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudwatch.data.engine import Series
from cloudarium.services.cloudwatch.widgets import font, scales
from cloudarium.services.cloudwatch.widgets.canvas import Canvas
from cloudarium.services.cloudwatch.widgets.chart import draw
from cloudarium.services.cloudwatch.widgets.description import AlarmLine, Widget, parse_widget

NOW = 1_700_000_000.0
METRICS = [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"], ["...", "i-2", {"color": "#ff0000", "yAxis": "right"}]]
BLUE, RED, WHITE = (31, 119, 180), (255, 0, 0), (255, 255, 255)


def no_alarm(arn: str) -> AlarmLine:
    raise AssertionError(f"{arn} was looked for")


def widget(**given: Any) -> Widget:
    return parse_widget(json.dumps({"metrics": METRICS} | given), "eu-west-1", NOW, no_alarm)


def data(count: int = 30, first: float = 10.0) -> list[Series]:
    times = [int(NOW) - 10_800 + 300 * place for place in range(count)]
    return [
        Series("unnamed_0", "i-1", 300, times, [first + place for place in range(count)], []),
        Series("unnamed_1", "i-2", 300, times, [50.0] * count, []),
    ]


def pixels(png: bytes) -> tuple[int, int, list[tuple[int, ...]]]:
    """Width, height and colors of a PNG as the canvas writes it."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = struct.unpack(">II", png[16:24])
    at, packed = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        packed += body if kind == b"IDAT" else b""
        at += 12 + size
    raw = zlib.decompress(packed)
    rows = [raw[y * (wide * 3 + 1) + 1 : (y + 1) * (wide * 3 + 1)] for y in range(high)]
    return wide, high, [tuple(row[x * 3 : x * 3 + 3]) for row in rows for x in range(wide)]


def test_the_pixels_are_those_drawn() -> None:
    canvas = Canvas(20, 10, WHITE)
    canvas.rectangle(2, 3, 5, 6, RED)
    wide, high, found = pixels(canvas.png())
    assert (wide, high) == (20, 10)
    assert {at for at, color in enumerate(found) if color == RED} == {y * 20 + x for y in (3, 4, 5) for x in (2, 3, 4)}


@pytest.mark.parametrize("view", ["timeSeries", "bar", "pie", "singleValue", "gauge"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_view_shows_both_series(view: str, dark: bool) -> None:
    axes = {"left": {"min": 0, "max": 100}}
    png = draw(widget(view=view, theme="dark" if dark else "light", title="Load", yAxis=axes), data())
    wide, high, found = pixels(png)
    assert (wide, high) == (600, 400)
    assert found.count(BLUE) > 100 and found.count(RED) > 100
    assert (found.count(WHITE) == 0) if dark else (found.count(WHITE) > 50_000)


def test_a_rising_line_rises() -> None:
    wide, _, found = pixels(draw(widget(metrics=METRICS[:1], legend={"position": "hidden"}), data()[:1]))
    places = [(at % wide, at // wide) for at, color in enumerate(found) if color == BLUE]
    left, right = min(places), max(places)
    assert right[0] - left[0] > 350 and left[1] - right[1] > 150


def test_sizes_stacks_annotations_axes() -> None:
    marks = {
        "horizontal": [{"label": "high", "value": 45, "fill": "above", "color": "#00ff00"}],
        "vertical": [[{"label": "a", "value": "2023-11-14T20:30:00Z"}, {"value": "2023-11-14T21:00:00Z"}]],
    }
    axes = {"left": {"min": 0, "max": 100, "label": "Percent"}, "right": {"label": "Other"}}
    given = widget(width=300, height=200, stacked=True, annotations=marks, yAxis=axes, legend={"position": "right"})
    wide, high, found = pixels(draw(given, data()))
    assert (wide, high) == (300, 200)
    greenish = [color for color in found if color[1] > 200 > color[0] + 60 and color[2] < 140]
    assert len(greenish) > 50


def test_nothing_at_all_is_a_picture_too() -> None:
    for view in ("timeSeries", "bar", "pie", "singleValue", "gauge"):
        axes = {"left": {"min": 0, "max": 1}} if view == "gauge" else {}
        pixels(draw(widget(view=view, width=1, height=1, title="x" * 500, yAxis=axes), []))
        pixels(draw(widget(view=view, yAxis=axes), data(0)))
        pixels(draw(widget(view=view, stacked=True, yAxis=axes), data(1, 1e300)))


@pytest.mark.parametrize(("value", "share"), [(0.0, 0.0), (25.0, 0.25), (50.0, 0.5), (75.0, 0.75), (500.0, 1.0)])
def test_a_gauge_is_filled_as_far_as_its_value(value: float, share: float) -> None:
    given = widget(view="gauge", metrics=METRICS[:1], yAxis={"left": {"min": 0, "max": 100}})
    _, _, found = pixels(draw(given, data(1, value)[:1]))
    filled, left = found.count(BLUE), found.count((229, 231, 233))
    assert filled / (filled + left) == pytest.approx(share, abs=0.02)


def test_an_alarm_is_shown_by_its_metric_and_its_threshold() -> None:
    stat = {"Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": []}, "Period": 60, "Stat": "Sum"}
    line = AlarmLine([{"Id": "m1", "MetricStat": stat}], 40.0, "M > 40 for 1 datapoints within 1 minute")
    text = json.dumps({"annotations": {"alarms": ["arn:one"]}})
    given = parse_widget(text, "eu-west-1", NOW, {"arn:one": line}.__getitem__)
    assert [query["MetricStat"] for query in given.queries] == [stat]
    assert [(mark.value, mark.label) for mark in given.horizontal] == [(40.0, line.label)]
    series = msgspec.structs.replace(data()[0], id="m1")
    wide, _, found = pixels(draw(given, [series]))
    reddish = [at // wide for at, color in enumerate(found) if color[0] > 200 > 160 > max(color[1:])]
    assert max(Counter(reddish).values()) > 200, "the threshold is a line across"
    with_metrics = parse_widget(
        json.dumps({"metrics": METRICS, "annotations": {"alarms": ["arn:one"]}}),
        "eu-west-1",
        NOW,
        {"arn:one": line}.__getitem__,
    )
    assert len(with_metrics.queries) == 2 and len(with_metrics.horizontal) == 1


def test_lines_of_many_ups_and_downs_are_drawn_quickly() -> None:
    """And where they go: each column between its lowest and its highest value."""
    times = [int(NOW) - 86_400 + 60 * place for place in range(1_440)]
    noise = [1_000.0 * ((place * 7_919) % 101) / 100 for place in range(1_440)]
    metrics = [["N", "M", "A", str(place)] for place in range(50)]
    given = widget(metrics=metrics, start="-PT24H", width=1_000, height=800, legend={"position": "hidden"})
    series = [Series(query["Id"], "x", 60, times, noise, []) for query in given.queries]
    begun = time.process_time()
    wide, high, found = pixels(draw(given, series))
    assert time.process_time() - begun < 10, "smoothly it would take minutes"
    plot = {at % wide for at, color in enumerate(found) if color != WHITE and at // wide == high // 2}
    assert len(plot) > 800


def test_shorthand() -> None:
    found = widget(metrics=[["N", "M", "A", "1", "B", "2"], [".", "X", ".", ".", ".", "3"], ["...", "4"],
                            [{"expression": "m * 2", "id": "e", "visible": False, "period": 60}]]).queries  # fmt: skip
    described = [query["MetricStat"]["Metric"] for query in found[:3]]
    assert [(m["MetricName"], [d["Value"] for d in m["Dimensions"]]) for m in described] == [
        ("M", ["1", "2"]), ("X", ["1", "3"]), ("X", ["1", "4"]),
    ]  # fmt: skip
    assert found[3] == {"Id": "e", "ReturnData": False, "Expression": "m * 2", "Period": 60}


def test_times() -> None:
    assert (widget().start, widget().end) == (NOW - 10_800, NOW)
    assert widget(start="-P7D", end="-PT30M").start == NOW - 7 * 86_400
    assert widget(start="2018-04-25T12:00:00.000Z").start == 1_524_657_600


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("nonsense", "ValidationError", "JSON"),
        ("[]", "ValidationError", "JSON"),
        ("{}", "ValidationError", "metrics"),
        ({"metrics": [[]]}, "ValidationError", "array"),
        ({"metrics": [["N", 3]]}, "ValidationError", "String"),
        ({"metrics": [["N", "M", "D"]]}, "ValidationError", "dimensions"),
        ({"width": 3000}, "ValidationError", "pixels"),
        ({"start": "yesterday"}, "ValidationError", "invalid"),
        ({"start": "-PT0H", "end": "-PT3H"}, "ValidationError", "before"),
        ({"timezone": "UTC"}, "ValidationError", "Timezone"),
        ({"annotations": {"horizontal": [{"value": "x"}]}}, "ValidationError", "invalid"),
        ({"annotations": {"horizontal": [{"value": 1, "color": "red"}]}}, "ValidationError", "color"),
        ({"view": "gauge"}, "ValidationError", "A gauge needs the min and the max"),
        ({"view": "table"}, "NotImplemented", "table"),
        ({"annotations": {"diagonal": []}}, "NotImplemented", "annotations.diagonal"),
        ({"annotations": {"alarms": ["a", "b"]}}, "ValidationError", "1 alarm"),
        ({"region": "us-east-1"}, "NotImplemented", "region"),
        ({"sparkline": True}, "NotImplemented", "sparkline"),
    ],
)
def test_mistakes(text: Any, code: str, words: str) -> None:
    given = text if isinstance(text, str) else json.dumps({"metrics": METRICS} | text)
    with pytest.raises(AwsError) as error:
        parse_widget(given, "eu-west-1", NOW, no_alarm)
    assert error.value.code == code and words in error.value.message


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.integers(2, 9))
def test_scales_hold_their_values(a: float, b: float, wanted: int) -> None:
    low, high = min(a, b), max(a, b)
    scale = scales.values(low, high, None, None, wanted)
    assert scale.low < scale.high and len(scale.marks) < 4 * wanted + 4
    room = (scale.high - scale.low) * 1e-6
    assert scale.low - room <= low and high <= scale.high + room


_LIMIT = st.none() | st.floats(allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False), _LIMIT, _LIMIT)
def test_any_numbers_make_a_scale(a: float, b: float, least: float | None, most: float | None) -> None:
    scale = scales.values(min(a, b), max(a, b), least, most)
    assert scale.low < scale.high and len(scale.marks) < 60


def test_accents_and_widths_do_not_make_another_letter() -> None:
    assert font.strokes("é") == font.strokes("e") and font.strokes("Ａ") == font.strokes("A")
    assert font.strokes("数") == font.strokes("線") != font.strokes("x")


def test_every_printable_letter_can_be_drawn() -> None:
    unknown = font.strokes("\u4e2d")[0]
    assert all(font.strokes(chr(code))[0] != unknown for code in range(33, 127))
    assert font.width(font.shortened("a long text of words", 8, 60), 8) <= 60
