"""The REST protocols: HTTP bindings around a JSON or an XML body.

https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html and .../aws-restxml-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudarium.gateway.wire import rest_reader, rest_writer, scalars, validate
from cloudarium.gateway.wire.codec import Codec, Fault, Labels, Parser, Serializer, object_mismatch
from cloudarium.gateway.wire.json_codec import encode, error_object, json_body, query_error_header
from cloudarium.gateway.wire.json_writer import JsonWriter
from cloudarium.gateway.wire.message import WireRequest, WireResponse
from cloudarium.gateway.wire.models import OperationModel, ServiceModel, Shape
from cloudarium.gateway.wire.object_reader import ObjectReader
from cloudarium.gateway.wire.query_codec import PROLOGUE, query_error
from cloudarium.gateway.wire.xml_reader import XmlReader
from cloudarium.gateway.wire.xml_tree import BadXml, parse_xml
from cloudarium.gateway.wire.xml_writer import XmlWriter, escape, namespace_attribute
from cloudarium.kernel.errors import AwsError

Body = Callable[[Mapping[str, Any]], bytes]


class RestCodec(Codec):
    """What rest-json and rest-xml share: labels, query, headers, status and raw payloads."""

    content_type = ""

    def parser(self, operation: OperationModel) -> Parser:
        shape = self.input_shape(operation)
        if shape is None:
            return lambda request, labels: {}
        constants = rest_reader.query_of(operation.http.request_uri.partition("?")[2])
        readers = rest_reader.located_readers(shape, set(constants))
        wants_query = any(member.ref.location == "querystring" for member in shape.members.values())
        body = rest_reader.body_reader(shape, self.body_reader)
        if body is not None:
            readers.append(body)

        def parse(request: WireRequest, labels: Labels) -> dict[str, Any]:
            query = rest_reader.query_of(request.query) if wants_query else {}
            params: dict[str, Any] = {}
            for read in readers:
                read(request, labels, query, params)
            return params

        return parse

    def serializer(self, operation: OperationModel) -> Serializer:
        shape = self.output_shape(operation)
        status = operation.http.response_code
        bodiless = operation.http.method == "HEAD" or status in (204, 304)
        if shape is None:
            return lambda _, request_id: WireResponse(status, self.request_id(request_id), b"")
        writers = rest_writer.header_writers(shape)
        status_member = rest_writer.status_member(shape)
        write, content_type = self._body(shape)

        def serialize(output: Mapping[str, Any], request_id: str) -> WireResponse:
            headers = self.request_id(request_id)
            for name, write_header in writers:
                value = output.get(name)
                if value is not None:
                    write_header(value, headers)
            code = output.get(status_member, status) if status_member else status
            body = b"" if bodiless else write(output)
            if content_type and body and not any(name.lower() == "content-type" for name, _ in headers):
                headers.append(("Content-Type", content_type))
            return WireResponse(int(code), headers, body)

        return serialize

    def _body(self, shape: Shape) -> tuple[Body, str]:
        """What writes the body of an output, and its content type."""
        payload = shape.raw.payload
        if payload is None:
            if rest_writer.has_body_members(shape):
                return self.body_writer(shape), self.content_type
            return lambda output: self.empty, self.content_type
        member = shape.members[payload]
        if member.type in ("blob", "string"):
            media = "application/octet-stream" if member.type == "blob" else "text/plain"
            return lambda output: _raw(output.get(payload)), media
        write = self.body_writer(member)

        def structured(output: Mapping[str, Any]) -> bytes:
            value = output.get(payload)
            return b"" if value is None else write(value)

        return structured, self.content_type

    empty = b""

    def body_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        """Compile the reader of a structure that is the body."""
        raise NotImplementedError

    def body_writer(self, shape: Shape) -> Body:
        """Compile the writer of a structure that is the body."""
        raise NotImplementedError

    def request_id(self, request_id: str) -> list[tuple[str, str]]:
        """The headers that carry the request id."""
        return [("x-amzn-RequestId", request_id)]

    def error_headers(self, fault: Fault, error: AwsError) -> list[tuple[str, str]]:
        """The members of an error that lie in headers."""
        headers: list[tuple[str, str]] = []
        for name, write in rest_writer.header_writers(fault.shape) if fault.shape is not None else ():
            if error.members.get(name) is not None:
                write(error.members[name], headers)
        return headers


def _raw(value: bytes | str | None) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


class RestJsonCodec(RestCodec):
    """rest-json."""

    protocol = "rest-json"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = ObjectReader(cbor=False)
        self.writer = JsonWriter()

    def body_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        read = self.reader.expression_function(shape)
        return lambda body: read(json_body(body))

    def body_writer(self, shape: Shape) -> Body:
        write = self.writer.expression_function(shape)
        return lambda output: encode(write(output))

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        fault = Fault(self.model, error)
        body = error_object(fault, error, self.writer)
        del body["__type"]
        headers = [("Content-Type", self.content_type), ("x-amzn-ErrorType", fault.name)]
        headers += self.request_id(request_id) + self.error_headers(fault, error)
        return WireResponse(fault.status, headers + query_error_header(self.model, fault), encode(body))

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        return AwsError("SerializationException", object_mismatch(error), 400)

    def unknown_operation(self, name: str) -> AwsError:
        message = f"The service {self.model.metadata.service_id} has no operation {name}."
        return AwsError("UnknownOperationException", message, 404)


MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


class RestXmlCodec(RestCodec):
    """rest-xml; S3 words its errors and request ids in its own way."""

    protocol = "rest-xml"
    content_type = "application/xml"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = XmlReader()
        self.writer = XmlWriter()
        self.is_s3 = model.metadata.endpoint_prefix == "s3"
        self.namespace = model.xml_namespace or _namespace_of_inputs(model)

    def body_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        read = self.reader.expression_function(shape)

        def read_body(body: bytes) -> Any:
            try:
                root = parse_xml(body)
            except BadXml as error:
                raise AwsError("MalformedXML", MALFORMED_XML, 400) from error
            return read(root)

        return read_body

    def body_writer(self, shape: Shape) -> Body:
        write = self.writer.function(shape)
        tag = shape.location_name or shape.name
        attribute = namespace_attribute(shape) or (f' xmlns="{self.namespace}"' if self.namespace else "")
        start, end = f"{PROLOGUE}<{tag}{attribute}>", f"</{tag}>"
        return lambda output: f"{start}{write(output)}{end}".encode(errors="replace")

    def request_id(self, request_id: str) -> list[tuple[str, str]]:
        if self.is_s3:
            return [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
        return super().request_id(request_id)

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        fault = Fault(self.model, error)
        members = ""
        if fault.shape is not None and error.members:
            message = fault.message_member()
            members = self.writer.function(fault.shape)({k: v for k, v in error.members.items() if k != message})
        if self.is_s3:
            response = s3_error(fault, error, request_id, members)
        else:
            response = query_error(fault, error, request_id, self.namespace, members)
        response.headers += self.error_headers(fault, error)
        return response

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        if self.is_s3:
            shown = validate.shown_value(error.value)
            return AwsError("InvalidArgument", f"Provided {error.name} is not a valid {error.kind}: {shown}", 400)
        shown = validate.shown_value(error.value)
        message = f"Invalid XML ; {error.name}: '{shown}' is not a valid value for '{error.kind}'."
        return AwsError("MalformedInput", message, 400)

    def invalid(self, operation: OperationModel, problems: list[validate.Problem]) -> AwsError:
        modeled = {ref.shape for ref in operation.errors}
        code = next((code for code in ("InvalidInput", "InvalidArgument") if code in modeled), None)
        return validate.coral_error(problems, code or ("InvalidArgument" if self.is_s3 else "InvalidRequest"))

    def unknown_operation(self, name: str) -> AwsError:
        message = "The specified method is not allowed against this resource."
        return AwsError("MethodNotAllowed", message, 405)


def _namespace_of_inputs(model: ServiceModel) -> str:
    """The service's namespace where only its inputs tell."""
    for operation in model.operations.values():
        if operation.input is None:
            continue
        for ref in (operation.input, *model.shapes[operation.input.shape].members.values()):
            namespace = ref.xml_namespace
            if isinstance(namespace, dict) and "prefix" not in namespace:
                return namespace["uri"]
    return ""


def s3_error(fault: Fault, error: AwsError, request_id: str, members: str = "") -> WireResponse:
    """``<Error>``. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    text = (
        f"{PROLOGUE}<Error><Code>{escape(fault.query_code)}</Code><Message>{escape(error.message)}</Message>{members}"
        f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
    )
    headers = [("Content-Type", "application/xml"), ("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
    return WireResponse(fault.status, headers, text.encode(errors="replace"))
