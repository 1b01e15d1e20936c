"""Looking through the metrics for a search: those that had points within two weeks, 500 at most."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice

from cloudarium.kernel.metrics import MetricKey, Metrics
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.math.values import MathError, Origin
from cloudarium.services.cloudwatch.periods import is_period
from cloudarium.services.cloudwatch.search.query import Query, parse_query
from cloudarium.services.cloudwatch.statistics import statistic

MOST_FOUND = 500
MOST_LOOKED_AT = 100_000
"""Metrics that all searches of a request may look at together, as they hold up everybody else."""
_ACTIVE = 14 * 86_400

_parsed = lru_cache(maxsize=256)(parse_query)


def find(
    metrics: Metrics, scope: Scope, text: str, stat: str, period: int, now: float, left: list[int]
) -> tuple[list[tuple[Origin, str]], bool]:
    """Metrics that a search finds, each with its label, in order; and whether there are more. Raises MathError.

    ``left`` is how many metrics may still be looked at; it becomes less.
    """
    query = _parsed(text)
    if statistic(stat) is None:
        raise MathError(f"Invalid statistic '{stat}' in SEARCH")
    if not is_period(period):
        raise MathError("The period of SEARCH must be 1, 5, 10, 20, 30 or a multiple of 60")
    keys, more = _matching(metrics, scope, query, now - _ACTIVE, left)
    labels = distinguish(keys)
    found = [(Origin(*key, stat), label) for key, label in zip(keys, labels, strict=True)]
    return found, more


def _matching(
    metrics: Metrics, scope: Scope, query: Query, since: float, left: list[int]
) -> tuple[list[MetricKey], bool]:
    namespace = query.namespace or query.only("Namespace")
    looked_at = metrics.find(scope, namespace, query.only("MetricName"), since=since)
    keys = []
    for key in islice(looked_at, left[0]):
        left[0] -= 1
        if query.matches(key):
            keys.append(key)
    keys.sort()
    more = len(keys) > MOST_FOUND or (left[0] <= 0 and next(looked_at, None) is not None)
    return keys[:MOST_FOUND], more


def distinguish(keys: list[MetricKey]) -> list[str]:
    """Labels that tell metrics apart: of namespace, dimension values and name, those in which they differ."""
    spaces = {key.namespace for key in keys}
    names = {key.name for key in keys}
    values: dict[str, set[str]] = {}
    for key in keys:
        for name, value in key.dimensions:
            values.setdefault(name, set()).add(value)
    everywhere = {name for name in values if all(any(n == name for n, _ in key.dimensions) for key in keys)}
    labels = []
    for key in keys:
        parts = [key.namespace] if len(spaces) > 1 else []
        parts += [value for name, value in key.dimensions if len(values[name]) > 1 or name not in everywhere]
        parts += [key.name] if len(names) > 1 else []
        labels.append(" ".join(parts) or key.name)
    return labels
