"""A small HTTP/2 client over asyncio streams, for tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events


@dataclass
class Answer:
    """What came on one stream."""

    fields: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    reset: int | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> int:
        return int(self.fields[b":status"])


class H2Client:
    """Reads in a task of its own; acknowledges what it reads unless told to hold."""

    def __init__(self) -> None:
        self.connection: Any = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.answers: dict[int, Answer] = {}
        self.goodbye: int | None = None
        self.closed = asyncio.Event()
        self.hold = False

    @classmethod
    async def connect(cls, port: int) -> H2Client:
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.connection.initiate_connection()
        self.flush()
        self.task = asyncio.create_task(self._read())
        return self

    def flush(self) -> None:
        self.writer.write(self.connection.data_to_send())

    def request(
        self,
        path: bytes = b"/",
        method: bytes = b"GET",
        fields: list[tuple[bytes, bytes]] | None = None,
        end: bool = True,
    ) -> int:
        number: int = self.connection.get_next_available_stream_id()
        pseudo = [(b":method", method), (b":scheme", b"http"), (b":authority", b"lb.example"), (b":path", path)]
        self.connection.send_headers(number, [*pseudo, *(fields or [])], end_stream=end)
        self.answers[number] = Answer()
        self.flush()
        return number

    def data(self, number: int, data: bytes, end: bool = False) -> None:
        self.connection.send_data(number, data, end_stream=end)
        self.flush()

    async def answer(self, number: int) -> Answer:
        answer = self.answers[number]
        await asyncio.wait_for(answer.done.wait(), 10)
        return answer

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(65536):
                if self.goodbye is not None:
                    continue  # the library takes no more after GOAWAY
                for event in self.connection.receive_data(data):
                    self._take(event)
                self.flush()
        except ConnectionError:
            pass
        self.closed.set()

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goodbye = int(event.error_code or 0)
            return
        answer = self.answers.get(getattr(event, "stream_id", 0) or 0)
        if answer is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            answer.fields = {bytes(n): bytes(v) for n, v in event.headers or []}
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data or b""
            if not self.hold:
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = [(bytes(n), bytes(v)) for n, v in event.headers or []]
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = int(event.error_code or 0)
            answer.done.set()
        elif isinstance(event, h2.events.StreamEnded):
            answer.done.set()

    async def close(self) -> None:
        self.writer.close()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
