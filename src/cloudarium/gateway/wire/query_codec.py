"""The query protocol, and EC2's dialect of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.gateway.wire import scalars, timestamps, validate
from cloudarium.gateway.wire.codec import Codec, Fault, Labels, Parser, Serializer
from cloudarium.gateway.wire.message import WireRequest, WireResponse, form_of
from cloudarium.gateway.wire.models import OperationModel, ServiceModel
from cloudarium.gateway.wire.query_reader import QueryReader, UnknownMember, path_of, tree_of
from cloudarium.gateway.wire.xml_writer import XmlWriter, escape
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.kept import Kept

MALFORMED = {
    "list": "Unexpected list element termination",
    "structure": "Unexpected complex element termination",
    "map": "Unexpected complex element termination",
}


class QueryCodec(Codec):
    """Form parameters in, XML out. https://smithy.io/2.0/aws/protocols/aws-query-protocol.html"""

    protocol = "query"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = QueryReader(ec2=False)
        self.writer = XmlWriter(iso=timestamps.iso8601_millis)

    def parser(self, operation: OperationModel) -> Parser:
        shape = self.input_shape(operation)
        if shape is None or not shape.raw.members:
            return lambda request, labels: {}
        read = self.reader.function(shape)

        def parse(request: WireRequest, _: Labels) -> dict[str, Any]:
            result: dict[str, Any] = read(tree_of(form_of(request)))
            return result

        return parse

    def serializer(self, operation: OperationModel) -> Serializer:
        name, shape = operation.name, self.output_shape(operation)
        namespace = f' xmlns="{self.model.xml_namespace}"' if self.model.xml_namespace else ""
        start, end = f"<{name}Response{namespace}>", f"</RequestId></ResponseMetadata></{name}Response>"
        metadata = "<ResponseMetadata><RequestId>"
        if shape is None:
            return lambda _, request_id: xml(200, f"{start}{metadata}{request_id}{end}", request_id)
        write = self.writer.function(shape)
        wrapper = (operation.output.result_wrapper if operation.output else None) or f"{name}Result"
        start, metadata = f"{start}<{wrapper}>", f"</{wrapper}>{metadata}"

        def serialize(output: Mapping[str, Any], request_id: str) -> WireResponse:
            if type(output) is not Kept:
                text: str = write(output)
            elif (kept := output.texts.get(write)) is not None:
                text = kept
            else:
                text = output.texts[write] = write(output)
            return xml(200, f"{start}{text}{metadata}{request_id}{end}", request_id)

        return serialize

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        fault = Fault(self.model, error)
        members = ""
        if fault.shape is not None and error.members:
            message = fault.message_member()
            members = self.writer.function(fault.shape)({k: v for k, v in error.members.items() if k != message})
        return query_error(fault, error, request_id, self.model.xml_namespace, members)

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        if error.kind in MALFORMED:
            return AwsError("MalformedInput", MALFORMED[error.kind], 400)
        if isinstance(error.value, dict):
            return AwsError("MalformedInput", "Start of structure or map found where not expected.", 400)
        shown = validate.shown_value(error.value)
        return AwsError("MalformedInput", f"Value '{shown}' at '{error.name}' is not a valid {error.kind}", 400)

    def invalid(self, operation: OperationModel, problems: list[validate.Problem]) -> AwsError:
        return validate.coral_error(problems, "ValidationError")

    def unknown_operation(self, name: str) -> AwsError:
        version = self.model.metadata.api_version
        return AwsError("InvalidAction", f"Could not find operation {name} for version {version}", 400)


class Ec2Codec(Codec):
    """EC2's own shape of it. https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html"""

    protocol = "ec2"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        self.reader = QueryReader(ec2=True)
        self.writer = XmlWriter(iso=timestamps.iso8601_millis)
        self.validators = validate.Validators(self.reader.name_of, item="{}")

    def parser(self, operation: OperationModel) -> Parser:
        shape = self.input_shape(operation)
        if shape is None:
            return lambda request, labels: {}
        read = self.reader.function(shape)

        def parse(request: WireRequest, _: Labels) -> dict[str, Any]:
            tree = tree_of(form_of(request))
            try:
                result: dict[str, Any] = read(tree)
            except UnknownMember as error:
                path = path_of(tree, error.node, error.name)
                raise AwsError("UnknownParameter", f"The parameter {path} is not recognized", 400) from error
            return result

        return parse

    def serializer(self, operation: OperationModel) -> Serializer:
        name, shape = operation.name, self.output_shape(operation)
        start = f'<{name}Response xmlns="{self.model.xml_namespace.rstrip("/")}/"><requestId>'
        end = f"</{name}Response>"
        if shape is None:
            # What has nothing to say says that it went well.
            return lambda _, request_id: xml(
                200, f"{start}{request_id}</requestId><return>true</return>{end}", request_id
            )
        write = self.writer.function(shape)

        def serialize(output: Mapping[str, Any], request_id: str) -> WireResponse:
            return xml(200, f"{start}{request_id}</requestId>{write(output)}{end}", request_id)

        return serialize

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        return ec2_error_response(error, request_id)

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        shown = "" if isinstance(error.value, dict) else validate.shown_value(error.value)
        if error.kind in ("integer", "long", "float", "double"):
            message = f"Invalid value '{shown}' for {error.name}. Must be a number."
        elif error.kind == "boolean":
            message = f"Invalid value '{shown}' for {error.name}. Must be true or false."
        else:
            message = f"Value ({shown}) for parameter {error.name} is invalid."
        return AwsError("InvalidParameterValue", message, 400)

    def invalid(self, operation: OperationModel, problems: list[validate.Problem]) -> AwsError:
        return validate.ec2_error(problems)

    def unknown_operation(self, name: str) -> AwsError:
        return AwsError("InvalidAction", f"The action {name} is not valid for this web service.", 400)


PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
_UNREADABLE = re.compile(r"&#x(?:[0-8BCEF]|1[0-9A-F]);|[\ufffe\uffff]")
"""References to characters that XML does not have. S3 writes them; here no client could read the answer."""


def xml(status: int, text: str, request_id: str) -> WireResponse:
    """An XML response of the query family."""
    headers = [("Content-Type", "text/xml;charset=UTF-8"), ("x-amzn-RequestId", request_id)]
    if any(sign in text for sign in ("&#x", "\ufffe", "\uffff")):
        text = _UNREADABLE.sub("\ufffd", text)
    return WireResponse(status, headers, (PROLOGUE + text).encode(errors="replace"))


def query_error(fault: Fault, error: AwsError, request_id: str, namespace: str, members: str = "") -> WireResponse:
    """``<ErrorResponse>``, which the query protocol and most of rest-xml share."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    text = (
        f"<ErrorResponse{attribute}><Error><Type>{fault.side}</Type><Code>{escape(fault.query_code)}</Code>"
        f"<Message>{escape(error.message)}</Message>{members}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return xml(fault.status, text, request_id)


def ec2_error_response(error: AwsError, request_id: str) -> WireResponse:
    """``<Response><Errors>``."""
    text = (
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return xml(error.status, text, request_id)
