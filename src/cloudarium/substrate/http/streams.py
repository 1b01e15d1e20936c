"""The seam between the two sides of a proxied exchange, the same for HTTP/1.1 and HTTP/2 on either side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cloudarium.substrate.http.exchange import Exchange
    from cloudarium.substrate.http.faults import Fault
    from cloudarium.substrate.http.heads import ResponseHead


class Downstream(Protocol):
    """The client's side of one exchange, as the target's side sees it."""

    takes_chunks: bool
    """Whether chunked bodies are wanted as they came, framing included."""

    takes_upgrade: bool
    """Whether the request asked for another protocol and the client can have it."""

    exchange: Exchange | None

    def respond(self, head: ResponseHead, data: bytes, start: int, end: int, done: bool) -> None:
        """The response began: data[start:end] is the first of its body; data[:start] is head.raw when start > 0."""

    def respond_whole(self, head: ResponseHead, data: bytes) -> None:
        """The whole response came, `data` being head.raw and the body."""

    def inform(self, raw: bytes) -> None:
        """An informational response (1xx other than 100 and 101), as it came."""

    def more(self, data: bytes) -> None:
        """More of the body."""

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The response is complete."""

    def switched(self, head: ResponseHead, first: bytes) -> None:
        """The target answered 101; from now on `more` and `tunnel_ended` are called."""

    def tunnel_ended(self) -> None:
        """The target will send nothing more through the tunnel."""

    def failed(self, fault: Fault) -> None:
        """There will be no (further) response."""

    def went_stale(self) -> None:
        """A pooled connection closed before any byte of a response."""

    def hold(self) -> None:
        """The target does not keep up: stop reading from the client."""

    def unhold(self) -> None:
        """The target keeps up again."""


class UpstreamStream(Protocol):
    """The target's side of one exchange, as the client's side sees it."""

    takes_chunks: bool
    """Whether chunked request bodies are wanted as they came, framing included."""

    def send(self, data: bytes) -> None:
        """More of the request's body."""

    def end_request(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request's body is complete."""

    def abandon(self) -> None:
        """The client is gone: give up the exchange and, where needed, the connection."""

    def pause_reading(self) -> None:
        """The client does not keep up: stop reading from the target."""

    def resume_reading(self) -> None:
        """The client keeps up again."""

    def write_eof(self) -> None:
        """The client will send nothing more through the tunnel."""
