"""The JSON RPC protocols, 1.0 and 1.1. https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.gateway.wire import scalars
from cloudarium.gateway.wire.codec import Codec, Fault, Labels, Parser, Serializer, object_mismatch
from cloudarium.gateway.wire.event_stream import event_stream_serializer
from cloudarium.gateway.wire.json_writer import JsonWriter
from cloudarium.gateway.wire.message import WireRequest, WireResponse, inflate
from cloudarium.gateway.wire.models import OperationModel, ServiceModel
from cloudarium.gateway.wire.object_reader import ObjectReader
from cloudarium.kernel.errors import AwsError

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def json_body(body: bytes) -> Any:
    """The object in a body; raises ``AwsError`` SerializationException."""
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("SerializationException", message, 400) from error


class JsonCodec(Codec):
    """JSON both ways, the operation named by X-Amz-Target."""

    protocol = "json"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = ObjectReader(cbor=False)
        self.writer = JsonWriter()
        self.content_type = f"application/x-amz-json-{model.metadata.json_version}"

    def parser(self, operation: OperationModel) -> Parser:
        shape = self.input_shape(operation)
        read = self.reader.function(shape) if shape is not None else None

        def parse(request: WireRequest, _: Labels) -> dict[str, Any]:
            body = request.body
            if "gzip" in request.headers.get("content-encoding", ""):
                # SDKs compress large bodies of operations that allow it (PutMetricData).
                body = inflate(body)
            value = json_body(body) if body else {}
            if read is None:
                return {}
            result: dict[str, Any] = read(value)
            return result

        return parse

    def serializer(self, operation: OperationModel) -> Serializer:
        shape = self.output_shape(operation)
        content_type = ("Content-Type", self.content_type)
        if shape is None:
            # AWS's JSON services answer an operation without output with an empty body.
            return lambda _, request_id: WireResponse(200, [content_type, ("x-amzn-RequestId", request_id)], b"")
        if self.model.has_event_stream(operation.output):
            return event_stream_serializer(shape, self.writer)
        write = self.writer.function(shape)

        def serialize(output: Mapping[str, Any], request_id: str) -> WireResponse:
            return WireResponse(200, [content_type, ("x-amzn-RequestId", request_id)], encode(write(output)))

        return serialize

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        fault = Fault(self.model, error)
        body = error_object(fault, error, self.writer)
        headers = [("Content-Type", self.content_type), ("x-amzn-RequestId", request_id)]
        headers += query_error_header(self.model, fault)
        return WireResponse(fault.status, headers, encode(body))

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        return AwsError("SerializationException", object_mismatch(error), 400)

    def unknown_operation(self, name: str) -> AwsError:
        return unknown_operation(self.model, name)


def error_object(fault: Fault, error: AwsError, writer: JsonWriter | None) -> dict[str, Any]:
    """``__type``, the message and the modeled members of an error."""
    body: dict[str, Any] = {"__type": fault.name}
    message = "message"
    if fault.shape is not None and writer is not None:
        member = fault.message_member()
        if member is not None:
            message = fault.shape.members[member].location_name or member
        body |= writer.function(fault.shape)(error.members)
    body[message] = error.message
    return body


def query_error_header(model: ServiceModel, fault: Fault) -> list[tuple[str, str]]:
    """What services that spoke query before tell clients that still look for the old codes."""
    if model.metadata.aws_query_compatible is None:
        return []
    return [("x-amzn-query-error", f"{fault.query_code};{fault.side}")]


def unknown_operation(model: ServiceModel, name: str, status: int = 400) -> AwsError:
    """The error of the JSON and CBOR families for an operation that is not there."""
    message = f"The service {model.metadata.service_id} has no operation {name}."
    return AwsError("UnknownOperationException", message, status)
