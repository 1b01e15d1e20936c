"""The loop that measures: each collector at its interval, data to CloudWatch at the flush interval."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from cloudarium.agent.config.catalogue import unit_of
from cloudarium.agent.config.plan import CollectorPlan, MetricsPlan
from cloudarium.agent.metrics import collectors
from cloudarium.agent.metrics.aggregate import Aggregator
from cloudarium.agent.metrics.listeners import CollectdListener, StatsdListener
from cloudarium.agent.metrics.points import Dimensions, Point
from cloudarium.agent.metrics.publisher import Publisher

_FULL = 1_000
"""Different metrics that are sent at once, however little time has passed."""


class Runner:
    """Measures what a plan asks for. ``common`` dimensions go to every metric. Raises OSError for a taken port."""

    def __init__(
        self, plan: MetricsPlan, common: Dimensions, publisher: Publisher, report: Callable[[str], None]
    ) -> None:
        self._plan, self._common, self._publisher, self._report = plan, common, publisher, report
        self._aggregator = Aggregator(plan.aggregations)
        self._listeners: list[StatsdListener | CollectdListener] = []
        self._jobs: list[Callable[[float], None]] = []
        self._intervals: list[int] = []
        for collector in plan.collectors:
            self._intervals.append(collector.interval)
            self._jobs.append(self._job(collector))

    def run(self, stop: Event) -> None:
        """Measure until asked to stop; what is at hand then is sent once more."""
        threads = [Thread(target=each.run, args=(stop,), name="listen") for each in self._listeners]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        schedule = [(begun, number) for number in range(len(self._jobs))]
        flush = begun + self._plan.flush_seconds
        while not stop.is_set():
            tick = time.monotonic()
            while schedule and schedule[0][0] <= tick:
                due, number = heapq.heappop(schedule)
                self._try(self._jobs[number])
                # A machine that slept does not make up for what it missed.
                following = max(due + self._intervals[number], tick + 0.1)
                heapq.heappush(schedule, (following, number))
            if tick >= flush or len(self._aggregator) >= _FULL:
                flush = tick + self._plan.flush_seconds
                self._publisher.add(self._aggregator.take())
            self._publisher.send()
            stop.wait(max(0.05, min(1.0, min([flush, *(due for due, _ in schedule[:1])]) - time.monotonic())))
        for thread in threads:
            thread.join()
        for job, plan in zip(self._jobs, self._plan.collectors, strict=True):
            if plan.kind in ("statsd", "collectd"):
                self._try(job)
        self._publisher.add(self._aggregator.take())
        self._publisher.send(last=True)

    def _try(self, job: Callable[[float], None]) -> None:
        try:
            job(time.time())
        except (OSError, ValueError) as error:
            self._report(f"a measurement failed: {error}")

    def _job(self, plan: CollectorPlan) -> Callable[[float], None]:
        if plan.kind in ("statsd", "collectd"):
            listener = (StatsdListener if plan.kind == "statsd" else CollectdListener)(plan, self._report)
            self._listeners.append(listener)
            return lambda now: self._received(plan, listener, now)
        collector = collectors.make(plan)
        return lambda now: self._sampled(plan, collector, now)

    def _received(self, plan: CollectorPlan, listener: StatsdListener | CollectdListener, now: float) -> None:
        bucket = plan.aggregation or plan.interval
        time_ = now // bucket * bucket
        common = (*plan.dimensions, *self._common)
        for name, about, values in listener.collect():
            point = Point(
                name, _unique(about, common), values, "None", time_, _resolution(bucket), name not in plan.dropped
            )
            self._aggregator.add(point)

    def _sampled(self, plan: CollectorPlan, collector: collectors.Collector, now: float) -> None:
        wanted = {each.name: each for each in plan.measurements}
        common = (*plan.dimensions, *self._common)
        for sample in collector.collect():
            measurement = wanted.get(sample.name)
            if measurement is None:
                continue
            names = {sample.name, sample.name.removeprefix(f"{plan.kind}_"), measurement.rename}
            self._aggregator.add(
                Point(
                    name=measurement.rename or sample.name,
                    dimensions=_unique(sample.about, common),
                    values={sample.value: 1.0},
                    unit=measurement.unit or unit_of(sample.name),
                    time=now,
                    resolution=_resolution(plan.interval),
                    original=not names & plan.dropped,
                )
            )


def _unique(about: Dimensions, common: Sequence[tuple[str, str]]) -> Dimensions:
    """The dimensions of a metric, its own before those given to it; CloudWatch takes 30."""
    return tuple((dict(common) | dict(about)).items())[:30]


def _resolution(seconds: int) -> int:
    return 1 if seconds < 60 else 60
