"""The router of one listener at one node: an immutable snapshot of rules, and the record of what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cloudarium.services.elbv2.attributes.listener import RESPONSE_HEADERS, SERVER_ENABLED
from cloudarium.services.elbv2.node.access_log import LogEntry, connection_trace_id, line
from cloudarium.services.elbv2.node.counting import NodeCounts
from cloudarium.services.elbv2.node.decisions import Decide, Note, Surroundings, compile_rule
from cloudarium.services.elbv2.node.groups import GroupView, Seat
from cloudarium.services.elbv2.node.matching import RuleMatcher, host_name
from cloudarium.services.elbv2.node.stickiness import Stickiness
from cloudarium.services.elbv2.node.wire import Balancer, ListenerSnap
from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import Decision, Tally
from cloudarium.substrate.http.syntax import UNLISTENABLE

_CONNECT_FAULTS = frozenset({Fault.CONNECT_REFUSED, Fault.CONNECT_UNREACHABLE, Fault.CONNECT_TIMEOUT})
_TARGET_FAULTS = _CONNECT_FAULTS | {Fault.TARGET_RESET, Fault.TARGET_CLOSED, Fault.RESPONSE_BODY_INCOMPLETE}
"""Connections that the target did not take or broke: what anomaly detection counts beside 5xx."""


class NodeRecord:
    """Where one node's counters and log lines gather; outlives routers."""

    __slots__ = ("counts", "log", "logging", "plain")

    def __init__(self) -> None:
        self.counts = NodeCounts()
        self.plain: dict[Seat, Tally] = {}
        """By target, of requests whose notes say that there is nothing to tell but how long they took."""
        self.log: list[str] = []
        self.logging = False

    def settle(self) -> NodeCounts:
        """Put what was counted of plain requests where it belongs; the counters."""
        counts = self.counts
        for seat, plain in list(self.plain.items()):
            counts.bytes_processed += plain.bytes
            answers, plain.answers, plain.bytes = plain.answers, {}, 0
            for (note, status, hundredths), times in answers.items():
                group = note.group
                assert group is not None
                counts.requests += times
                counts.rule_evaluations += times * note.evaluations
                group.counts.requests += times
                group.counts.answered(status, hundredths * 10, times)
                if status >= 500:
                    seat.errors += times
            if seat.upstream.closed and not seat.active and not answers:
                del self.plain[seat]
        return counts

    def tally(self, seat: Seat) -> Tally:
        """Where plain requests to a target are counted: each has its own, which costs a request nothing."""
        return self.plain.setdefault(seat, Tally())


class NodeRouter:
    """Decides for one listener of one node."""

    __slots__ = ("_balancer_id", "_decisions", "_log_written", "_matcher", "_port", "_record", "_settled", "route")

    def __init__(
        self,
        balancer: Balancer,
        listener: ListenerSnap,
        matcher: RuleMatcher,
        groups: Mapping[str, GroupView],
        record: NodeRecord,
        stickiness: Stickiness,
        now: Callable[[], float],
        log_written: Callable[[], None] = lambda: None,
    ) -> None:
        """``matcher`` is of the listener's rules (``matcher_of``), the same for every node.

        ``log_written`` is called after each log line, so that lines can be sent on when they are many.
        """
        around = surroundings(balancer, listener, stickiness, now, None if record.logging else record.tally)
        rules = listener.rules
        self._matcher, self._settled = matcher, matcher.settled
        self._decisions: list[Decide] = [
            # The default rule is not counted as evaluated.
            compile_rule(rule, min(n + 1, len(rules) - 1), groups, around)
            for n, rule in enumerate(rules)
        ]
        self.route: Decide = self._decide if len(rules) > 1 else self._decisions[0]
        """The engine's."""
        self._record = record
        self._balancer_id = balancer.id
        self._port = listener.port
        self._log_written = log_written

    def _decide(self, exchange: Exchange) -> Decision:
        number = self._settled.get(exchange.target)
        if number is None:
            number = self._matcher.match(exchange)
        return self._decisions[number](exchange)

    def finished(self, exchange: Exchange) -> None:
        """The engine's."""
        record = self._record
        counts = record.counts
        counts.bytes_processed += exchange.received_bytes + exchange.sent_bytes
        note: Note | None = exchange.note
        if note is not None:
            counts.rule_evaluations += note.evaluations
            if note.group is not None:
                self._count_forward(exchange, note, note.group, counts)
            elif note.action == "redirect":
                if note.redirect_too_long:
                    counts.redirect_limit_exceeded += 1
                else:
                    counts.redirects += 1
            else:
                counts.fixed_responses += 1
        status = exchange.elb_status
        if status and not exchange.target_status:
            counts.elb_codes[status] = counts.elb_codes.get(status, 0) + 1
        if exchange.tier is not Tier.COMPLIANT:
            counts.non_compliant += 1
        if exchange.headers.kinds & UNLISTENABLE and exchange.upstream is not None:
            counts.forwarded_invalid_headers += 1
        elif exchange.invalid_dropped and exchange.upstream is not None:
            counts.dropped_invalid_headers += 1
        if record.logging:
            record.log.append(line(self._log_entry(exchange, note)))
            self._log_written()

    def _count_forward(self, exchange: Exchange, note: Note, group: GroupView, counts: NodeCounts) -> None:
        if note.non_sticky:
            counts.non_sticky += 1
        if exchange.upstream is None:
            return
        counts.requests += 1
        of_group = group.counts
        of_group.requests += 1
        if group.fails_open:
            of_group.unhealthy_routing += 1
        if exchange.fault is not None and exchange.fault in _CONNECT_FAULTS:
            of_group.connection_errors += 1
        if exchange.target_status >= 500 or exchange.fault in _TARGET_FAULTS:
            exchange.upstream.owner.errors += 1
        if exchange.target_status:
            of_group.answered(exchange.target_status, int(exchange.target_processing_time * 1e6), 1)

    def _log_entry(self, exchange: Exchange, note: Note | None) -> LogEntry:
        connection = exchange.connection
        client = f"{connection.client_address}:{connection.client_port}"
        scheme = exchange.listener.settings.scheme
        target = (note.original_target if note is not None else b"") or exchange.target
        host = host_name(exchange.host) or "-"
        version = f"HTTP/{exchange.version // 10}.{exchange.version % 10}"
        method = exchange.method.decode("latin-1")
        url = f"{scheme}://{host}:{self._port}{target.decode('latin-1')}"
        entry = LogEntry(
            kind=f"ws{scheme[4:]}" if exchange.upgraded else scheme,
            time=exchange.finished_at,
            elb=self._balancer_id,
            client=client,
            request_processing_time=exchange.request_processing_time,
            target_processing_time=exchange.target_processing_time,
            response_processing_time=exchange.response_processing_time,
            elb_status_code=exchange.elb_status,
            target_status_code=exchange.target_status,
            received_bytes=exchange.received_bytes,
            sent_bytes=exchange.sent_bytes,
            request=f"{method} {url} {version}" if method != "-" else f"- {scheme}://-:{self._port}- -",
            user_agent=(exchange.headers.get_all(b"user-agent") or [b"-"])[0].decode("latin-1"),
            trace_id=exchange.trace_id.decode("latin-1") or "-",
            request_creation_time=exchange.received_at,
            conn_trace_id=connection_trace_id(client, connection.established_at),
        )
        if exchange.upstream is not None:
            entry.target = f"{exchange.upstream.address}:{exchange.upstream.port}"
        if exchange.tier is not Tier.COMPLIANT:
            entry.classification = exchange.tier.label
            entry.classification_reason = exchange.classification_reason
        if note is not None:
            entry.matched_rule_priority = note.priority
            entry.actions_executed = note.action
            entry.redirect_url = note.redirect_url
            entry.target_group_arn = note.group.arn if note.group is not None else "-"
            entry.transformed_host = note.transformed_host
            entry.transformed_uri = note.transformed_uri
            entry.request_transform_status = note.transform_status
        return entry


def matcher_of(listener: ListenerSnap) -> RuleMatcher:
    """What finds the rule for a request: costly to make of many rules."""
    return RuleMatcher([rule.conditions for rule in listener.rules[:-1]])


def surroundings(
    balancer: Balancer,
    listener: ListenerSnap,
    stickiness: Stickiness,
    now: Callable[[], float],
    tally: Callable[[Seat], Tally] | None,
) -> Surroundings:
    """What the rules of a listener share, from its attributes."""
    added = [
        (name.encode(), value.encode("latin-1", "replace"))
        for key, name in RESPONSE_HEADERS.items()
        if (value := listener.attributes[key])
    ]
    dropped = {name.lower() for name, _ in added}
    if listener.attributes[SERVER_ENABLED] == "false":
        dropped.add(b"server")
    return Surroundings(
        port=listener.port,
        dns_name=balancer.dns_name,
        stickiness=stickiness,
        now=now,
        response_fields=b"".join(b"%b: %b\r\n" % field for field in added),
        own_fields=tuple(added),
        dropped_fields=frozenset(dropped),
        tally=tally,
    )
