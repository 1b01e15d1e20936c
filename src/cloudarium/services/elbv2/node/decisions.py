"""A listener's rules made ready to decide: from the rule that matched to what the HTTP engine is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloudarium.services.elbv2.node.balancing import WeightedTurns
from cloudarium.services.elbv2.node.cookies import request_cookie, sets_cookie
from cloudarium.services.elbv2.node.groups import GroupView, Seat
from cloudarium.services.elbv2.node.matching import host_name
from cloudarium.services.elbv2.node.redirects import LONGEST, Redirect
from cloudarium.services.elbv2.node.rewriting import Rewrites
from cloudarium.services.elbv2.node.stickiness import (
    APP_COOKIE,
    APP_COOKIE_LIFE,
    GROUP_COOKIE,
    LB_COOKIE,
    Stickiness,
    session_cookie,
    set_cookie,
    set_cookie_pair,
)
from cloudarium.services.elbv2.node.wire import RuleSnap
from cloudarium.substrate.http.answers import error_page, http_date
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.heads import ResponseHead
from cloudarium.substrate.http.routing import Decision, Fail, Forward, Respond, Tally


@dataclass(slots=True, eq=False)
class Note:
    """What a request's record needs beside what the engine keeps."""

    priority: str
    action: str
    evaluations: int
    group: GroupView | None = None
    redirect_url: str = "-"
    redirect_too_long: bool = False
    non_sticky: bool = False
    original_target: bytes = b""
    transformed_host: str = "-"
    transformed_uri: str = "-"
    transform_status: str = "-"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the decisions of one listener of one node share."""

    port: int
    dns_name: str
    stickiness: Stickiness
    now: Callable[[], float]
    response_fields: bytes
    """Rendered fields that listener attributes add."""
    own_fields: tuple[tuple[bytes, bytes], ...]
    """The same as pairs, for answers of the load balancer's own."""
    dropped_fields: frozenset[bytes]
    tally: Callable[[Seat], Tally] | None
    """Where requests to a target are counted of which nothing but number and times is kept; None with access logs."""


Decide = Callable[[Exchange], Decision]


def compile_rule(rule: RuleSnap, evaluations: int, groups: Mapping[str, GroupView], around: Surroundings) -> Decide:
    """The deciding function of a rule; ``groups`` are this node's views by ARN. Sets ``exchange.note``."""
    action = rule.actions[-1]
    if action["Type"] == "fixed-response":
        return _fixed_response(action["FixedResponseConfig"], _note(rule, "fixed-response", evaluations), around)
    if action["Type"] == "redirect":
        return _Redirecting(Redirect(action["RedirectConfig"]), str(rule.priority), evaluations, around).decide
    config = action["ForwardConfig"]
    weighted = [(groups[each["TargetGroupArn"]], each["Weight"]) for each in config["TargetGroups"]]
    sticky = config.get("TargetGroupStickinessConfig", {})
    group_duration = float(sticky.get("DurationSeconds", 0)) if sticky.get("Enabled") and len(weighted) > 1 else 0.0
    forwarding = _Forwarding(rule, evaluations, weighted, group_duration, around)
    return forwarding.decide if forwarding.needs_care else forwarding.decide_plainly


def _note(rule: RuleSnap, action: str, evaluations: int, group: GroupView | None = None) -> Note:
    return Note(str(rule.priority), action, evaluations, group)


def _fixed_response(config: Mapping[str, str], note: Note, around: Surroundings) -> Decide:
    body = config.get("MessageBody", "").encode()
    content_type = config.get("ContentType") or "text/plain"
    fields = [(b"Content-Type", content_type.encode()), *around.own_fields]
    answer = Respond(int(config["StatusCode"]), fields, body)

    def decide(exchange: Exchange) -> Decision:
        exchange.note = note
        return answer

    return decide


@dataclass(frozen=True, slots=True)
class _Redirecting:
    redirect: Redirect
    priority: str
    evaluations: int
    around: Surroundings

    def decide(self, exchange: Exchange) -> Decision:
        path, _, query = exchange.target.partition(b"?")
        host = host_name(exchange.host) or self.around.dns_name
        location = self.redirect.location(
            exchange.listener.settings.scheme, host, self.around.port, path.decode("latin-1"), query.decode("latin-1")
        )
        note = exchange.note = Note(self.priority, "redirect", self.evaluations)
        encoded = re.sub(rb"[^\x21-\x7e]", lambda byte: b"%%%02X" % byte[0][0], location.encode("latin-1", "replace"))
        if len(encoded) > LONGEST:
            note.redirect_too_long = True
            return Fail(507)
        note.redirect_url = encoded.decode()
        page = error_page(self.redirect.status)
        fields = [(b"Content-Type", b"text/html"), *self.around.own_fields, (b"Location", encoded)]
        return Respond(self.redirect.status, fields, page)


class _Forwarding:
    """A forward action: to one group or several by weight, with or without sessions and rewriting."""

    __slots__ = (
        "_around",
        "_by_mark",
        "_evaluations",
        "_forwards",
        "_group_duration",
        "_lines",
        "_note",
        "_only",
        "_priority",
        "_rewrites",
        "_turns",
        "_weighted",
    )

    def __init__(
        self,
        rule: RuleSnap,
        evaluations: int,
        weighted: list[tuple[GroupView, int]],
        group_duration: float,
        around: Surroundings,
    ) -> None:
        self._around = around
        self._weighted = weighted
        self._only = weighted[0][0]
        self._turns = WeightedTurns(weighted, lambda pair: pair[1])
        self._by_mark = {group.mark: group for group, weight in weighted if weight > 0}
        self._group_duration = group_duration
        self._rewrites = Rewrites(rule.transforms) if rule.transforms else None
        self._priority, self._evaluations = str(rule.priority), evaluations
        self._note = _note(rule, "forward", evaluations, self._only)
        self._forwards: dict[Seat, Forward] = {}
        self._lines: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}

    @property
    def needs_care(self) -> bool:
        """Whether a request may need more than the next target of the only group."""
        return (
            len(self._weighted) > 1
            or self._weighted[0][1] == 0
            or self._rewrites is not None
            or bool(self._only.session.kind)
        )

    def decide_plainly(self, exchange: Exchange) -> Decision:
        """One group, no sessions, nothing rewritten: the same Forward for every request to a target."""
        exchange.note = self._note
        group = self._only
        seat = group.next()
        if seat is None:
            return Fail(503)
        if group.fails_open:
            # Such requests are counted as routed to unhealthy targets.
            return self._forward(seat, self._around.response_fields, None)
        return self._forwards.get(seat) or self._plain(seat)

    def _plain(self, seat: Seat) -> Forward:
        if len(self._forwards) > 1000:
            self._forwards.clear()
        around = self._around
        forward = self._forwards[seat] = Forward(
            seat.upstream,
            response_fields=around.response_fields,
            dropped_response_fields=around.dropped_fields,
            tally=around.tally(seat) if around.tally is not None else None,
        )
        return forward

    def decide(self, exchange: Exchange) -> Decision:
        """The general case."""
        around = self._around
        now = around.now()
        note = exchange.note = Note(self._priority, "forward", self._evaluations)
        cookies = exchange.headers.get_all(b"cookie")
        fields = around.response_fields
        group, group_line = self._group(cookies, now)
        if group is None:
            return Fail(503)
        note.group = group
        host: bytes | None = None
        if self._rewrites is not None:
            host, failed = self._rewrites.apply(exchange, note)
            if failed:
                return Fail(500)
        session = group.session
        if session.kind == "lb_cookie":
            mark = around.stickiness.remembered(session_cookie(cookies, LB_COOKIE), group.mark, now)
            seat = self._seat(group, mark, note)
            if seat is None:
                return Fail(503)
            fields += group_line + self._session_line(LB_COOKIE, group.mark, seat.mark, now, session.duration)
            return self._forward(seat, fields, host)
        if session.kind == "app_cookie":
            number, mark = around.stickiness.app_cookie(cookies, group.mark, now)
            has_own = request_cookie(cookies, session.app_cookie) is not None
            seat = self._seat(group, mark if has_own else None, note)
            if seat is None:
                return Fail(503)
            return self._forward(seat, fields + group_line, host, self._app_session(group, seat, number, has_own))
        seat = group.next()
        return self._forward(seat, fields + group_line, host) if seat is not None else Fail(503)

    def _forward(
        self,
        seat: Seat,
        fields: bytes,
        host: bytes | None,
        on_response: Callable[[Exchange, ResponseHead], bytes] | None = None,
    ) -> Forward:
        return Forward(
            seat.upstream,
            host=host,
            response_fields=fields,
            dropped_response_fields=self._around.dropped_fields,
            on_response=on_response,
        )

    def _group(self, cookies: list[bytes], now: float) -> tuple[GroupView | None, bytes]:
        """The group, and the cookie line that remembers it."""
        group: GroupView | None = None
        if self._group_duration:
            mark = self._around.stickiness.remembered_group(session_cookie(cookies, GROUP_COOKIE), now)
            group = self._by_mark.get(mark) if mark is not None else None
        if group is None:
            pair = self._turns.next()
            group = pair[0] if pair is not None else None
        if group is None or not self._group_duration:
            return group, b""
        return group, self._session_line(GROUP_COOKIE, group.mark, b"\0" * 16, now, self._group_duration)

    @staticmethod
    def _seat(group: GroupView, mark: bytes | None, note: Note) -> Seat | None:
        seat = group.remembered(mark)
        if seat is None:
            note.non_sticky = True
            seat = group.next()
        return seat

    def _session_line(self, name: bytes, group: bytes, target: bytes, now: float, duration: float) -> bytes:
        """The rendered cookies of a session; one value serves every request of a second."""
        second = int(now)
        kept = self._lines.get((name + group, target))
        if kept is not None and kept[0] == second:
            return kept[1]
        ends = now + duration
        value = self._around.stickiness.value(group, target, ends)
        line = set_cookie_pair(name, value, http_date(ends), secure=False)
        if len(self._lines) > 2000:
            self._lines.clear()
        self._lines[(name + group, target)] = (second, line)
        return line

    def _app_session(
        self, group: GroupView, seat: Seat, number: int, has_own: bool
    ) -> Callable[[Exchange, ResponseHead], bytes]:
        """Begin a session when the target sets the application's cookie; extend the one there is."""
        session, around = group.session, self._around

        def on_response(exchange: Exchange, head: ResponseHead) -> bytes:
            fields = [value for name, value in head.end_to_end() if name.lower() == b"set-cookie"]
            if not has_own and not sets_cookie(fields, session.app_cookie):
                return b""
            now = around.now()
            value = around.stickiness.value(group.mark, seat.mark, now + session.duration)
            return set_cookie(APP_COOKIE % number, value, http_date(now + APP_COOKIE_LIFE))

        return on_response
