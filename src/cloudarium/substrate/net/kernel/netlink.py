"""A netlink socket that sends many requests at once and collects their answers.

Hand-made rather than pyroute2: a batch of a hundred requests takes one system call each way (a millisecond, not a
hundred), there is nothing to import (0.15 s) and no thread or loop of its own.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = struct.Struct("=IHHII")
_NLMSG_ERROR = 2
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x1, 0x4, 0x100, 0x200
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_NLMSGERR_ATTR_MSG = 1
_CHUNK = 64
"""Requests per send: their answers must fit the socket's receive buffer of 208 KiB."""


class Request(NamedTuple):
    """One rtnetlink request: its type, the flags besides REQUEST and ACK, and what follows the header."""

    type: int
    flags: int
    body: bytes


class Answer(NamedTuple):
    """The kernel's answer: errno (0 is success) and its own words, which may be empty."""

    number: int
    text: str

    def __str__(self) -> str:
        return self.text or os.strerror(self.number)


_OK = Answer(0, "")


class Netlink:
    """Bound for its life to the network namespace that its thread was in when it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def batch(self, requests: Sequence[Request]) -> list[Answer]:
        """Send `requests` in order; one answer for each, in order. Later ones run also where earlier ones failed."""
        answers: list[Answer] = []
        for start in range(0, len(requests), _CHUNK):
            answers += self._chunk(requests[start : start + _CHUNK])
        return answers

    def _chunk(self, requests: Sequence[Request]) -> list[Answer]:
        first, parts = self._sequence + 1, []
        for request in requests:
            self._sequence += 1
            body = request.body
            flags = request.flags | _NLM_F_REQUEST | _NLM_F_ACK
            parts.append(_HEADER.pack(_HEADER.size + len(body), request.type, flags, self._sequence, 0) + body)
            parts.append(b"\0" * (-len(body) % 4))
        self._socket.send(b"".join(parts))
        found: dict[int, Answer] = {}
        while len(found) < len(requests):
            self._read(self._socket.recv(65536), found)
        return [found[sequence] for sequence in range(first, first + len(requests))]

    @staticmethod
    def _read(data: bytes, found: dict[int, Answer]) -> None:
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            if kind == _NLMSG_ERROR:
                number = -struct.unpack_from("=i", data, offset + _HEADER.size)[0]
                found[sequence] = Answer(number, _words(data[offset : offset + length], flags)) if number else _OK
            offset += length + (-length % 4)


def _words(message: bytes, flags: int) -> str:
    """The kernel's explanation of an error, from the attributes after the error and the echoed header."""
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    offset = _HEADER.size + 4 + _HEADER.size
    if not flags & _NLM_F_CAPPED:
        offset = _HEADER.size + 4 + struct.unpack_from("=I", message, _HEADER.size + 4)[0]
    while offset + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, offset)
        if kind == _NLMSGERR_ATTR_MSG:
            return message[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += max(4, length + (-length % 4))
    return ""
