"""What makes messages of a data channel arrive once and in order, at either end; no I/O.

Each side numbers its stream messages from zero and acknowledges each one it takes. What is not acknowledged is sent
again: the plugin drops, unacknowledged, what comes before its session handler is ready, so this happens in every
session. What comes too early waits, what comes twice is acknowledged again and dropped.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from cloudarium.services.ecs.exec import messages
from cloudarium.services.ecs.exec.messages import Message

RESEND_AFTER = 0.25
"""Host seconds until an unacknowledged message is sent again."""
MAX_RESENDS = 120
"""A peer that acknowledges nothing for half a minute is gone."""
WINDOW = 256
"""Messages under way before the sender should wait."""
_MAX_EARLY = 1_000


class Acknowledgement(msgspec.Struct, frozen=True, rename={"kind": "AcknowledgedMessageType"}):
    """The payload of an acknowledge message."""

    kind: str
    id: str = msgspec.field(name="AcknowledgedMessageId")
    sequence: int = msgspec.field(name="AcknowledgedMessageSequenceNumber")
    sequential: bool = msgspec.field(name="IsSequentialMessage", default=True)


class PeerGone(ConnectionError):
    """The other side acknowledges nothing any more."""


class _Sent:
    __slots__ = ("at", "data", "times")

    def __init__(self, data: bytes, at: float) -> None:
        self.data = data
        self.at = at
        self.times = 1


class Channel:
    """One end of a data channel. ``kind`` is the type of the messages it sends (INPUT or OUTPUT)."""

    def __init__(self, kind: str, send: Callable[[bytes], None], now: Callable[[], float]) -> None:
        """``send`` puts a binary message on the wire; ``now`` is host time in seconds, for resending and dates."""
        self._kind = kind
        self._theirs = messages.INPUT if kind == messages.OUTPUT else messages.OUTPUT
        self._send = send
        self._now = now
        self._next = 0
        self._expected = 0
        self._unacknowledged: OrderedDict[int, _Sent] = OrderedDict()
        self._early: dict[int, Message] = {}

    @property
    def under_way(self) -> int:
        """Messages sent and not acknowledged yet."""
        return len(self._unacknowledged)

    def post(self, payload_type: int, payload: bytes) -> None:
        """Send a stream message."""
        flags = messages.SYN if self._next == 0 else 0
        data = messages.encode(self._message(self._kind, payload, payload_type, self._next, flags))
        self._unacknowledged[self._next] = _Sent(data, self._now())
        self._next += 1
        self._send(data)

    def post_aside(self, kind: str, payload: bytes) -> None:
        """Send a message that is not part of the stream (``channel_closed``)."""
        self._send(messages.encode(self._message(kind, payload)))

    def receive(self, data: bytes) -> list[Message]:
        """Take a binary message from the wire; returns what is now in order: stream messages, or one set aside.

        Raises MalformedMessage.
        """
        message = messages.decode(data)
        if message.kind == messages.ACKNOWLEDGE:
            self._acknowledged(message)
            return []
        if message.kind != self._theirs:
            return [message]
        return self._in_order(message)

    def resend(self) -> None:
        """Send again what has waited too long; to be called a few times a second. Raises PeerGone."""
        now = self._now()
        for sent in self._unacknowledged.values():
            if now - sent.at < RESEND_AFTER:
                break
            if sent.times > MAX_RESENDS:
                raise PeerGone("nothing was acknowledged for too long")
            sent.at = now
            sent.times += 1
            self._send(sent.data)
            # One at a time, as the plugin does: what follows it is usually only waiting for it.
            break

    def _in_order(self, message: Message) -> list[Message]:
        if message.sequence > self._expected and len(self._early) >= _MAX_EARLY:
            return []
        self._acknowledge(message)
        if message.sequence < self._expected:
            return []
        self._early[message.sequence] = message
        ready = []
        while (following := self._early.pop(self._expected, None)) is not None:
            ready.append(following)
            self._expected += 1
        return ready

    def _acknowledge(self, message: Message) -> None:
        content = msgspec.json.encode(Acknowledgement(message.kind, str(message.id), message.sequence))
        self._send(messages.encode(self._message(messages.ACKNOWLEDGE, content)))

    def _acknowledged(self, message: Message) -> None:
        try:
            content = msgspec.json.decode(message.payload, type=Acknowledgement)
        except msgspec.DecodeError as error:
            raise messages.MalformedMessage(f"an acknowledgement that says nothing: {error}") from error
        self._unacknowledged.pop(content.sequence, None)

    def _message(self, kind: str, payload: bytes, payload_type: int = 0, sequence: int = 0, flags: int = 0) -> Message:
        return Message(
            kind=kind,
            sequence=sequence,
            flags=flags,
            payload_type=payload_type,
            payload=payload,
            id=uuid.uuid4(),
            created=int(self._now() * 1000),
        )
