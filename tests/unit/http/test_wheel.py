"""Deadlines of sockets."""

from __future__ import annotations

import asyncio

from cloudarium.substrate.http.wheel import INTERVAL, Wheel


class Probe:
    """Counts how often its deadline passed."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.fired = 0

    def on_deadline(self) -> None:
        """The wheel's."""
        self.fired += 1


async def test_a_deadline_never_fires_early() -> None:
    """Whoever sets one reads the last tick's time, which is up to an interval old."""
    wheel = Wheel(asyncio.get_running_loop())
    probe = Probe(wheel.time + 1.0)  # set just before the next tick, so really for one interval later
    wheel.watched.add(probe)
    for _ in range(round(1.0 / INTERVAL)):
        wheel.advance(INTERVAL)
        assert not probe.fired
    wheel.advance(INTERVAL)
    assert probe.fired == 1
