"""Durations, ports, scales, host:port."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.cli.arguments import duration, host_port, port, scale


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1.5h", 5400),
     ("250ms", 0.25), ("1m250ms", 60.25), (" 1H 30M ", 5400)],
)  # fmt: skip
def test_duration(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "m", "-5", "5x", "1h30", "5 minutes", "1e3", "٣", "5m!", "inf", "nan"])
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(["d", "h", "m", "s"])), min_size=1, max_size=5))
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert duration(text) == sum(number * {"d": 86400, "h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts)


@settings(deadline=None)
@given(st.text(max_size=12))
def test_duration_never_fails_otherwise(text: str) -> None:
    try:
        assert duration(text) >= 0
    except ValueError:
        pass


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "", "８０", "1.5"])
def test_not_a_port(text: str) -> None:
    with pytest.raises(ValueError, match="is not a port"):
        port(text)


def test_scale() -> None:
    assert (scale("60"), scale("0.5x")) == (60.0, 0.5)
    for text in ("0", "-1", "nan", "inf", "fast", "100001"):
        with pytest.raises(ValueError, match="is not a scale"):
            scale(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("localhost:8080", ("localhost", 8080)), ("[::1]:80", ("::1", 80)),
     ("8080", ("127.0.0.1", 8080))],
)  # fmt: skip
def test_host_port(text: str, pair: tuple[str, int]) -> None:
    assert host_port(text) == pair


@pytest.mark.parametrize("text", ["::1:80", ":80", "host:", "host:0", "host", ""])
def test_not_host_port(text: str) -> None:
    with pytest.raises(ValueError):
        host_port(text)
