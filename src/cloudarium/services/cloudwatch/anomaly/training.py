"""Detectors learn by the clock: at once, soon again while there is little to learn from, then once a day.

An alarm on a band that has no detector yet gets one. Learning reads up to two weeks, a day at a time, and computes in a
thread: other requests go on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.alarms.resources import MetricAlarm
from cloudarium.services.cloudwatch.anomaly.bands import zone_of
from cloudarium.services.cloudwatch.anomaly.detectors import (
    INSUFFICIENT,
    TRAINED,
    AnomalyDetector,
    id_of_band,
    origin_of,
    target_of,
)
from cloudarium.services.cloudwatch.anomaly.model import Model, train
from cloudarium.services.cloudwatch.math.values import MathError

log = logging.getLogger(__name__)

TRAINING = "cloudwatch.anomaly"
_DAY = 86_400
_PAST = 14 * _DAY
_SOON, _HOURLY = 300.0, 3_600.0
Key = tuple[str, Scope, str]


class Training:
    """The controller's work: keys are ``("detector", scope, id)`` and ``("alarm", scope, name)``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._detectors = cloud.store.table(AnomalyDetector)
        self._alarms = cloud.store.table(MetricAlarm)

    def watch(self) -> None:
        """Hear of alarms and detectors that are put."""
        self._alarms.watch(self._alarm_changed)
        self._detectors.watch(self._detector_changed)

    def keys(self) -> Iterator[Key]:
        """Everything there is."""
        for scope, detector in self._detectors.everywhere():
            yield "detector", scope, detector.id
        for scope, alarm in self._alarms.everywhere():
            if alarm.threshold_metric_id:
                yield "alarm", scope, alarm.name

    def _alarm_changed(self, scope: Scope, name: str, old: MetricAlarm | None, new: MetricAlarm | None) -> None:
        if new is not None and new.threshold_metric_id and (old is None or old.queries != new.queries):
            self._cloud.enqueue(TRAINING, ("alarm", scope, name))

    def _detector_changed(
        self, scope: Scope, id_: str, old: AnomalyDetector | None, new: AnomalyDetector | None
    ) -> None:
        if new is not None and (old is None or old.revision != new.revision):
            self._cloud.enqueue(TRAINING, ("detector", scope, id_))

    async def reconcile(self, key: Key) -> float | None:
        """Have a detector for an alarm, or train a detector when it is time."""
        kind, scope, name = key
        if kind == "alarm":
            self._for_alarm(scope, name)
            return None
        detector = self._detectors.get(scope, name)
        if detector is None:
            return None
        now = self._cloud.clock.now()
        due = detector.trained + self._pause(detector)
        if detector.learned == detector.revision and now < due:
            return due - now
        found: dict[str, Model] = {}
        for period in detector.periods:
            model = await self._learn(scope, detector, period, now)
            if model is not None:
                found[str(period)] = model
        there = self._detectors.get(scope, name)
        if there is None:
            return None
        # Its configuration may have been put anew meanwhile; then it is trained again right after.
        state = TRAINED if found else INSUFFICIENT
        trained = there.replace(models=found, state=state, trained=now, learned=detector.revision)
        self._detectors.put(scope, trained)
        return self._pause(trained) if there.revision == detector.revision else 0.0

    def _pause(self, detector: AnomalyDetector) -> float:
        if not detector.models:
            return _SOON
        model = next(iter(detector.models.values()))
        return _DAY if model.week else _HOURLY

    def _for_alarm(self, scope: Scope, name: str) -> None:
        alarm = self._alarms.get(scope, name)
        if alarm is None or not alarm.threshold_metric_id:
            return
        try:
            found = id_of_band(alarm.queries, alarm.threshold_metric_id)
        except MathError:
            return
        if found is None:
            return
        watched, id_ = found
        there = self._detectors.get(scope, id_) or self._made(alarm, watched, id_)
        # Periods below a minute are seen in minutes: seconds are kept for hours only.
        wanted = there.with_period(max(60, alarm.period))
        if self._detectors.get(scope, id_) != wanted:
            self._detectors.put(scope, wanted)

    def _made(self, alarm: MetricAlarm, watched: str, id_: str) -> AnomalyDetector:
        query = next(each for each in alarm.queries if each["Id"] == watched)
        if "MetricStat" in query:
            origin = origin_of(query["MetricStat"])
            return AnomalyDetector(
                id=id_,
                namespace=origin.namespace,
                metric_name=origin.name,
                dimensions=origin.dimensions,
                stat=origin.stat,
            )
        others = [each for each in alarm.queries if each["Id"] != alarm.threshold_metric_id]
        queries = tuple({**each, "ReturnData": each["Id"] == watched} for each in others)
        return AnomalyDetector(id=id_, queries=queries)

    async def _learn(self, scope: Scope, detector: AnomalyDetector, period: int, now: float) -> Model | None:
        points: list[tuple[int, float]] = []
        begin = int(now - _PAST) // _DAY * _DAY
        for day in range(begin, int(now), _DAY):
            try:
                found = self._points(scope, detector, period, day, min(day + _DAY, now))
            except AwsError as error:
                log.info("anomaly detector %s has nothing to learn from: %s", detector.id, error.message)
                return None
            points += [point for point in found if not any(start <= point[0] < end for start, end in detector.excluded)]
            await asyncio.sleep(0)
        ceiling = 100.0 if self._is_percentage(scope, detector) else math.inf
        zone = zone_of(detector.timezone)
        return await asyncio.to_thread(train, points, zone, spikes=bool(detector.spikes), ceiling=ceiling)

    def _is_percentage(self, scope: Scope, detector: AnomalyDetector) -> bool:
        """Whether values of an AWS metric end at 100."""
        if not detector.namespace.startswith("AWS/") or detector.stat in ("Sum", "SampleCount"):
            return False
        key = MetricKey(detector.namespace, detector.metric_name, detector.dimensions)
        return self._cloud.metrics.units(scope, key) == ["Percent"]

    def _points(
        self, scope: Scope, detector: AnomalyDetector, period: int, start: float, end: float
    ) -> list[tuple[int, float]]:
        from cloudarium.services.cloudwatch.data.engine import Engine

        # The last period may not be over yet.
        end = min(end, self._cloud.clock.now() // period * period)
        if end <= start:
            return []
        now = self._cloud.clock.now()
        if not detector.queries:
            engine = Engine(self._cloud, scope, (), start, end, now)
            return sorted(engine.series("", detector.origin, period).points.items())
        engine = Engine(self._cloud, scope, detector.queries, start, end, now)
        found = engine.value(target_of(detector.queries))
        return sorted(found.points.items()) if not isinstance(found, list) else []


def start(cloud: Cloud) -> None:
    """Begin to learn."""
    training = Training(cloud)
    training.watch()
    cloud.controller(TRAINING, training.reconcile, training.keys)
