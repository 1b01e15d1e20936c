"""The small sums: thresholds, pauses, shares of capacity."""

from __future__ import annotations

from collections import Counter

import pytest

from cloudarium.services.ecs.scheduler import breaker, providers, throttle


@pytest.mark.parametrize(
    ("desired", "settings", "expected"),
    [
        (1, {}, 3),
        (25, {}, 13),
        (400, {}, 200),
        (800, {}, 200),
        (10, {"thresholdConfiguration": {"type": "COUNT", "value": 1}}, 1),
        (1000, {"thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 50}}, 500),
        (10, {"thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 10}}, 3),
    ],
)
def test_the_circuit_breakers_threshold(desired: int, settings: dict[str, object], expected: int) -> None:
    """AWS's table, with today's minimum of three."""
    assert breaker.threshold(desired, settings) == expected


def test_pauses_grow_to_27_minutes() -> None:
    """And never further."""
    pauses = [throttle.pause(n) for n in range(30)]
    assert pauses == sorted(pauses) and pauses[0] == 0 and pauses[-1] == 27 * 60


def test_capacity_is_shared_by_weight_after_the_base() -> None:
    """One to three, beyond a base of two."""
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        {"capacityProvider": "idle", "weight": 0},
    ]
    placed: Counter[str] = Counter()
    for _ in range(42):
        placed[providers.choose(strategy, placed)] += 1
    assert placed == {"FARGATE": 12, "FARGATE_SPOT": 30}
