"""Where the input of a REST operation lies: URL labels, query string, headers, and one payload or members in the body.

https://smithy.io/2.0/spec/http-bindings.html
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cloudarium.gateway.wire import scalars
from cloudarium.gateway.wire.chunked import is_chunked, plain_body
from cloudarium.gateway.wire.message import WireRequest, unquote_plus
from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.xml_reader import LOCATED

Params = dict[str, Any]
Reader = Callable[[WireRequest, Mapping[str, str], dict[str, list[str]], Params], None]
BodyReader = Callable[[bytes], Any]


def query_of(query: str) -> dict[str, list[str]]:
    """A query string's names and all their values, decoded."""
    result: dict[str, list[str]] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name:
            result.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return result


def text_reader(shape: Shape, name: str) -> Callable[[str], Any]:
    """Converts the text of a label, query parameter or header."""
    match shape.type:
        case "integer" | "long":
            return lambda text: scalars.integer_text(text.strip(), shape.type, name)
        case "float" | "double":
            return lambda text: scalars.float_text(text.strip(), shape.type, name)
        case "boolean":
            return lambda text: scalars.boolean_text(text.strip(), name)
        case "timestamp":
            return lambda text: scalars.timestamp(text, name)
        case "blob":
            return lambda text: scalars.blob_text(text, name)
        case _ if shape.ref.jsonvalue:
            return lambda text: _json_header(text, name)
        case _:
            return str


def _json_header(text: str, name: str) -> Any:
    try:
        return msgspec.json.decode(binascii.a2b_base64(text.encode("ascii")))
    except (ValueError, UnicodeEncodeError, msgspec.DecodeError, RecursionError) as error:
        raise scalars.BadValue(text, "string", name) from error


def split_header(text: str) -> list[str]:
    """The items of a list in a header; an item in double quotes may hold commas."""
    items, current, quoted, escaped = [], [], False, False
    for character in text:
        if escaped:
            current.append(character)
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            items.append("".join(current).strip())
            current = []
        else:
            current.append(character)
    items.append("".join(current).strip())
    return items


def _split_dates(text: str) -> list[str]:
    """HTTP dates have a comma of their own."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) % 2 == 0 and all(part.isalpha() for part in parts[::2]):
        return [f"{day}, {rest}" for day, rest in zip(parts[::2], parts[1::2], strict=True)]
    return parts


def located_readers(shape: Shape, constants: set[str]) -> list[Reader]:
    """One reader per member that is not in the body; ``constants`` are query names that belong to the route."""
    readers = []
    bound = constants | {m.location_name or n for n, m in shape.members.items() if m.ref.location == "querystring"}
    for name, member in shape.members.items():
        wire_name = member.location_name or name
        match member.ref.location:
            case "uri":
                readers.append(_label(name, wire_name, text_reader(member, name)))
            case "querystring" if member.type == "map":
                readers.append(_query_map(name, bound, member.value.type == "list"))
            case "querystring" if member.type == "list":
                readers.append(_query_list(name, wire_name, text_reader(member.member, name)))
            case "querystring":
                readers.append(_query(name, wire_name, text_reader(member, name)))
            case "header" if member.type == "list":
                split = _split_dates if member.member.type == "timestamp" else split_header
                readers.append(_header_list(name, wire_name.lower(), text_reader(member.member, name), split))
            case "header":
                readers.append(_header(name, wire_name.lower(), text_reader(member, name)))
            case "headers":
                readers.append(_header_map(name, (member.location_name or "").lower()))
    return readers


def _label(name: str, label: str, read: Callable[[str], Any]) -> Reader:
    def reader(_: WireRequest, labels: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
        value = labels.get(label)
        if value is not None:
            params[name] = read(value)

    return reader


def _query(name: str, wire_name: str, read: Callable[[str], Any]) -> Reader:
    def reader(_: WireRequest, __: Mapping[str, str], query: dict[str, list[str]], params: Params) -> None:
        values = query.get(wire_name)
        if values:
            params[name] = read(values[0])

    return reader


def _query_list(name: str, wire_name: str, read: Callable[[str], Any]) -> Reader:
    def reader(_: WireRequest, __: Mapping[str, str], query: dict[str, list[str]], params: Params) -> None:
        values = query.get(wire_name)
        if values:
            params[name] = [read(value) for value in values]

    return reader


def _query_map(name: str, bound: set[str], lists: bool) -> Reader:
    def reader(_: WireRequest, __: Mapping[str, str], query: dict[str, list[str]], params: Params) -> None:
        rest = {key: values if lists else values[0] for key, values in query.items() if key not in bound}
        if rest:
            params[name] = rest

    return reader


def _header(name: str, wire_name: str, read: Callable[[str], Any]) -> Reader:
    def reader(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
        value = request.headers.get(wire_name)
        if value is not None:
            params[name] = read(value)

    return reader


def _header_list(name: str, wire_name: str, read: Callable[[str], Any], split: Callable[[str], list[str]]) -> Reader:
    def reader(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
        value = request.headers.get(wire_name)
        if value is not None:
            params[name] = [read(item) for item in split(value)]

    return reader


def _header_map(name: str, prefix: str) -> Reader:
    def reader(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
        found = {key[len(prefix) :]: value for key, value in request.headers.items() if key.startswith(prefix)}
        if found:
            params[name] = found

    return reader


def body_reader(shape: Shape, structure: Callable[[Shape], BodyReader]) -> Reader | None:
    """The reader of the body: a payload member, or the members that lie nowhere else; None when there are none."""
    payload = shape.raw.payload
    if payload is None:
        if all(member.ref.location in LOCATED for member in shape.members.values()):
            return None
        read_members = structure(shape)

        def members(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
            body = _plain(request)
            if body:
                params.update(read_members(body))

        return members
    member = shape.members[payload]
    if member.type in ("blob", "string"):
        text = member.type == "string"

        def raw(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
            body = _plain(request)
            if body:
                params[payload] = _text(body, payload) if text else body

        return raw
    read = structure(member)

    def structured(request: WireRequest, _: Mapping[str, str], __: dict[str, list[str]], params: Params) -> None:
        body = _plain(request)
        if body:
            params[payload] = read(body)

    return structured


def _plain(request: WireRequest) -> bytes:
    return plain_body(request) if is_chunked(request) else request.body


def _text(body: bytes, name: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise scalars.BadValue(body[:32], "string", name) from error
