"""What a request's fields become on the way to a target.

Prepared once per distinct field block of a connection and kept for the next request, because clients that keep a
connection repeat their fields: on a repeated block the whole work is one memory comparison. Order as AWS's load
balancers send it: X-Forwarded-*, Host, X-Amzn-Trace-Id (between `prefix` and `rest`), then the client's own fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudarium.substrate.http.fields import Headers, without_unlistenable
from cloudarium.substrate.http.framing import CHUNKED, connection_options
from cloudarium.substrate.http.request_framing import RequestFraming
from cloudarium.substrate.http.routing import ForwardedForMode, ListenerSettings
from cloudarium.substrate.http.syntax import (
    EXPECT,
    FORWARDED,
    FRAMING,
    HOP_BY_HOP,
    HOST,
    REPEATED,
    UNLISTENABLE,
    field_kind,
)
from cloudarium.substrate.http.trace import new_trace, trace_field

if TYPE_CHECKING:
    from cloudarium.substrate.http.exchange import ConnectionInfo, Exchange
    from cloudarium.substrate.http.routing import Forward

FORWARDED_ADDRESSES_LIMIT: Final = 30
_HARMLESS_OPTIONS: Final = frozenset({b"keep-alive", b"close", b"upgrade"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_WRITTEN: Final = HOST | EXPECT | FORWARDED
"""Fields that the engine writes itself."""


class Prepared:
    """A request's fields, analysed and rendered for targets."""

    __slots__ = (
        "after",
        "before",
        "block",
        "client_trace",
        "expects_continue",
        "forwarded",
        "headers",
        "keeps_alive",
        "listenable",
        "method",
        "ordinary",
        "prefix",
        "repeatable",
        "request",
        "rest",
        "settings",
        "source",
        "target",
        "too_many_addresses",
        "upgrade",
    )

    def __init__(
        self,
        headers: Headers,
        connection: ConnectionInfo,
        settings: ListenerSettings,
        block: bytes | tuple[bytes, ...] = (),
    ) -> None:
        self.block = block
        """The field block that `headers` was read from, where it is known."""
        self.source = headers
        """The headers as read, before invalid ones were dropped."""
        self.settings = settings
        self.headers = headers = without_unlistenable(headers) if settings.drop_invalid_fields else headers
        kinds = headers.kinds
        values = headers.marked
        options = connection_options(headers)
        closes = b"close" in options
        self.keeps_alive = (not closes and b"keep-alive" in options, not closes)
        """By HTTP/1 minor version (RFC 9112 section 9.3)."""
        self.expects_continue = bool(kinds & EXPECT) and values[b"expect"].lower() == b"100-continue"
        self.upgrade = upgrade_wanted(headers) if b"upgrade" in options else None
        self.client_trace = None
        self.too_many_addresses = False
        if kinds & FORWARDED:
            self.client_trace = values.get(b"x-amzn-trace-id")
            addresses = sum(value.count(b",") + 1 for value in headers.get_all(b"x-forwarded-for"))
            self.too_many_addresses = addresses > FORWARDED_ADDRESSES_LIMIT
            self.forwarded = render_forwarded(headers, connection, settings)
        else:
            self.forwarded = _usual_forwarded(headers, connection, settings)
        self.ordinary = (
            not kinds & (FRAMING | EXPECT)
            and not headers.tier
            and self.upgrade is None
            and not self.too_many_addresses
            and b"host" in values
            and not (kinds & REPEATED and len(headers.get_all(b"host")) > 1)
        )
        """Nothing but the request line is left to look at."""
        self.listenable = not self.source.kinds & UNLISTENABLE
        """Whether every field that came has a valid name."""
        self.repeatable = self.ordinary and self.keeps_alive[1] and len(block) > 1
        self.prefix = self.prefix_for_host(forwarded_host(headers, settings))
        if options - _HARMLESS_OPTIONS:
            self.rest = b"".join([b"%b: %b\r\n" % field for field in end_to_end_request_fields(headers, options)])
        else:
            self.rest = b"".join(headers.plain)
        self.request: bytes | None = None
        """The last request that was nothing but a plain request line and this block, and the parts of that line."""
        self.method = self.target = b""
        self.before: bytes | None = None
        self.after = b""
        """What goes to the target before and after the trace id, once `request` came again. Empty where the client has
        a trace id of its own."""

    def repeated(self) -> None:
        """`request` came again, byte for byte: from now on it is not put together from its parts."""
        if self.client_trace is not None:
            self.before = b""
        else:
            self.before = b"%b %b HTTP/1.1\r\n%bX-Amzn-Trace-Id: " % (self.method, self.target, self.prefix)
            self.after = b"\r\n%b\r\n" % self.rest

    def prefix_for_host(self, host: bytes) -> bytes:
        """The lines before X-Amzn-Trace-Id, with this Host."""
        return b"%bHost: %b\r\n" % (self.forwarded, host)


def _usual_forwarded(headers: Headers, connection: ConnectionInfo, settings: ListenerSettings) -> bytes:
    """The X-Forwarded-* lines for requests that bring none: the same for the whole connection."""
    kept = connection.forwarded
    if kept is None or kept[0] is not settings:
        kept = connection.forwarded = (settings, render_forwarded(headers, connection, settings))
    return kept[1]


def render_forwarded(headers: Headers, connection: ConnectionInfo, settings: ListenerSettings) -> bytes:
    """The X-Forwarded-* lines."""
    address = connection.client_address
    if settings.forwarded_client_port:
        address = f"[{address}]:{connection.client_port}" if ":" in address else f"{address}:{connection.client_port}"
    mode = settings.forwarded_for
    sent = headers.get_all(b"x-forwarded-for") if headers.kinds & FORWARDED else []
    if mode is ForwardedForMode.APPEND:
        addresses = b", ".join([*sent, address.encode()])
    else:
        addresses = b", ".join(sent) if mode is ForwardedForMode.PRESERVE else b""
    line = b"X-Forwarded-For: %b\r\n" % addresses if addresses else b""
    scheme = settings.scheme.encode()
    return b"%bX-Forwarded-Proto: %b\r\nX-Forwarded-Port: %d\r\n" % (line, scheme, settings.port)


def forwarded_host(headers: Headers, settings: ListenerSettings) -> bytes:
    """The Host for the target: the client's, on other than default ports with the port, unless it is preserved."""
    host = headers.marked.get(b"host") or settings.dns_name.encode()
    if settings.preserve_host or settings.port == _DEFAULT_PORTS.get(settings.scheme):
        return host
    has_port = b":" in host.rpartition(b"]")[2]
    return host if has_port or not host else b"%b:%d" % (host, settings.port)


def end_to_end_request_fields(headers: Headers, options: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """The client's fields that are neither the connection's nor written by the engine; framing fields included."""
    kept = []
    for name, value in headers.items:
        lower, kind = field_kind(name)
        # A Connection field that names Content-Length must not part a body from its length.
        if kind & (HOP_BY_HOP | _WRITTEN) or (lower in options and not kind & FRAMING):
            continue
        kept.append((name, value))
    return kept


def lines_as_received(headers: Headers, options: frozenset[bytes]) -> bytes:
    """What `end_to_end_request_fields` are of, each line as it came; Transfer-Encoding too."""
    kept = []
    for line, name in headers.received:
        lower, kind = field_kind(name)
        if kind & FRAMING or not (kind & (HOP_BY_HOP | _WRITTEN) or lower in options):
            kept.append(line)
    return b"".join(kept)


def upgrade_wanted(headers: Headers) -> bytes | None:
    """The Upgrade that is passed on: only to WebSocket, as on AWS. Any other protocol (h2c above all) would carry
    requests past the rules.
    """
    wanted = headers.marked.get(b"upgrade")
    return wanted if wanted is not None and wanted.lower() == b"websocket" else None


def render_framing(framing: RequestFraming, prepared: Prepared) -> tuple[bytes, bytes]:
    """(The client's fields, the framing line to add)."""
    if framing.as_received:
        return lines_as_received(prepared.headers, connection_options(prepared.headers)), b""
    rest = prepared.rest  # Transfer-Encoding is never in it
    if framing.rewrite:
        fields = end_to_end_request_fields(prepared.headers, connection_options(prepared.headers))
        kept = [field for field in fields if not field_kind(field[0])[1] & FRAMING]
        rest = b"".join([b"%b: %b\r\n" % field for field in kept])
    if framing.length == CHUNKED:
        return rest, b"Transfer-Encoding: chunked\r\n"
    return rest, b"Content-Length: %d\r\n" % framing.length if framing.rewrite else b""


def render_request_head(
    exchange: Exchange, prepared: Prepared, decision: Forward, framing: RequestFraming | None
) -> bytes:
    """The head for an HTTP/1.1 target; sets the exchange's trace id. `framing` is None for requests without body."""
    if (
        prepared.before
        and exchange.target is prepared.target
        and decision.host is None
        and not decision.request_fields
        and framing is None
    ):
        exchange.trace_id = trace = b"Root=" + new_trace(exchange.received_at)
        return prepared.before + trace + prepared.after
    if prepared.client_trace is None:
        exchange.trace_id = trace = b"Root=" + new_trace(exchange.received_at)
    else:
        exchange.trace_id = trace = trace_field(prepared.client_trace, exchange.received_at)
    rest, extra = prepared.rest, decision.request_fields
    if framing is not None:
        rest, framing_line = render_framing(framing, prepared)
        extra += framing_line
        if prepared.upgrade is not None and not framing.isolate:
            extra += b"Connection: upgrade\r\nUpgrade: %b\r\n" % prepared.upgrade
        elif framing.closes_target:
            extra += b"Connection: close\r\n"
    return b"".join(
        (
            exchange.method,
            b" ",
            exchange.target,
            b" HTTP/1.1\r\n",
            prepared.prefix if decision.host is None else prepared.prefix_for_host(decision.host),
            b"X-Amzn-Trace-Id: ",
            trace,
            b"\r\n",
            rest,
            extra,
            b"\r\n",
        )
    )
