"""The deployment circuit breaker's threshold. Pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html#failure-threshold
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST, MOST = 3, 200


def threshold(desired: int, settings: Mapping[str, Any]) -> int:
    """How many failed tasks fail a deployment of ``desired`` tasks (``settings`` is a deploymentCircuitBreaker).

    By default half of the desired count rounded up, between 3 and 200. ``COUNT`` is the number itself,
    ``UNBOUNDED_PERCENT`` a share without those bounds (at least one).
    """
    chosen = settings.get("thresholdConfiguration") or {}
    kind, value = chosen.get("type", "BOUNDED_PERCENT"), int(chosen.get("value", 50))
    if kind == "COUNT":
        return max(1, value)
    share = -(-desired * value // 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(MOST, max(LEAST, share))
