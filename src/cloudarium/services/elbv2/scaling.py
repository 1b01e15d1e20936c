"""How many nodes a load balancer needs. Pure: load in, nodes per zone out.

AWS does not say when it adds nodes, only that it does so fast and takes them away slowly, that zones are kept even,
and that a load balancer has at most a hundred addresses over all its subnets. So a load balancer here has as many
*layers* as its load asks for, each a node in every zone. A node is full at any of the numbers below. They lie where
one node's share of this machine is noticeable, so that growth can be watched on it; and a layer that makes no
difference to these, but has a processor of its own to run on, is added when the processes that carry the load
balancer's nodes are busy.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer
"""

from __future__ import annotations

import math

import msgspec

REQUESTS = 1000.0
"""Requests per second that a node is meant to carry."""
CONNECTIONS = 200.0
"""New connections per second, of clients and to targets, that a node is meant to carry."""
ACTIVE = 1000
"""Open connections, of clients and to targets, that a node is meant to carry."""
BUSY = 0.6
"""The share of a processor above which a worker's nodes are busy."""
MOST_NODES = 100
"""Addresses of one load balancer over all subnets, as documented."""
HEADROOM = 1.3
"""How much more load fewer nodes must be able to carry before any are taken away."""
CALM = 900.0
"""Cloud seconds of little load before a layer goes, and again before the next does."""


class Load(msgspec.Struct, frozen=True):
    """What a load balancer carries over all its nodes: per second, and open connections."""

    requests: float = 0.0
    connections: float = 0.0
    active: int = 0
    busy: bool = False
    """Whether a worker that spends much of its time on this load balancer is busy."""

    def nodes(self) -> int:
        """How many nodes that fills."""
        return max(
            1,
            math.ceil(self.requests / REQUESTS),
            math.ceil(self.connections / CONNECTIONS),
            math.ceil(self.active / ACTIVE),
        )

    def scaled(self, factor: float) -> Load:
        """The load when everything countable is multiplied."""
        return Load(self.requests * factor, self.connections * factor, math.ceil(self.active * factor), self.busy)


def layers_for(load: Load, *, zones: int, layers: int, workers: int) -> int:
    """The nodes per zone that a load asks for, with `layers` of them now and `workers` processes to run nodes."""
    needed = math.ceil(load.nodes() / zones)
    if load.busy and layers < workers:
        needed = max(needed, layers + 1)
    return max(1, min(needed, MOST_NODES // zones))


class Plan(msgspec.Struct, frozen=True):
    """Nodes per zone, and since when (cloud seconds) fewer would do; None while they would not."""

    layers: int
    calm_since: float | None = None


def grow(now: Plan, load: Load, *, zones: int, workers: int) -> Plan:
    """What to do at once about a load: more layers or the same."""
    needed = layers_for(load, zones=zones, layers=now.layers, workers=workers)
    return Plan(needed) if needed > now.layers else now


def review(now: Plan, load: Load, at: float, *, zones: int, workers: int) -> Plan:
    """What to do about the load of the last minute, at cloud time `at`: more layers, the same, or one less."""
    grown = grow(now, load, zones=zones, workers=workers)
    if grown.layers > now.layers:
        return grown
    if load.busy or layers_for(load.scaled(HEADROOM), zones=zones, layers=now.layers, workers=workers) >= now.layers:
        return Plan(now.layers)
    if now.calm_since is None:
        return Plan(now.layers, at)
    return Plan(now.layers - 1, at) if at - now.calm_since >= CALM else now
