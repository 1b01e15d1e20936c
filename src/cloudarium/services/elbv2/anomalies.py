"""Automatic Target Weights: which targets fail more often than their peers, and what share of traffic each gets.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#automatic-target-weights

Documented: the part of a target's requests that failed (answered 5xx, or the connection failed) is compared with that
of the other targets of its group; one that fails significantly more often is anomalous. It takes three healthy
targets. Mitigation lowers an anomalous target's traffic to the least that still tells how it fares; one that is normal
again gets gradually more, until it is level with the others.

The theory: if a target were no different from the others, the difference between its part of errors and theirs would
be near zero, with a standard deviation of sqrt(p (1 - p) (1/n + 1/m)), where p is the part over all, n and m the
numbers of requests (the test of two proportions; rough for small numbers, on the side of the few who matter here).
A difference of many such deviations is not chance. As a difference can be certain and still not matter, it must also
be large in itself. What all targets share is nobody's anomaly.

AWS publishes no thresholds; all of those here are ours. AWS adjusts weights every five seconds; here it is done at the
turn of each minute, when counters are collected, in steps to match.

Pure: counts of a window and what was thought before in, what is thought now out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

FEWEST = 3
"""Healthy targets that a comparison takes (AWS's number)."""
_ENOUGH = 5
"""Requests of a target, and of its peers, that a judgement takes; fewer are kept until there are more."""
_DEVIATIONS = 3.0
_MARGIN = 0.05
"""By how much a target's part of errors must exceed that of its peers; half of it, to go on being anomalous."""
LEAST = 0.05
"""The weight of an anomalous target under mitigation: with it there is something to see its recovery by."""
_GROWTH = 2.0
"""How many times its weight a target gets that is normal again, with every window."""


class Sample(NamedTuple):
    """Requests to a target, and how many of them failed."""

    requests: int = 0
    errors: int = 0

    def plus(self, other: Sample) -> Sample:
        """Both together."""
        return Sample(self.requests + other.requests, self.errors + other.errors)

    def minus(self, other: Sample) -> Sample:
        """What is left without the other."""
        return Sample(self.requests - other.requests, self.errors - other.errors)

    @property
    def part(self) -> float:
        """The part that failed."""
        return min(1.0, self.errors / self.requests) if self.requests else 0.0


class Standing(NamedTuple):
    """What is thought of a target: its weight among the others, and what was seen of it but not yet judged."""

    anomalous: bool = False
    weight: float = 1.0
    unjudged: Sample = Sample()


NORMAL = Standing()


def review(before: Mapping[str, Standing], window: Mapping[str, Sample], *, mitigate: bool) -> dict[str, Standing]:
    """Judge the healthy targets of a group, which are the keys of ``window``, after that window."""
    if len(window) < FEWEST:
        return dict.fromkeys(window, NORMAL)
    seen = {key: before.get(key, NORMAL).unjudged.plus(sample) for key, sample in window.items()}
    everything = functools.reduce(Sample.plus, seen.values())
    after = {}
    for key, own in seen.items():
        was = before.get(key, NORMAL)
        peers = everything.minus(own)
        anomalous, unjudged = was.anomalous, own
        if min(own.requests, peers.requests) >= _ENOUGH:
            anomalous, unjudged = _stands_out(own, peers, was.anomalous), Sample()
        after[key] = Standing(anomalous, _weight(was.weight, anomalous) if mitigate else 1.0, unjudged)
    return after


def _stands_out(own: Sample, peers: Sample, before: bool) -> bool:
    difference = own.part - peers.part
    if before:
        return difference >= _MARGIN / 2
    if difference < _MARGIN:
        return False
    both = own.plus(peers).part
    deviation = math.sqrt(both * (1 - both) * (1 / own.requests + 1 / peers.requests))
    return difference > _DEVIATIONS * deviation


def _weight(before: float, anomalous: bool) -> float:
    return LEAST if anomalous else min(1.0, before * _GROWTH)
