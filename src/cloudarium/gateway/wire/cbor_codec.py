"""Smithy RPC v2 in CBOR. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html"""

from __future__ import annotations

from typing import Any

from cloudarium.gateway.wire import cbor, scalars
from cloudarium.gateway.wire.cbor_writer import CborWriter
from cloudarium.gateway.wire.codec import Codec, Fault, Labels, Parser, Serializer, object_mismatch
from cloudarium.gateway.wire.json_codec import query_error_header, unknown_operation
from cloudarium.gateway.wire.message import WireRequest, WireResponse, inflate
from cloudarium.gateway.wire.models import OperationModel, ServiceModel
from cloudarium.gateway.wire.object_reader import ObjectReader
from cloudarium.kernel.errors import AwsError

EMPTY = b"\xa0"


class CborCodec(Codec):
    """CBOR both ways, the operation named by the path."""

    protocol = "smithy-rpc-v2-cbor"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = ObjectReader(cbor=True)
        self.writer = CborWriter()

    def parser(self, operation: OperationModel) -> Parser:
        shape = self.input_shape(operation)
        read = self.reader.function(shape) if shape is not None else None

        def parse(request: WireRequest, _: Labels) -> dict[str, Any]:
            body = request.body
            if "gzip" in request.headers.get("content-encoding", ""):
                body = inflate(body)
            try:
                value = cbor.decode(body) if body else {}
            except cbor.BadCbor as error:
                raise self.unreadable(f"Could not parse request body into cbor: {error}") from error
            if read is None:
                return {}
            result: dict[str, Any] = read(value)
            return result

        return parse

    def serializer(self, operation: OperationModel) -> Serializer:
        shape = self.output_shape(operation)
        if shape is None:
            return lambda _, request_id: respond(200, EMPTY, request_id)
        write = self.writer.function(shape)
        return lambda output, request_id: respond(200, write(output), request_id)

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        fault = Fault(self.model, error)
        first = {"__type": fault.name}
        members = error.members
        message = fault.message_member()
        if message is None:
            first["message"] = error.message
        else:
            members = members | {message: error.message}
        body = self.writer.function(fault.shape)(members) if fault.shape is not None else EMPTY
        response = respond(fault.status, with_first(first, body), request_id)
        response.headers += query_error_header(self.model, fault)
        return response

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        return AwsError("SerializationException", object_mismatch(error), 400)

    def unknown_operation(self, name: str) -> AwsError:
        return unknown_operation(self.model, name, 404)


def with_first(first: dict[str, str], structure: bytes) -> bytes:
    """An encoded error structure (of which none has two dozen members) with further pairs before its own."""
    count = structure[0] & 31
    assert count + len(first) < 24
    pairs = b"".join(cbor.text(name) + cbor.text(value) for name, value in first.items())
    return cbor.head(5, count + len(first)) + pairs + structure[1:]


def respond(status: int, body: bytes, request_id: str) -> WireResponse:
    """A CBOR response."""
    headers = [
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-RequestId", request_id),
    ]
    return WireResponse(status, headers, body)


def plain_error(error: AwsError, request_id: str) -> WireResponse:
    """An error before the service is known."""
    body = cbor.anything({"__type": error.code, "message": error.message})
    return respond(error.status, body, request_id)
