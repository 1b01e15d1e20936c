"""What every protocol's codec does; one codec serves one service in one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudarium.gateway.wire import scalars, validate
from cloudarium.gateway.wire.message import WireRequest, WireResponse
from cloudarium.gateway.wire.models import OperationModel, RawShape, Ref, ServiceModel, Shape
from cloudarium.kernel.errors import AwsError

Labels = Mapping[str, str]
Parser = Callable[[WireRequest, Labels], dict[str, Any]]
Serializer = Callable[[Mapping[str, Any], str], WireResponse]


class Fault:
    """An error as the model describes it: how it is spelled on the wire, its status, and its shape if it has one."""

    __slots__ = ("name", "query_code", "shape", "status")

    def __init__(self, model: ServiceModel | None, error: AwsError) -> None:
        self.shape: Shape | None = None
        self.name = self.query_code = error.code
        self.status = error.status
        shape_name = model.errors.get(error.code) if model is not None else None
        if model is None or shape_name is None:
            return
        raw = model.shapes[shape_name]
        self.shape = Shape(model, Ref(shape_name))
        self.name = shape_name
        self.query_code = (raw.error.code if raw.error else None) or shape_name
        self.status = _status(raw, error.status)

    @property
    def side(self) -> str:
        """Whose fault it is, in the query protocol's words."""
        return "Sender" if self.status < 500 else "Receiver"

    def message_member(self) -> str | None:
        """The member of the shape that holds the message."""
        names = self.shape.raw.members if self.shape is not None else ()
        return next((name for name in names if name.lower() in ("message", "errormessage")), None)


def _status(raw: RawShape, given: int) -> int:
    if raw.error is not None and raw.error.http_status_code is not None:
        return raw.error.http_status_code
    return 500 if raw.fault and given < 500 else given


class Codec:
    """Parses and serializes the operations of one service in one protocol."""

    protocol = ""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.validators = validate.Validators(validate.coral_name)

    def parser(self, operation: OperationModel) -> Parser:
        """Compile the reader of an operation's input; it may raise ``BadValue`` and ``RecursionError``."""
        raise NotImplementedError

    def serializer(self, operation: OperationModel) -> Serializer:
        """Compile the writer of an operation's output."""
        raise NotImplementedError

    def error(self, error: AwsError, request_id: str) -> WireResponse:
        """Write an error."""
        raise NotImplementedError

    def bad_value(self, error: scalars.BadValue) -> AwsError:
        """The error for a value of the wrong type."""
        raise NotImplementedError

    def unreadable(self, reason: str) -> AwsError:
        """The error for a body that cannot be read at all."""
        return AwsError("SerializationException", reason, 400)

    def unknown_operation(self, name: str) -> AwsError:
        """The error for an operation the service does not have."""
        raise NotImplementedError

    def invalid(self, operation: OperationModel, problems: list[validate.Problem]) -> AwsError:
        """The error for input that violates the model."""
        compatible = self.model.metadata.aws_query_compatible is not None
        return validate.coral_error(problems, "ValidationError" if compatible else "ValidationException")

    def input_shape(self, operation: OperationModel) -> Shape | None:
        """The shape of the input, unless the operation takes none."""
        return Shape(self.model, operation.input) if operation.input else None

    def output_shape(self, operation: OperationModel) -> Shape | None:
        """The shape of the output, unless the operation returns none."""
        return Shape(self.model, operation.output) if operation.output else None


def object_mismatch(error: scalars.BadValue) -> str:
    """A type error in a JSON or CBOR body, in the words of AWS's framework."""
    value, kind = error.value, error.kind
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    if kind == "list":
        return "Expected list or null"
    if kind in ("structure", "map"):
        return "Expected map or null"
    if isinstance(value, bool):
        given = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, int | float):
        given = "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"
    elif isinstance(value, str):
        given = "STRING_VALUE"
    else:
        given = "NULL_VALUE" if value is None else "BYTE_STRING_VALUE"
    wanted = {"blob": "Blob", "timestamp": "Timestamp"}.get(kind, kind.capitalize())
    article = "an" if wanted[0] in "AEIOU" else "a"
    return f"{given} can not be converted to {article} {wanted}"
