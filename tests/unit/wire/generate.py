"""Values for a botocore shape, from a seeded random source; and botocore's own wire to compare with."""

from __future__ import annotations

import datetime as dt
import random
import struct
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.compat import HTTPHeaders

from cloudarium.gateway.wire import WireRequest, WireResponse

ALPHABET = "abcXYZ019-_./:=+@ &<>\"'%#?é漢\n"
HEADER_ALPHABET = "abcXYZ019-_./:=+@"
_services: dict[str, botocore.model.ServiceModel] = {}


def service_model(name: str) -> botocore.model.ServiceModel:
    """Botocore's view of a service."""
    if name not in _services:
        description = botocore.loaders.Loader().load_service_model(name, "service-2")
        _services[name] = botocore.model.ServiceModel(description, name)
    return _services[name]


class Generator:
    """Draws values; ``depth`` bounds recursive shapes."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    def value(self, shape: Any, depth: int = 0) -> Any:
        """A value of a shape."""
        return getattr(self, f"_{shape.type_name}")(shape, depth)

    def _structure(self, shape: Any, depth: int) -> Any:
        if shape.is_document_type:
            return {"k": ["x", 1, True, {"n": "é"}]}
        members = list(shape.members.items())
        if shape.is_tagged_union:
            fitting = [pair for pair in members if depth < 5 or pair[1].type_name not in ("structure", "list", "map")]
            members = [self.source.choice(fitting or members)]
            return {members[0][0]: self.value(members[0][1], depth + 1)}
        result = {}
        chance = 0.9 if depth == 0 else 0.6 if depth < 3 else 0.2
        for name, member in members:
            if member.serialization.get("eventstream"):
                continue
            wanted = name in shape.required_members or self.source.random() < chance
            if wanted and (depth < 5 or name in shape.required_members):
                result[name] = self._member(member, depth)
        return result

    def _member(self, member: Any, depth: int) -> Any:
        location = member.serialization.get("location")
        if member.serialization.get("hostLabel"):
            return "label" + str(self.source.randrange(99))
        if location in ("header", "headers", "statusCode"):
            return self._located(member)
        if location == "uri":
            return self._label(member)
        if location == "querystring" and member.type_name == "map":
            return {"extra-name": ["v"] if member.value.type_name == "list" else "v w"}
        value = self.value(member, depth + 1)
        if location == "querystring" and value == []:
            value = [self.value(member.member)]
        return value

    def _located(self, member: Any) -> Any:
        match member.type_name:
            case "string" if member.serialization.get("jsonvalue"):
                return {"json": ["é", 1]}
            case "string" if not member.enum:
                return "".join(self.source.choices(HEADER_ALPHABET, k=6))
            case "list":
                return [self._located(member.member) for _ in range(2)]
            case "map":
                return {"".join(self.source.choices("abc-", k=5)) + "z": "some value" for _ in range(2)}
            case "timestamp":
                return self._timestamp(member, 0).replace(microsecond=0)
            case "integer" if member.serialization.get("location") == "statusCode":
                return 200
        return self.value(member)

    def _label(self, member: Any) -> Any:
        if member.type_name == "string" and not member.enum:
            return "".join(self.source.choices("abcé:/ %+&", k=6)) + "z"
        return self.value(member)

    def _list(self, shape: Any, depth: int) -> list[Any]:
        count = self.source.choice((0, 1, 2, 12)) if depth < 3 else 1
        return [self.value(shape.member, depth + 1) for _ in range(count)]

    def _map(self, shape: Any, depth: int) -> dict[str, Any]:
        count = self.source.choice((0, 1, 3)) if depth < 3 else 1
        return {self.value(shape.key): self.value(shape.value, depth + 1) for _ in range(count)}

    def _string(self, shape: Any, _: int) -> str:
        if shape.enum:
            return str(self.source.choice(shape.enum))
        return "".join(self.source.choices(ALPHABET, k=self.source.randint(1, 12)))

    _character = _string

    def _integer(self, _: Any, __: int) -> int:
        return self.source.choice((0, 1, -1, 23, 24, 255, 65536, 2**31 - 1, -(2**31)))

    def _long(self, _: Any, __: int) -> int:
        return self.source.choice((0, 1, -25, 2**33, 2**53, -(2**40)))

    def _float(self, _: Any, __: int) -> float:
        value: float = struct.unpack(">f", struct.pack(">f", self.source.uniform(-1e6, 1e6)))[0]
        return value

    def _double(self, _: Any, __: int) -> float:
        return self.source.choice((0.0, 1.5, -2.25e-10, 1e300, self.source.uniform(-1, 1)))

    def _boolean(self, _: Any, __: int) -> bool:
        return self.source.random() < 0.5

    def _blob(self, _: Any, __: int) -> bytes:
        return self.source.randbytes(self.source.randint(1, 9))

    def _timestamp(self, shape: Any, _: int) -> dt.datetime:
        moment = dt.datetime(2001, 2, 3, tzinfo=dt.UTC) + dt.timedelta(milliseconds=self.source.randrange(10**12))
        form = shape.serialization.get("timestampFormat")
        return moment.replace(microsecond=0) if form == "rfc822" else moment


def wire_request(request_dict: dict[str, Any], headers: dict[str, str] | None = None) -> WireRequest:
    """What botocore would send, as the gateway would see it."""
    prepare_request_dict(request_dict, endpoint_url="http://localhost:4566", context={})
    prepared = create_request_object(request_dict).prepare()
    parts = urlsplit(prepared.url)
    found = {
        key.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for key, value in prepared.headers.items()
    }
    found |= {"host": parts.netloc, "x-amz-date": "20250101T000000Z"} | (headers or {})
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    return WireRequest(prepared.method, parts.path, parts.query, found, body)


def authorization(signing_name: str) -> dict[str, str]:
    """A header that names a service; nobody checks the signature."""
    scope = f"test/20250101/us-east-1/{signing_name}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=ab"}


def response_dict(response: WireResponse, shape: Any = None) -> dict[str, Any]:
    """A response as botocore's parsers take it."""
    payload = shape.serialization.get("payload") if shape is not None else None
    # Botocore would decode a payload of bytes as text, which real streams escape.
    is_blob = payload is not None and shape.members[payload].type_name == "blob"
    body = bytearray(response.body) if is_blob else response.body
    headers = HTTPHeaders()
    for name, value in response.headers:
        headers[name] = value
    return {"headers": headers, "status_code": response.status, "body": body, "context": {}}


def without_empty(value: Any) -> Any:
    """The value as the query protocols can say it: empty lists, maps and structures are not there."""
    if isinstance(value, dict):
        kept = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(without_empty, value) if item not in ({}, [])]
    return value
