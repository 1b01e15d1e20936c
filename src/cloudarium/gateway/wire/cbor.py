"""CBOR, the part of RFC 8949 that Smithy's RPC v2 uses: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html

The decoder is strict: text is UTF-8, lengths are believed only when the bytes are there, depth and number of items are
bounded, the only tag is 1 (epoch seconds), and nothing may follow the first item.
"""

from __future__ import annotations

import struct
from typing import Any

from cloudarium.gateway.wire.timestamps import epoch, from_epoch

MAX_DEPTH = 64
MAX_ITEMS = 1_000_000
_BREAK = object()


class BadCbor(Exception):
    """The bytes are not CBOR, or are more than they may be."""


class _Decoder:
    __slots__ = ("data", "items", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.items = 0

    def take(self, count: int) -> bytes:
        start = self.position
        end = start + count
        if end > len(self.data):
            raise BadCbor("the body ends inside an item")
        self.position = end
        return self.data[start:end]

    def argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise BadCbor("reserved additional information")
        return int.from_bytes(self.take(1 << (info - 24)), "big")

    def item(self, depth: int) -> Any:
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise BadCbor(f"more than {MAX_DEPTH} levels or {MAX_ITEMS} items")
        initial = self.take(1)[0]
        major, info = initial >> 5, initial & 31
        if info == 31:
            return self.indefinite(major, depth)
        if major == 7:
            return self.simple(info)
        argument = self.argument(info)
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self.take(argument)
            case 3:
                return self.text(self.take(argument))
            case 4:
                if argument > len(self.data) - self.position:
                    raise BadCbor("the body ends inside an array")
                return [self.value(depth + 1) for _ in range(argument)]
            case 5:
                if argument * 2 > len(self.data) - self.position:
                    raise BadCbor("the body ends inside a map")
                return {self.key(depth + 1): self.value(depth + 1) for _ in range(argument)}
            case _:
                return self.tagged(argument, depth)

    def value(self, depth: int) -> Any:
        value = self.item(depth)
        if value is _BREAK:
            raise BadCbor("a break where a value was expected")
        return value

    def key(self, depth: int) -> str:
        key = self.item(depth)
        if type(key) is not str:
            raise BadCbor("a map key that is not text")
        return key

    def indefinite(self, major: int, depth: int) -> Any:
        match major:
            case 2 | 3:
                chunks: list[Any] = []
                while (chunk := self.item(depth + 1)) is not _BREAK:
                    if type(chunk) is not (bytes if major == 2 else str):
                        raise BadCbor("a string made of other things")
                    chunks.append(chunk)
                return b"".join(chunks) if major == 2 else "".join(chunks)
            case 4:
                array = []
                while (element := self.item(depth + 1)) is not _BREAK:
                    array.append(element)
                return array
            case 5:
                result: dict[str, Any] = {}
                while (key := self.item(depth + 1)) is not _BREAK:
                    if type(key) is not str:
                        raise BadCbor("a map key that is not text")
                    result[key] = self.value(depth + 1)
                return result
            case 7:
                return _BREAK
            case _:
                raise BadCbor("an integer or tag without end")

    def simple(self, info: int) -> Any:
        match info:
            case 20:
                return False
            case 21:
                return True
            case 22 | 23:
                return None
            case 25:
                return struct.unpack(">e", self.take(2))[0]
            case 26:
                return struct.unpack(">f", self.take(4))[0]
            case 27:
                return struct.unpack(">d", self.take(8))[0]
            case _:
                raise BadCbor("an unknown simple value")

    def text(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise BadCbor("text that is not UTF-8") from error

    def tagged(self, tag: int, depth: int) -> Any:
        value = self.value(depth + 1)
        if tag != 1 or type(value) not in (int, float):
            raise BadCbor("a tag that is not a timestamp")
        try:
            return from_epoch(value)
        except ValueError as error:
            raise BadCbor(str(error)) from error


def decode(data: bytes) -> Any:
    """The one item in ``data``; raises ``BadCbor``."""
    decoder = _Decoder(data)
    value = decoder.value(0)
    if decoder.position != len(data):
        raise BadCbor("bytes after the first item")
    return value


def head(major: int, argument: int) -> bytes:
    """The first bytes of an item."""
    kind = major << 5
    if argument < 24:
        return bytes((kind | argument,))
    if argument < 0x100:
        return bytes((kind | 24, argument))
    if argument < 0x10000:
        return struct.pack(">BH", kind | 25, argument)
    if argument < 0x100000000:
        return struct.pack(">BI", kind | 26, argument)
    return struct.pack(">BQ", kind | 27, argument)


def text(value: str) -> bytes:
    """A text string."""
    raw = value.encode()
    return head(3, len(raw)) + raw


def blob(value: bytes | str) -> bytes:
    """A byte string."""
    raw = value.encode() if isinstance(value, str) else value
    return head(2, len(raw)) + raw


def integer(value: int) -> bytes:
    """An integer of up to 64 bits."""
    return head(0, value) if value >= 0 else head(1, -1 - value)


def real(value: float) -> bytes:
    """A double."""
    return struct.pack(">Bd", 0xFB, value)


def timestamp(value: object) -> bytes:
    """Tag 1 and epoch seconds."""
    return b"\xc1" + real(epoch(value))


def anything(value: Any) -> bytes:
    """A document: whatever JSON could say, in CBOR."""
    if value is None or isinstance(value, bool):
        return b"\xf6" if value is None else b"\xf5" if value else b"\xf4"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return real(value)
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(text(key) + anything(item) for key, item in value.items())
    return head(4, len(value)) + b"".join(anything(item) for item in value)
