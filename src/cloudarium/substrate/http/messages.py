"""Requests and responses as the gateway's handlers see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudarium.substrate.http.body_stream import BodyStream
    from cloudarium.substrate.http.fields import Headers


class Request:
    """A request with its whole body, or with a stream of it where the server was told to stream."""

    __slots__ = ("body", "fields", "method", "peer", "received_bytes", "secure", "stream", "target", "version")

    def __init__(
        self, method: bytes, target: bytes, version: int, fields: Headers, body: bytes, peer: tuple[str, int]
    ) -> None:
        self.method = method
        self.target = target
        """As sent: path and query."""
        self.version = version
        """10 or 11."""
        self.fields = fields
        self.body = body
        self.peer = peer
        """The client's (address, port)."""
        self.stream: BodyStream | None = None
        """The body, where it is streamed; `body` is empty then."""
        self.secure = False
        """Whether it came over TLS."""
        self.received_bytes = 0
        """Head and body."""

    @property
    def path(self) -> bytes:
        """The target up to the question mark."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target after the question mark."""
        return self.target.partition(b"?")[2]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """(lower-case name, value) of every field in order; made anew on each call."""
        return self.fields.lowered()

    def get(self, lower_name: bytes) -> bytes | None:
        """The first value of a field, by lower-case name."""
        return self.fields.values.get(lower_name)


class Response:
    """What a handler answers. Content-Length, Transfer-Encoding, Date and Connection are the server's to write."""

    __slots__ = ("body", "close", "hand_on", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        close: bool = False,
        hand_on: Callable[[int, bytes], None] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body
        """The whole body, or its pieces, sent as they come: chunked, unless the headers give their Content-Length."""
        self.close = close
        """Whether to close the connection afterwards."""
        self.hand_on = hand_on
        """Who takes over the connection instead of an answer: given its descriptor and what was read and not used.
        The answer (101, say) is theirs to write."""
