"""What is stored of anomaly detectors, and how one is found for a metric or an expression.

A detector's id is made from what it watches: one metric and statistic, or an expression with all it stands on. So the
detector of a band is found at once, and there is never a second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.store import Record
from cloudarium.services.cloudwatch.anomaly.model import Model
from cloudarium.services.cloudwatch.math.parser import Call, Name, parse
from cloudarium.services.cloudwatch.math.values import MathError, Origin

PENDING = "PENDING_TRAINING"
INSUFFICIENT = "TRAINED_INSUFFICIENT_DATA"
TRAINED = "TRAINED"

Queries = Sequence[Mapping[str, Any]]

BASE_PERIOD = 300
_MOST_PERIODS = 4


class AnomalyDetector(Record, frozen=True, kw_only=True):
    """A detector of one metric (``origin`` fields) or of an expression (``queries``).

    ``models`` are by period, as text; ``periods`` are those that are asked for. ``trained`` is when, 0.0 never;
    ``learned`` is the ``revision`` of the configuration that it was trained with.
    """

    TABLE = "cloudwatch.anomaly_detectors"
    KEY = "id"

    id: str
    namespace: str = ""
    metric_name: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    stat: str = ""
    queries: tuple[dict[str, Any], ...] = ()
    excluded: tuple[tuple[float, float], ...] = ()
    timezone: str = ""
    spikes: bool | None = None
    periods: tuple[int, ...] = (BASE_PERIOD,)
    models: dict[str, Model] = msgspec.field(default_factory=dict)
    state: str = PENDING
    trained: float = 0.0
    revision: int = 1
    learned: int = 0

    @property
    def origin(self) -> Origin:
        """The metric that it watches."""
        return Origin(self.namespace, self.metric_name, self.dimensions, self.stat)

    def with_period(self, period: int) -> AnomalyDetector:
        """The same, learning this period too (of many, the oldest is forgotten); expressions have their own period."""
        if self.queries or period in self.periods:
            return self
        return self.replace(periods=(*self.periods, period)[-_MOST_PERIODS:], revision=self.revision + 1)


def of_metric(origin: Origin) -> str:
    """The id of a metric's detector."""
    return _hashed(["metric", origin.namespace, origin.name, origin.dimensions, origin.stat])


def of_queries(queries: Queries, target: str) -> str:
    """The id of the detector of an expression: of its text, and of all that it refers to. Raises MathError."""
    by_id = {query["Id"]: query for query in queries}
    needed, pending = {target}, [target]
    while pending:
        query = by_id[pending.pop()]
        if "Expression" in query:
            for name in parse(query["Expression"]).names() & by_id.keys() - needed:
                needed.add(name)
                pending.append(name)
    described: list[Any] = [by_id[target].get("Expression"), by_id[target].get("MetricStat")]
    for name in sorted(needed - {target}):
        described.append([name, by_id[name].get("Expression"), by_id[name].get("MetricStat")])
    return _hashed(["math", described])


def target_of(queries: Queries) -> str:
    """The id of the query of a metric math detector that is watched. Raises MathError when there is not just one."""
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise MathError("Exactly one of the MetricDataQueries of a metric math anomaly detector must return data")
    return str(returned[0])


def id_of_band(queries: Queries, band: str) -> tuple[str, str] | None:
    """For a query with ANOMALY_DETECTION_BAND: the id of what the band is of, and of its detector."""
    by_id = {query["Id"]: query for query in queries}
    for node in parse(by_id[band].get("Expression", "0")).nodes():
        if isinstance(node, Call) and node.function == "ANOMALY_DETECTION_BAND" and node.arguments:
            watched = node.arguments[0]
            if isinstance(watched, Name) and watched.id in by_id:
                return watched.id, id_of_query(queries, watched.id)
    return None


def id_of_query(queries: Queries, target: str) -> str:
    """The id of the detector of a query."""
    query = next(each for each in queries if each["Id"] == target)
    return of_metric(origin_of(query["MetricStat"])) if "MetricStat" in query else of_queries(queries, target)


def origin_of(stat: Mapping[str, Any]) -> Origin:
    """The metric of a MetricStat; units do not tell detectors apart."""
    metric = stat["Metric"]
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions", ())))
    return Origin(metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"])


def _hashed(described: list[Any]) -> str:
    digest = hashlib.sha256(msgspec.json.encode(described, order="sorted")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
