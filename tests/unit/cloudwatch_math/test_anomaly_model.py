"""What anomaly detection learns from made-up pasts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cloudarium.services.cloudwatch.anomaly.model import LEAST_POINTS, train

T0 = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())  # a Monday
DAY = 86_400


def past(
    value: Callable[[int], float], days: float = 14, *, noise: float = 1.0, step: int = 300
) -> list[tuple[int, float]]:
    rng = random.Random(7)
    return [(at, value(at) + rng.gauss(0, noise)) for at in range(T0, T0 + int(days * DAY), step)]


def daily(at: int) -> float:
    return 100 + 50 * math.sin(at % DAY / DAY * 2 * math.pi)


def weekly(at: int) -> float:
    weekend = datetime.fromtimestamp(at, UTC).weekday() >= 5
    return daily(at) * (0.3 if weekend else 1.0)


@pytest.mark.parametrize("shape", [lambda at: 40.0, daily, weekly, lambda at: daily(at) + (at - T0) / DAY * 10])
def test_the_next_day_is_normal(shape: Callable[[int], float]) -> None:
    model = train(past(shape), UTC)
    assert model is not None
    rng = random.Random(8)
    inside = wide = 0
    times = range(T0 + 14 * DAY, T0 + 15 * DAY, 300)
    for at in times:
        lower, upper = model.band(at, UTC, 3)
        inside += lower <= shape(at) + rng.gauss(0, 1) <= upper
        wide += upper - lower > 45
    assert inside / len(times) > 0.95
    assert wide == 0, "a band as wide as the metric's own range says nothing"


def test_a_hundred_times_the_usual_is_not_normal() -> None:
    model = train(past(daily), UTC)
    assert model is not None
    lower, upper = model.band(T0 + 14 * DAY + 3 * 3600, UTC, 2)
    assert not lower <= 300 <= upper and not lower <= 20 <= upper


def test_outliers_in_the_past_do_not_bend_it() -> None:
    points = past(daily)
    bent = [(at, value * 50 if place % 90 == 0 else value) for place, (at, value) in enumerate(points)]
    model, clean = train(bent, UTC), train(points, UTC)
    assert model is not None and clean is not None
    at = T0 + 14 * DAY + 6 * 3600
    assert sum(model.band(at, UTC, 2)) == pytest.approx(sum(clean.band(at, UTC, 2)), rel=0.05)


def test_wider_with_more_deviations() -> None:
    model = train(past(daily), UTC)
    assert model is not None
    (low2, high2), (low4, high4) = model.band(T0, UTC, 2), model.band(T0, UTC, 4)
    assert high4 - low4 == pytest.approx(2 * (high2 - low2))


def test_an_hour_is_enough_and_less_is_not() -> None:
    assert train(past(daily, days=0.03), UTC) is None
    model = train(past(lambda at: 5.0, days=LEAST_POINTS * 300 / DAY), UTC)
    assert model is not None and not model.day and not model.week
    lower, upper = model.band(T0 + DAY, UTC, 2)
    assert lower < 5 < upper


def test_values_that_were_never_negative_are_not_expected_to_be() -> None:
    model = train([(at, abs(value)) for at, value in past(lambda at: 0.0)], UTC)
    assert model is not None and model.band(T0, UTC, 10)[0] == 0
    percent = train(past(lambda at: 97.0, noise=0.5), UTC, ceiling=100.0)
    assert percent is not None and percent.band(T0, UTC, 20)[1] == 100


def test_a_constant_has_a_thin_band() -> None:
    model = train(past(lambda at: 1000.0, noise=0), UTC)
    assert model is not None
    lower, upper = model.band(T0 + 15 * DAY, UTC, 2)
    assert 990 <= lower < 1000 < upper <= 1010


def test_local_time_counts_where_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = int(datetime(2024, 3, 17, tzinfo=UTC).timestamp())
    rng = random.Random(1)

    def office(at: int) -> float:
        return 100.0 if 9 <= datetime.fromtimestamp(at, zone).hour < 17 else 5.0

    points = [(at, office(at) + rng.gauss(0, 1)) for at in range(begin, begin + 14 * DAY, 300)]
    after = int(datetime(2024, 4, 3, 7, 30, tzinfo=UTC).timestamp())  # half past nine by then
    local, utc = train(points, zone), train(points, UTC)
    assert local is not None and utc is not None
    assert local.expected(after, datetime.fromtimestamp(after, zone)) == pytest.approx(100, abs=5)
    assert utc.expected(after, datetime.fromtimestamp(after, UTC)) == pytest.approx(5, abs=5)


def test_spikes_that_come_every_day_are_normal_when_told_so() -> None:
    def spiky(at: int) -> float:
        return 500.0 if at % DAY == 3 * 3600 else 10.0

    at = T0 + 14 * DAY + 3 * 3600
    plain, told = train(past(spiky), UTC), train(past(spiky), UTC, spikes=True)
    assert plain is not None and told is not None
    assert plain.band(at, UTC, 2)[1] < 500 <= told.band(at, UTC, 2)[1] + 5
    assert told.band(at + 6 * 3600, UTC, 2)[1] < 50
