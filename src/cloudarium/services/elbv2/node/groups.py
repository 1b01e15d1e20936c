"""A target group as one node sees it: its targets with their connections, and who is next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from cloudarium.services.elbv2.node.balancing import (
    EvenRandom,
    LeastOutstanding,
    RoundRobin,
    WeightedRandom,
    WeightedTurns,
    slow_start_share,
)
from cloudarium.services.elbv2.node.counting import GroupCounts
from cloudarium.services.elbv2.node.pools import Thresholds, eligible
from cloudarium.services.elbv2.node.stickiness import fingerprint
from cloudarium.services.elbv2.node.wire import GroupSnap, TargetSnap
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream

_ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


class Seat:
    """A target, with this node's connections to it."""

    __slots__ = ("counted", "errors", "mark", "slow_since", "state", "target", "upstream", "weight", "zone")

    def __init__(self, target: TargetSnap, upstream: Upstream) -> None:
        self.target = target
        self.upstream = upstream
        self.mark = fingerprint(target.key, 16)
        self.zone = target.zone
        self.state = target.state
        self.slow_since = target.slow_since
        self.weight = target.weight
        self.errors = 0
        """Answers 5xx and failed connections since the last collection."""
        self.counted = 0
        """Of ``upstream.requests``, how many have been collected."""

    @property
    def active(self) -> int:
        """Requests outstanding."""
        return self.upstream.active


class _Picker(Protocol):
    def next(self) -> Seat | None: ...


class Session:
    """What of a group's attributes concerns stickiness."""

    __slots__ = ("app_cookie", "duration", "kind")

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.kind = attributes["stickiness.type"] if attributes["stickiness.enabled"] == "true" else ""
        """``lb_cookie``, ``app_cookie`` or empty."""
        self.app_cookie = attributes["stickiness.app_cookie.cookie_name"].encode()
        self.duration = float(attributes[f"stickiness.{self.kind or 'lb_cookie'}.duration_seconds"])


class GroupView:
    """One target group at one node. Keeps its connections and turns while targets come and go."""

    def __init__(
        self,
        zone: str,
        make_upstream: Callable[[TargetSnap, ProtocolVersion], Upstream],
        release: Callable[[Upstream], None] = Upstream.close,
        first: int = 0,
    ) -> None:
        """``release`` ends a deregistered target's connections; ``first`` is where turns begin."""
        self.zone = zone
        self._release = release
        self._first = first
        self.arn = ""
        self.mark = b""
        self.counts = GroupCounts()
        self.session: Session
        self.fails_open = False
        """Whether too few targets are healthy, so that all get traffic."""
        self._make_upstream = make_upstream
        self._seats: dict[str, Seat] = {}
        self._by_mark: dict[bytes, Seat] = {}
        self._picker: _Picker = RoundRobin([])
        self.next: Callable[[], Seat | None] = self._picker.next
        """The target whose turn it is; None when the group has none here."""
        self._slow_until = 0.0
        self._now: Callable[[], float]

    def update(self, snap: GroupSnap, now: Callable[[], float]) -> None:
        """Take over what the cloud says of the group. Connections to targets that are gone are closed."""
        self.arn, self.mark = snap.arn, fingerprint(snap.arn, 8)
        self.session = Session(snap.attributes)
        self._now = now
        attributes = snap.attributes
        self._algorithm = attributes["load_balancing.algorithm.type"]
        self._cross_zone = attributes["load_balancing.cross_zone.enabled"] != "false"
        self._slow_start = float(attributes["slow_start.duration_seconds"])
        self._thresholds = Thresholds(
            _threshold(attributes[f"{_ROUTING}.count"]), _threshold(attributes[f"{_ROUTING}.percentage"])
        )
        wanted = {target.key: target for target in snap.targets}
        for key in self._seats.keys() - wanted.keys():
            self._release(self._seats.pop(key).upstream)
        for key, target in wanted.items():
            seat = self._seats.get(key)
            if seat is None or (seat.target.address, seat.target.port) != (target.address, target.port):
                if seat is not None:
                    seat.upstream.close()
                upstream = self._make_upstream(target, ProtocolVersion(snap.protocol_version))
                self._seats[key] = seat = Seat(target, upstream)
                upstream.owner = seat
            seat.zone, seat.slow_since, seat.weight = target.zone, target.slow_since, target.weight
            seat.state = target.by_zone.get(self.zone, target.state)
        self._repick()

    def change(self, key: str, state: str, slow_since: float) -> None:
        """A target's health changed."""
        seat = self._seats.get(key)
        if seat is not None and (seat.state, seat.slow_since) != (state, slow_since):
            seat.state, seat.slow_since = state, slow_since
            self._repick()

    def collect(self) -> GroupCounts:
        """What was counted since the last time, with what concerns each target."""
        counts, self.counts = self.counts, GroupCounts()
        for key, seat in self._seats.items():
            if requests := seat.upstream.requests - seat.counted:
                counts.target_requests[key] = requests
            if seat.errors:
                counts.target_errors[key] = seat.errors
            seat.counted, seat.errors = seat.upstream.requests, 0
        return counts

    def close(self) -> None:
        """Let go of every connection."""
        for seat in self._seats.values():
            seat.upstream.close()
        self._seats.clear()

    def _next_of_slow(self) -> Seat | None:
        if self._now() >= self._slow_until:
            self._repick()
        return self._picker.next()

    def remembered(self, mark: bytes | None) -> Seat | None:
        """The target with a fingerprint, when it may get traffic now."""
        return self._by_mark.get(mark) if mark is not None else None

    @property
    def seats(self) -> Iterable[Seat]:
        """Every registered target."""
        return self._seats.values()

    def _repick(self) -> None:
        seats, healthy = eligible(list(self._seats.values()), self.zone, self._cross_zone, self._thresholds)
        self.fails_open = not healthy and bool(seats)
        self._by_mark = {seat.mark: seat for seat in seats}
        self._slow_until = self._slow_end(seats) if healthy and self._slow_start else 0.0
        if self._algorithm == "least_outstanding_requests":
            self._picker = LeastOutstanding(seats)
        elif self._algorithm == "weighted_random":
            weights = [seat.weight for seat in seats]
            # Nearly always all weigh the same, and then nothing has to be looked up.
            self._picker = EvenRandom(seats) if len(set(weights)) <= 1 else WeightedRandom(seats, weights)
        elif self._slow_until:
            turns: WeightedTurns[Seat] = WeightedTurns(seats, self._share)
            self._picker = turns
        else:
            self._picker = RoundRobin(seats, self._first)
        self.next = self._next_of_slow if self._slow_until else self._picker.next

    def _slow_end(self, seats: list[Seat]) -> float:
        now = self._now()
        ends = [end for seat in seats if seat.slow_since and (end := seat.slow_since + self._slow_start) > now]
        return max(ends, default=0.0)

    def _share(self, seat: Seat) -> float:
        return slow_start_share(seat.slow_since, self._slow_start, self._now())


def _threshold(text: str) -> int | None:
    return None if text == "off" else int(text)
