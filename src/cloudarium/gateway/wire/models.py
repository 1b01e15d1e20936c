"""AWS's service models, as botocore ships them: read without importing botocore, and without the documentation.

Decoding into structs that name only what the wire needs skips the documentation text, which is most of a model.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
from pathlib import Path
from typing import Any

import msgspec

from cloudarium.kernel.errors import AwsError


class Ref(msgspec.Struct, rename="camel", gc=False):
    """A use of a shape: by a member, a list, a map or an operation. Its traits override the shape's own."""

    shape: str
    location: str | None = None
    location_name: str | None = None
    query_name: str | None = None
    flattened: bool | None = None
    xml_namespace: dict[str, str] | str | None = None
    xml_attribute: bool = False
    streaming: bool = False
    jsonvalue: bool = False
    idempotency_token: bool = False
    timestamp_format: str | None = None
    host_label: bool = False
    result_wrapper: str | None = None
    enum: list[str] | None = None


class ErrorTrait(msgspec.Struct, rename="camel", gc=False):
    """How a modeled exception looks on the wire: its code in the query protocol, and its HTTP status."""

    code: str | None = None
    http_status_code: int | None = None
    sender_fault: bool | None = None


class RawShape(msgspec.Struct, rename="camel", gc=False):
    """A shape as the model has it."""

    type: str
    members: dict[str, Ref] = {}
    required: list[str] = []
    member: Ref | None = None
    key: Ref | None = None
    value: Ref | None = None
    location_name: str | None = None
    flattened: bool = False
    xml_namespace: dict[str, str] | str | None = None
    payload: str | None = None
    streaming: bool = False
    timestamp_format: str | None = None
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    enum: list[str] | None = None
    sensitive: bool = False
    exception: bool = False
    fault: bool = False
    error: ErrorTrait | None = None
    union: bool = False
    document: bool = False
    eventstream: bool = False
    sparse: bool = False


class Http(msgspec.Struct, rename="camel", gc=False):
    """Where an operation lives."""

    method: str = "POST"
    request_uri: str = "/"
    response_code: int = 200


class Endpoint(msgspec.Struct, rename="camel", gc=False):
    """The prefix an operation puts before the service's host name."""

    host_prefix: str = ""


class OperationModel(msgspec.Struct, gc=False):
    """An operation as the model has it."""

    name: str
    http: Http
    input: Ref | None = None
    output: Ref | None = None
    errors: list[Ref] = []
    endpoint: Endpoint | None = None
    authtype: str | None = None
    deprecated: bool = False
    requestcompression: dict[str, list[str]] | None = None


class Metadata(msgspec.Struct, rename="camel", gc=False):
    """What a service says of itself."""

    api_version: str
    endpoint_prefix: str
    protocol: str
    service_id: str
    protocols: list[str] = []
    signing_name: str | None = None
    target_prefix: str | None = None
    json_version: str = "1.0"
    xml_namespace: dict[str, str] | str | None = None
    global_endpoint: str | None = None
    aws_query_compatible: dict[str, Any] | None = None


class ServiceDocument(msgspec.Struct):
    """The root of service-2.json."""

    metadata: Metadata
    operations: dict[str, OperationModel]
    shapes: dict[str, RawShape]


class Shape:
    """A shape where it is used: the shape's own traits with those of the reference over them."""

    __slots__ = ("model", "name", "raw", "ref", "type")

    def __init__(self, model: ServiceModel, ref: Ref) -> None:
        self.model = model
        self.ref = ref
        self.name = ref.shape
        self.raw = model.shapes[ref.shape]
        self.type = self.raw.type

    @property
    def location_name(self) -> str | None:
        return self.ref.location_name or self.raw.location_name

    @property
    def flattened(self) -> bool:
        return self.raw.flattened if self.ref.flattened is None else self.ref.flattened

    @property
    def xml_namespace(self) -> dict[str, str] | str | None:
        return self.ref.xml_namespace or self.raw.xml_namespace

    @property
    def timestamp_format(self) -> str | None:
        return self.ref.timestamp_format or self.raw.timestamp_format

    @property
    def enum(self) -> list[str] | None:
        return self.ref.enum or self.raw.enum

    @property
    def members(self) -> dict[str, Shape]:
        return {name: Shape(self.model, ref) for name, ref in self.raw.members.items()}

    @property
    def member(self) -> Shape:
        assert self.raw.member is not None
        return Shape(self.model, self.raw.member)

    @property
    def key(self) -> Shape:
        assert self.raw.key is not None
        return Shape(self.model, self.raw.key)

    @property
    def value(self) -> Shape:
        assert self.raw.value is not None
        return Shape(self.model, self.raw.value)


class ServiceModel:
    """One service: its metadata, operations and shapes."""

    __slots__ = ("errors", "metadata", "name", "operations", "shapes")

    def __init__(self, name: str, document: ServiceDocument) -> None:
        self.name = name
        self.metadata = document.metadata
        self.operations = document.operations
        self.shapes = document.shapes
        # CloudFront's names carry a version that neither clients nor the wire use; the key is the name.
        for key, operation in self.operations.items():
            operation.name = key
        self.errors = self._index_errors()

    def _index_errors(self) -> dict[str, str]:
        """Exception shapes by shape name and by wire code, the shape name winning where both exist."""
        index: dict[str, str] = {}
        for name, shape in self.shapes.items():
            if shape.exception or shape.error is not None:
                index[name] = name
                if shape.error is not None and shape.error.code:
                    index.setdefault(shape.error.code, name)
        return index

    @property
    def protocols(self) -> list[str]:
        """Every protocol the service understands, the client's favourite first."""
        return protocols_of(self.metadata)

    @property
    def signing_name(self) -> str:
        return self.metadata.signing_name or self.metadata.endpoint_prefix

    @property
    def xml_namespace(self) -> str:
        """The namespace of its XML answers, or an empty string."""
        namespace = self.metadata.xml_namespace
        return namespace.get("uri", "") if isinstance(namespace, dict) else namespace or ""

    def has_event_stream(self, ref: Ref | None) -> bool:
        """Whether an input or output shape carries an event stream."""
        if ref is None:
            return False
        return any(self.shapes[member.shape].eventstream for member in self.shapes[ref.shape].members.values())


def protocols_of(metadata: Metadata) -> list[str]:
    """The protocols of a service; one that was a query service before says so by ``awsQueryCompatible``."""
    protocols = list(metadata.protocols) or [metadata.protocol]
    if metadata.aws_query_compatible is not None and "query" not in protocols:
        protocols.append("query")
    return protocols


@functools.cache
def data_directory() -> Path:
    """Where botocore keeps its models; finding it does not import botocore."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise RuntimeError("botocore is not installed: the service models come from it. Install botocore.")
    return Path(spec.origin).parent / "data"


@functools.cache
def service_names() -> frozenset[str]:
    """Every service botocore has a model for, by folder name."""
    return frozenset(entry.name for entry in data_directory().iterdir() if entry.is_dir())


def model_file(name: str) -> Path | None:
    """The newest model of a service."""
    if name not in service_names():
        return None
    candidates = sorted((data_directory() / name).glob("*/service-2.json*"), reverse=True)
    return candidates[0] if candidates else None


@functools.cache
def _decoder() -> msgspec.json.Decoder[ServiceDocument]:
    return msgspec.json.Decoder(ServiceDocument)


_loaded: dict[str, ServiceModel] = {}


def load(name: str) -> ServiceModel:
    """The model of a service by botocore's folder name, read once; raises ``AwsError`` for an unknown name."""
    model = _loaded.get(name)
    if model is None:
        path = model_file(name)
        if path is None:
            raise AwsError("UnknownService", f"There is no AWS service named {name!r} in the service models.", 404)
        model = _loaded[name] = ServiceModel(name, _document(path))
    return model


def _document(path: Path) -> ServiceDocument:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    extras = path.with_name("service-2.sdk-extras.json")
    if not extras.exists():
        return _decoder().decode(content)
    # Corrections botocore keeps beside a few models; merged before decoding, which those few can afford.
    document = msgspec.json.decode(content)
    _merge(document, msgspec.json.decode(extras.read_bytes())["merge"])
    return msgspec.convert(document, ServiceDocument)


def _merge(into: dict[str, Any], extras: dict[str, Any]) -> None:
    for key, value in extras.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
