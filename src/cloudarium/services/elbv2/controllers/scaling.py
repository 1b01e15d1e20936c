"""Measures the load of each load balancer and has its nodes become more, or fewer (the rules are in ``scaling``).

Workers hand over counters at the turn of each minute, and every second when there is much to count. Each time it is
seen whether nodes must be added; whether some may go, at the turn of the minute only. What is decided is a number in
the load balancer's record, which the controller of load balancers makes true.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import scaling
from cloudarium.services.elbv2.controllers.workers import Workers
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.counting import Counts
from cloudarium.services.elbv2.resources import LoadBalancer
from cloudarium.services.elbv2.scaling import Load, Plan

_SHORTEST = 5.0
"""Cloud seconds over which load is spread at least: a burst that is shorter is no load."""
_PROCESSOR_SHORTEST = 5.0
"""Host seconds over which a worker's use of its processor is judged at least."""
_MAINLY = 0.25
"""The part of a worker's requests from which on its being busy is a load balancer's affair."""


class _Window:
    """What a load balancer's nodes did since a time."""

    __slots__ = ("active", "busy", "connections", "requests", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.requests = 0
        self.connections = 0
        self.active: dict[str, int] = {}
        self.busy = False

    def add(self, counts: Counts, busy: bool) -> None:
        for name, node in counts.nodes.items():
            self.requests += node.handled()
            self.connections += node.new_connections
            self.active[name] = node.active_connections
        self.busy = self.busy or busy

    def load(self, now: float) -> Load:
        seconds = max(now - self.since, _SHORTEST)
        return Load(self.requests / seconds, self.connections / seconds, sum(self.active.values()), self.busy)


class Scaling:
    """Decides for every load balancer of a cloud."""

    def __init__(self, cloud: Cloud, workers: Workers) -> None:
        self._cloud = cloud
        self._workers = workers
        self._balancers = cloud.store.table(LoadBalancer)
        self._reviewed = cloud.clock.now()
        self._minutes: dict[str, _Window] = {}
        self._bursts: dict[str, _Window] = {}
        """What came in unasked for, because there was much."""
        self._calm: dict[str, float] = {}
        self._processors: dict[int, tuple[float, float]] = {}
        """Host time and processor time of each worker when it was last judged."""

    def measured(self, scopes: Mapping[str, Scope], worker: int, collected: wire.Collected) -> None:
        """A worker handed over what its nodes counted; ``scopes`` tells where each load balancer is."""
        now = self._cloud.clock.now()
        busy = self._is_busy(worker, collected.processor)
        handled = {arn: sum(node.handled() for node in each.nodes.values()) for arn, each in collected.counts.items()}
        total = sum(handled.values())
        for arn, counts in collected.counts.items():
            mainly = busy and handled[arn] >= total * _MAINLY
            self._minutes.setdefault(arn, _Window(self._reviewed)).add(counts, mainly)
            scope = scopes.get(arn)
            balancer = self._balancers.get(scope, arn) if scope is not None else None
            if scope is None or balancer is None or collected.id:
                continue
            burst = self._bursts.get(arn)
            if burst is None or now - burst.since >= _SHORTEST:
                burst = self._bursts[arn] = _Window(now)
            burst.add(counts, mainly)
            before = Plan(balancer.layers, self._calm.get(arn))
            after = scaling.grow(before, burst.load(now), **self._means(balancer))
            if after != before:
                del self._bursts[arn]
                self._decide(scope, balancer, after)

    def review(self, now: float) -> None:
        """A minute has passed: decide for each load balancer, also for those that nobody uses."""
        minutes, self._minutes, self._reviewed = self._minutes, {}, now
        there = set()
        for scope, balancer in self._balancers.everywhere():
            there.add(balancer.arn)
            window = minutes.get(balancer.arn)
            load = window.load(now) if window is not None else Load()
            before = Plan(balancer.layers, self._calm.get(balancer.arn))
            self._decide(scope, balancer, scaling.review(before, load, now, **self._means(balancer)))
        for known in (self._bursts, self._calm):
            for arn in known.keys() - there:
                del known[arn]

    def _means(self, balancer: LoadBalancer) -> dict[str, int]:
        return {"zones": len(balancer.zones), "workers": len(self._workers)}

    def _decide(self, scope: Scope, balancer: LoadBalancer, plan: Plan) -> None:
        if plan.calm_since is None:
            self._calm.pop(balancer.arn, None)
        else:
            self._calm[balancer.arn] = plan.calm_since
        if plan.layers != balancer.layers:
            self._balancers.put(scope, balancer.replace(layers=plan.layers))

    def _is_busy(self, worker: int, processor: float) -> bool:
        now = self._cloud.clock.host_time()
        since, before = self._processors.get(worker, (now, processor))
        if now - since < _PROCESSOR_SHORTEST and processor >= before:
            self._processors.setdefault(worker, (since, before))
            return False
        self._processors[worker] = (now, processor)
        return processor - before > scaling.BUSY * (now - since)
