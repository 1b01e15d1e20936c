"""Where the output of a REST operation goes: status, headers, and one payload or members in the body."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cloudarium.gateway.wire import timestamps
from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.xml_reader import LOCATED
from cloudarium.gateway.wire.xml_writer import real

Headers = list[tuple[str, str]]
HeaderWriter = Callable[[Any, Headers], None]


def text_writer(shape: Shape) -> Callable[[Any], str]:
    """Converts a value to the text of a header."""
    match shape.type:
        case "boolean":
            return lambda value: "true" if value else "false"
        case "float" | "double":
            return real
        case "timestamp":
            return timestamps.TEXT_FORMATS[shape.timestamp_format or "rfc822"]
        case "list":
            item = text_writer(shape.member)
            strings = shape.member.type == "string"
            return lambda values: ",".join(_quoted(item(value)) if strings else item(value) for value in values)
        case "blob":
            return lambda value: binascii.b2a_base64(value, newline=False).decode("ascii")
        case _ if shape.ref.jsonvalue:
            return lambda value: binascii.b2a_base64(msgspec.json.encode(value), newline=False).decode("ascii")
        case _:
            return str


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '\\"') + '"' if "," in item or '"' in item else item


def clean(text: str) -> str:
    """A header's value cannot end the header."""
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ") if not text.isprintable() else text


def header_writers(shape: Shape) -> list[tuple[str, HeaderWriter]]:
    """Per member bound to headers: its name and what writes it."""
    writers: list[tuple[str, HeaderWriter]] = []
    for name, member in shape.members.items():
        wire_name = member.location_name or name
        if member.ref.location == "header":
            writers.append((name, _one(wire_name, text_writer(member))))
        elif member.ref.location == "headers":
            writers.append((name, _prefixed(member.location_name or "")))
    return writers


def _one(wire_name: str, write: Callable[[Any], str]) -> HeaderWriter:
    return lambda value, headers: headers.append((wire_name, clean(write(value))))


def _prefixed(prefix: str) -> HeaderWriter:
    def write(values: Mapping[str, str], headers: Headers) -> None:
        for key, value in values.items():
            headers.append((clean(prefix + key), clean(value)))

    return write


def status_member(shape: Shape) -> str | None:
    """The member that is the HTTP status, if one is."""
    return next((name for name, member in shape.members.items() if member.ref.location == "statusCode"), None)


def has_body_members(shape: Shape) -> bool:
    """Whether any member lies in the body."""
    return any(member.ref.location not in LOCATED for member in shape.members.values())
