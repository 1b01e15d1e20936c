"""collectd's binary network protocol, unsigned and unencrypted.

A datagram is a sequence of parts: two bytes type, two bytes length (of the whole part), then a text ending in a zero
byte, a number of eight bytes, or values. Texts and numbers say what the following values are about. Signed or encrypted
parts are refused.
https://collectd.org/wiki/index.php/Binary_protocol
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

_TEXTS = {0x0000: "host", 0x0002: "plugin", 0x0003: "instance", 0x0004: "type", 0x0005: "type_instance"}
_TIME, _TIME_HIGH, _VALUES = 0x0001, 0x0008, 0x0006
_SIGNED, _ENCRYPTED = 0x0200, 0x0210
_FORMS = {0: ">Q", 1: "<d", 2: ">q", 3: ">Q"}
"""Counter, gauge (little-endian, as on x86), derive, absolute."""


class Values(NamedTuple):
    """One value list: what it is about and its numbers."""

    host: str
    plugin: str
    instance: str
    type: str
    type_instance: str
    time: float
    values: tuple[float, ...]


def parse(data: bytes) -> list[Values]:
    """The value lists of a datagram. Raises ValueError for one that is malformed, signed or encrypted."""
    about = dict.fromkeys(_TEXTS.values(), "")
    time = 0.0
    found = []
    while data:
        if len(data) < 4:
            raise ValueError("a part without its length")
        kind, length = struct.unpack_from(">HH", data)
        if length < 4 or length > len(data):
            raise ValueError("a part with a wrong length")
        body, data = data[4:length], data[length:]
        if kind in _TEXTS:
            if not body.endswith(b"\0"):
                raise ValueError("a text without an end")
            about[_TEXTS[kind]] = body[:-1].decode(errors="replace")
        elif kind in (_TIME, _TIME_HIGH):
            if len(body) != 8:
                raise ValueError("a time of the wrong size")
            (number,) = struct.unpack(">Q", body)
            time = float(number) if kind == _TIME else number / 2**30
        elif kind == _VALUES:
            found.append(Values(**about, time=time, values=_numbers(body)))
        elif kind in (_SIGNED, _ENCRYPTED):
            raise ValueError(
                f"a {'signed' if kind == _SIGNED else 'encrypted'} part: only security level none is built"
            )
        # Other parts (intervals, notifications) say nothing about values.
    return found


def _numbers(body: bytes) -> tuple[float, ...]:
    if len(body) < 2:
        raise ValueError("values without their number")
    (count,) = struct.unpack_from(">H", body)
    if len(body) != 2 + count * 9:
        raise ValueError("values of the wrong size")
    numbers = []
    for index in range(count):
        form = _FORMS.get(body[2 + index])
        if form is None:
            raise ValueError("a value of an unknown type")
        (number,) = struct.unpack_from(form, body, 2 + count + index * 8)
        numbers.append(float(number))
    return tuple(numbers)


def types(text: str) -> dict[str, tuple[str, ...]]:
    """``types.db``: the names of the values of each type."""
    found = {}
    for line in text.splitlines():
        name, *sources = line.partition("#")[0].split() or [""]
        if name and sources:
            found[name] = tuple(source.rstrip(",").partition(":")[0] for source in sources)
    return found


def named(values: Values, prefix: str, known: Mapping[str, tuple[str, ...]]) -> list[tuple[str, float]]:
    """The metrics of a value list: ``collectd_cpu_value``, ``collectd_interface_rx``."""
    names = known.get(values.type, ())
    if len(names) != len(values.values):
        names = ("value",) if len(values.values) == 1 else tuple(map(str, range(len(values.values))))
    return [(f"{prefix}{values.plugin}_{name}", number) for name, number in zip(names, values.values, strict=True)]
