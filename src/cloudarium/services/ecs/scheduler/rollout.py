"""Which tasks of a service to start and which to stop, now. Pure arithmetic; knows no clock, store or network.

A rolling update walks between two lines. The *lower* one, ``minimumHealthyPercent`` of the desired count rounded up,
is how many tasks must stay healthy; the *upper* one, ``maximumPercent`` rounded down, is how many may exist, those
that still drain or stop included. Each call looks at the tasks as they are and says what may happen at this instant;
called again after every change it converges, and because each single answer keeps to both lines, so does every
interleaving of answers, failures and delays.

Old tasks stay while new ones come up to the upper line. They are stopped when as many healthy tasks as desired are
left without them, or earlier, down to the lower line, when there is no room for the new ones.
A task that failed its health checks is replaced first and stopped afterwards; only when there is no room for the
replacement it goes first, one at a time.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html#service_scheduler
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple


class Phase(Enum):
    """Where a task is in its life, as far as counting goes."""

    STARTING = "starting"
    """Not yet RUNNING."""
    RUNNING = "running"
    STOPPING = "stopping"
    """Asked to stop (draining, stopping) and not yet gone."""


class Unit(NamedTuple):
    """A task that is not STOPPED.

    ``healthy`` counts towards the lower line; ``failed`` means its health checks failed for good, so that it has to
    be replaced; a running task may be neither, while its first checks are awaited. ``current`` is false for tasks of
    an earlier deployment and for those whose container instance drains. ``protected`` is task scale-in protection.
    """

    id: str
    phase: Phase
    healthy: bool = False
    failed: bool = False
    current: bool = True
    protected: bool = False
    zone: str = ""
    created: float = 0.0


class Bounds(NamedTuple):
    """The two lines, in tasks."""

    lower: int
    upper: int


class Decision(NamedTuple):
    """What to do now. ``replacing`` of the starts stand in for tasks that failed their health checks;
    ``stuck`` tells that a deployment can neither start nor stop anything and that nothing is under way.
    """

    start: int = 0
    stop: tuple[str, ...] = ()
    replacing: int = 0
    stuck: bool = False


def bounds(desired: int, minimum_percent: int, maximum_percent: int) -> Bounds:
    """The lines for a desired count: the minimum rounded up (never above desired), the maximum rounded down."""
    lower = -(-desired * minimum_percent // 100)
    return Bounds(min(lower, desired), desired * maximum_percent // 100)


def decide(desired: int, limits: Bounds, units: Sequence[Unit], *, may_start: bool = True) -> Decision:
    """The next step of a replica service. ``may_start`` is false while launches are held back or have failed."""
    lower, upper = limits
    stopping = sum(u.phase is Phase.STOPPING for u in units)
    live = [u for u in units if u.phase is not Phase.STOPPING]
    healthy = sum(_counts(u) for u in live)
    good = [u for u in live if u.current and not u.failed]
    failed = [u for u in live if u.current and u.failed]
    outdated = [u for u in live if not u.current and not u.protected]

    missing = max(0, desired - len(good))
    room = max(0, upper - len(units))
    start = min(missing, room) if may_start else 0
    replacing = min(start, len(failed))

    stops = _Stops(healthy)
    # What never ran serves nobody.
    stops.take(u for u in outdated if u.phase is Phase.STARTING)
    surplus = len(good) - desired
    if surplus > 0:
        stops.take(scale_in(good, surplus))
    # Failed tasks go as soon as there is somebody in their place, healthy or just as bad.
    sound = sum(_counts(u) for u in good)
    excess = sound + len(failed) - desired
    if excess > 0:
        stops.take(sorted(failed, key=_age)[:excess])
    # Old tasks go once the desired number is healthy without them; those that serve nobody once the lower line holds.
    for unit in sorted(outdated, key=_worst_first):
        if unit.id in stops.chosen:
            continue
        if (_counts(unit) and stops.healthy - 1 >= desired) or (not _counts(unit) and stops.healthy >= desired):
            stops.take([unit])
    # No room: make some, as far as the lower line allows. What already stops will be room soon.
    wanted = missing - start - stopping - len(stops.chosen) if may_start else 0
    made = 0
    for unit in sorted(outdated, key=_worst_first):
        if made >= wanted:
            break
        if unit.id not in stops.chosen and (not _counts(unit) or stops.healthy - 1 >= lower):
            if not _counts(unit) and stops.healthy < lower and (made or stopping):
                continue  # below the line already: whatever still runs goes one at a time
            stops.take([unit])
            made += 1
    if wanted > 0 and not made and not stopping and not stops.chosen and failed:
        stops.take(sorted(failed, key=_age)[:1])
    moving = start or stops.chosen or stopping or any(u.phase is Phase.STARTING for u in live)
    waiting = any(u.phase is Phase.RUNNING and not u.healthy and not u.failed for u in live)
    protected = any(u.protected for u in live)
    stuck = may_start and missing > 0 and not moving and not waiting and not protected
    return Decision(start, tuple(stops.chosen), replacing, stuck)


def scale_in(units: Sequence[Unit], count: int) -> list[Unit]:
    """``count`` tasks to give up: first those that do not serve, then from the zone that has most, the newest first.

    Protected tasks are spared, so that there may be fewer.
    """
    left = [u for u in units if not u.protected]
    zones = Counter(u.zone for u in units)
    chosen: list[Unit] = []
    while left and len(chosen) < count:
        unit = max(left, key=lambda u: (not _counts(u), u.phase is Phase.STARTING, zones[u.zone], u.created, u.id))
        left.remove(unit)
        zones[unit.zone] -= 1
        chosen.append(unit)
    return chosen


def unbalanced(units: Iterable[Unit], zones: Sequence[str]) -> Unit | None:
    """A task to move to another zone, or None when no two of these zones differ by more than one task.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
    """
    live = [u for u in units if u.phase is not Phase.STOPPING]
    counts = {zone: 0 for zone in zones} | Counter(u.zone for u in live)
    if len(counts) < 2:
        return None
    most, least = max(counts, key=lambda z: (counts[z], z)), min(counts, key=lambda z: (counts[z], z))
    if counts[most] - counts[least] < 2 or any(not _counts(u) for u in live):
        return None
    movable = [u for u in live if u.zone == most and not u.protected]
    return min(movable, key=lambda u: (-u.created, u.id)) if movable else None


def _counts(unit: Unit) -> bool:
    return unit.phase is Phase.RUNNING and unit.healthy and not unit.failed


def _age(unit: Unit) -> tuple[float, str]:
    return unit.created, unit.id


def _worst_first(unit: Unit) -> tuple[bool, bool, float, str]:
    return _counts(unit), not unit.failed, unit.created, unit.id


class _Stops:
    """Stops chosen so far, in order, and how many healthy tasks they leave."""

    def __init__(self, healthy: int) -> None:
        self.chosen: dict[str, None] = {}
        self.healthy = healthy

    def take(self, units: Iterable[Unit]) -> None:
        for unit in units:
            if unit.id not in self.chosen:
                self.chosen[unit.id] = None
                self.healthy -= _counts(unit)
