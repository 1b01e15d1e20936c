"""One request and its response: what a router decides on, and the record that is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.substrate.http.desync import Tier
from cloudarium.substrate.http.faults import Fault

if TYPE_CHECKING:
    from cloudarium.substrate.http.fields import Headers
    from cloudarium.substrate.http.routing import Listener, ListenerSettings, Router
    from cloudarium.substrate.http.upstream import Upstream

NEVER = -1.0


class ConnectionInfo:
    """Who is at the other end of a client's connection."""

    __slots__ = (
        "client_address",
        "client_port",
        "established_at",
        "forwarded",
        "server_address",
        "server_port",
        "tls",
    )

    def __init__(
        self, client: tuple[str, int], server: tuple[str, int], established_at: float, tls: object | None = None
    ) -> None:
        self.client_address, self.client_port = client
        self.server_address, self.server_port = server
        self.established_at = established_at
        """Seconds since the epoch on the injected clock."""
        self.forwarded: tuple[ListenerSettings, bytes] | None = None
        """The engine's own: the X-Forwarded-* lines of this connection."""
        self.tls = tls
        """What a TLS layer tells of the connection; None for plain text."""


class Exchange:
    """A request as it came, and how it was answered.

    Routers read the upper half when they decide; when the exchange is over, `Router.finished` gets the whole.
    Times are seconds since the epoch on the injected clock, NEVER when the moment did not come.

    Defaults live on the class: setting two dozen slots on every request was measurable.
    """

    trace_id: bytes = b""
    """The X-Amzn-Trace-Id sent to the target or, for answers of the load balancer's own, what it would be."""
    upstream: Upstream | None = None
    """The target that was chosen."""
    sent_at: float = NEVER
    """When the request was written to the target."""
    answered_at: float = NEVER
    """When the response head of the target was complete."""
    finished_at: float = NEVER
    elb_status: int = 0
    """The status sent (or that would have been sent) to the client; 0 when there is none, as for Reset."""
    target_status: int = 0
    """The target's status; 0 when it did not answer."""
    received_bytes: int = 0
    """From the client: head and body."""
    sent_bytes: int = 0
    """To the client: head and body."""
    tier: Tier = Tier.COMPLIANT
    classification_reason: str = "Compliant"
    fault: Fault | None = None
    retried: bool = False
    """Whether a stale pooled connection made it be sent a second time."""
    upgraded: bool = False
    """Whether it became a tunnel (WebSocket)."""
    invalid_dropped: bool = False
    """Whether fields with invalid names were left out of what the target got."""
    closes_target: bool = False
    """Whether the target's connection is closed afterwards (desync mitigation)."""
    note: Any = None
    """The router's own; the engine never touches it."""

    def __init__(
        self,
        connection: ConnectionInfo,
        listener: Listener,
        router: Router,
        method: bytes,
        target: bytes,
        version: int,
        headers: Headers,
        received_at: float,
    ) -> None:
        self.connection = connection
        self.listener = listener
        self.router = router
        """The snapshot that decided; it also gets `finished`, however often the listener's was replaced since."""
        self.method = method
        self.target = target
        """The request target in origin form: path and query as sent."""
        self.version = version
        """9, 10, 11 or 20."""
        self.headers = headers
        self.received_at = received_at
        """When the request's head was complete."""

    @property
    def path(self) -> bytes:
        """The target up to the question mark."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target after the question mark."""
        return self.target.partition(b"?")[2]

    @property
    def host(self) -> bytes:
        """The Host field or HTTP/2 authority as sent, with its port when it has one; empty when there is none."""
        return self.headers.marked.get(b"host", b"")

    @property
    def request_processing_time(self) -> float:
        """Seconds from having the request to having sent it to the target; -1 when that did not happen."""
        return self.sent_at - self.received_at if self.sent_at != NEVER else NEVER

    @property
    def target_processing_time(self) -> float:
        """Seconds from sending the request to the target until its response head; -1 when it did not answer."""
        return self.answered_at - self.sent_at if self.answered_at != NEVER else NEVER

    @property
    def response_processing_time(self) -> float:
        """Seconds from the target's response head until the client's response was written; -1 as above."""
        return max(0.0, self.finished_at - self.answered_at) if self.answered_at != NEVER else NEVER
