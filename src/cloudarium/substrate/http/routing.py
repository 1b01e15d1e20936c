"""What a load balancer tells the engine: listeners, routers, decisions.

A router is immutable: to change anything, build another one and assign it to `Listener.router`. Requests under way
finish on the router that decided for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from cloudarium.substrate.http.desync import DesyncMode

if TYPE_CHECKING:
    from cloudarium.substrate.http.exchange import Exchange
    from cloudarium.substrate.http.heads import ResponseHead
    from cloudarium.substrate.http.upstream import Upstream


class Tally:
    """Exchanges in numbers: of HTTP/1.1, compliant, answered by a target, and ended without fault.

    Where a router needs no more of them, it hands out one of these with its Forwards. The engine counts such exchanges
    itself then, which costs much less than `Router.finished` for each; all others go there as ever.
    """

    __slots__ = ("answers", "bytes")

    def __init__(self) -> None:
        self.answers: dict[tuple[Any, int, int], int] = {}
        """How often, by `Exchange.note`, status, and time from sending the request until the answer: in hundredths of
        a millisecond, above one millisecond rounded to tenths, so that there are few keys."""
        self.bytes = 0
        """Received from and sent to clients."""

    def count(self, note: Any, status: int, seconds: float, size: int) -> None:
        """An exchange whose target answered after so many seconds; `size` in bytes, from and to the client."""
        took = int(seconds * 1e5 + 0.5)
        key = (note, status, took if took <= 100 else (took + 5) // 10 * 10)
        answers = self.answers
        answers[key] = answers.get(key, 0) + 1
        self.bytes += size


class Forward:
    """Send the request to a target. May be made once and returned for any number of requests."""

    __slots__ = (
        "dropped_response_fields",
        "host",
        "on_response",
        "plain",
        "request_fields",
        "response_fields",
        "tally",
        "upstream",
    )

    def __init__(
        self,
        upstream: Upstream,
        *,
        request_fields: bytes = b"",
        host: bytes | None = None,
        response_fields: bytes = b"",
        dropped_response_fields: frozenset[bytes] = frozenset(),
        on_response: Callable[[Exchange, ResponseHead], bytes] | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.upstream = upstream
        self.request_fields = request_fields
        """Further request fields, rendered: lines ended by CRLF."""
        self.host = host
        """A Host to send in place of the client's."""
        self.response_fields = response_fields
        """Further response fields, rendered: lines ended by CRLF (Set-Cookie of stickiness, listener attributes)."""
        self.dropped_response_fields = dropped_response_fields
        """Lower-case names of response fields to leave out."""
        self.on_response = on_response
        """Sees the target's response head and returns further rendered fields (application cookie stickiness)."""
        self.tally = tally
        self.plain = not (response_fields or dropped_response_fields or on_response)


class Respond:
    """Answer without any target: fixed responses, redirects, 503 for want of targets."""

    __slots__ = ("body", "close", "fields", "status")

    def __init__(
        self, status: int, fields: list[tuple[bytes, bytes]] | None = None, body: bytes = b"", *, close: bool = False
    ) -> None:
        self.status = status
        self.fields = fields or []
        """Beside Server, Date, Content-Length and Connection, which the engine writes."""
        self.body = body
        self.close = close
        """Whether to close the client's connection afterwards."""


class Fail:
    """Answer with AWS's error page of a status (503 without targets, 463, 464, 561 …)."""

    __slots__ = ("close", "status")

    def __init__(self, status: int, *, close: bool = False) -> None:
        self.status = status
        self.close = close


class Reset:
    """Reset the client's connection (RST)."""

    __slots__ = ()


class Blackhole:
    """Say nothing; the client's own timeout, or the idle timeout, ends it."""

    __slots__ = ()


Decision: TypeAlias = Forward | Respond | Fail | Reset | Blackhole


class Router(Protocol):
    """An immutable snapshot that decides what happens to requests. Neither method may block or raise."""

    def route(self, exchange: Exchange) -> Decision:
        """Decide; called once the request's head is complete and acceptable."""

    def finished(self, exchange: Exchange) -> None:
        """Take the record of an exchange that is over; also of refused ones, for which `route` was never called."""


class ForwardedForMode(StrEnum):
    """The load balancer attribute routing.http.xff_header_processing.mode."""

    APPEND = "append"
    PRESERVE = "preserve"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """What of a load balancer's and listener's attributes the engine itself acts on. Times in seconds."""

    scheme: str = "http"
    port: int = 80
    """The listener's port, for X-Forwarded-Port."""
    dns_name: str = ""
    """Host for HTTP/1.0 requests that have none."""
    idle_timeout: float = 60.0
    client_keep_alive: float = 3600.0
    connect_timeout: float = 10.0
    forwarded_for: ForwardedForMode = ForwardedForMode.APPEND
    forwarded_client_port: bool = False
    drop_invalid_fields: bool = False
    preserve_host: bool = False
    """Off as on AWS: then the port of a listener that is not the scheme's default is appended to Host."""
    desync: DesyncMode = DesyncMode.DEFENSIVE
    http2: bool = True
    server_field: bool = True
    """Whether answers of the load balancer's own carry Server (routing.http.response.server.enabled)."""
    half_close: bool = False
    """Whether a client that shut down its sending side still gets its answer; AWS's load balancers log 460."""


@dataclass(slots=True)
class ListenerCounters:
    """Plain counters, read by the owner, never reset. What is to be counted of requests, `Router.finished` counts."""

    connections_accepted: int = 0
    connections_open: int = 0


@dataclass(slots=True, eq=False)
class Listener:
    """Where clients come in. Assign `router` and `settings` to change them for the requests to come."""

    router: Router
    settings: ListenerSettings = field(default_factory=ListenerSettings)
    counters: ListenerCounters = field(default_factory=ListenerCounters)
