"""One operation of one service in one protocol: the three functions the gateway calls."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from cloudarium.gateway.wire import models, scalars
from cloudarium.gateway.wire.cbor_codec import CborCodec, plain_error
from cloudarium.gateway.wire.codec import Codec, Fault, Parser, Serializer
from cloudarium.gateway.wire.json_codec import JsonCodec, encode, error_object
from cloudarium.gateway.wire.message import WireRequest, WireResponse
from cloudarium.gateway.wire.models import OperationModel
from cloudarium.gateway.wire.query_codec import Ec2Codec, QueryCodec, ec2_error_response, query_error
from cloudarium.gateway.wire.rest_codec import RestJsonCodec, RestXmlCodec, s3_error
from cloudarium.gateway.wire.rest_reader import query_of
from cloudarium.gateway.wire.router import Router
from cloudarium.gateway.wire.validate import Check
from cloudarium.kernel.errors import AwsError

CODECS: dict[str, type[Codec]] = {
    "query": QueryCodec,
    "ec2": Ec2Codec,
    "json": JsonCodec,
    "rest-json": RestJsonCodec,
    "rest-xml": RestXmlCodec,
    "smithy-rpc-v2-cbor": CborCodec,
}
PROTOCOLS = frozenset(CODECS)


class Operation:
    """Parses requests and serializes answers; compiled when first used, then only called."""

    __slots__ = ("_check", "_codec", "_parse", "_serialize", "_tokens", "model", "name", "protocol", "service")

    def __init__(self, codec: Codec, model: OperationModel) -> None:
        self.service = codec.model.name
        self.protocol = codec.protocol
        self.name = model.name
        self.model = model
        self._codec = codec
        self._parse: Parser | None = None
        self._serialize: Serializer | None = None
        self._check: Check | None = None
        self._tokens: tuple[str, ...] = ()

    def parse(self, request: WireRequest, path_params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The input as boto3 would have been given it: aware datetimes, bytes, numbers, only members present.

        ``path_params`` are the decoded labels of a REST path, found here when not given. Members that the model calls
        idempotency tokens get a new one when absent. Raises ``AwsError`` for everything wrong with the request.
        """
        parse = self._parse or self._compile_parse()
        try:
            if path_params is None:
                path_params = self._labels(request)
            params = parse(request, path_params)
        except scalars.BadValue as error:
            raise self._codec.bad_value(error) from error
        except RecursionError as error:
            raise self._codec.unreadable("The request is nested too deeply.") from error
        for token in self._tokens:
            if token not in params:
                params[token] = scalars.new_token()
        if self._check is not None:
            problems = self._check(params)
            if problems:
                raise self._codec.invalid(self.model, problems)
        return params

    def serialize(self, output: Mapping[str, Any], request_id: str) -> WireResponse:
        """The answer for what the operation returned; members that are None are left out."""
        serialize = self._serialize or self._compile_serialize()
        return serialize(output, request_id)

    def serialize_error(self, error: AwsError, request_id: str) -> WireResponse:
        """The answer for an error; a modeled one gets the model's status, wire code and members."""
        return self._codec.error(error, request_id)

    def _labels(self, request: WireRequest) -> Mapping[str, str]:
        if not self.protocol.startswith("rest-"):
            return {}
        match = router(self.service).match(request.method, request.path, query_of(request.query), request.headers)
        return match.path_params() if match is not None else {}

    def _compile_parse(self) -> Parser:
        shape = self._codec.input_shape(self.model)
        if shape is not None:
            self._check = self._codec.validators.compile(shape)
            self._tokens = tuple(name for name, member in shape.members.items() if member.ref.idempotency_token)
        self._parse = self._codec.parser(self.model)
        return self._parse

    def _compile_serialize(self) -> Serializer:
        self._serialize = self._codec.serializer(self.model)
        return self._serialize


_operations: dict[tuple[str, str, str], Operation] = {}


def operation(service: str, protocol: str, name: str) -> Operation:
    """The operation, made once; raises ``AwsError`` as AWS answers for a name it does not know.

    Event streams are refused by name, but for answers in the JSON protocol.
    """
    key = (service, protocol, name)
    found = _operations.get(key)
    if found is None:
        its_codec = codec(service, protocol)
        model = its_codec.model.operations.get(name)
        if model is None:
            raise its_codec.unknown_operation(name)
        answers = its_codec.model.has_event_stream(model.output) and protocol != "json"
        if its_codec.model.has_event_stream(model.input) or answers:
            message = f"{service} {name} uses an event stream, which Cloudarium does not speak yet."
            raise AwsError("NotImplemented", message, 501)
        found = _operations[key] = Operation(its_codec, model)
    return found


@functools.cache
def _codec(service: str, protocol: str) -> Codec:
    return CODECS[protocol](models.load(service))


def codec(service: str, protocol: str) -> Codec:
    """The codec of a service in a protocol it speaks; raises ``AwsError`` when it does not speak it."""
    spoken = models.load(service).protocols
    if protocol not in spoken:
        message = f"The service {service} speaks {', '.join(spoken)}, not {protocol}."
        raise AwsError("UnsupportedProtocol", message, 400)
    return _codec(service, protocol)


@functools.cache
def router(service: str) -> Router:
    """The REST routes of a service."""
    return Router(models.load(service))


def serialize_service_error(service: str, protocol: str, error: AwsError, request_id: str) -> WireResponse:
    """The answer when the service is known but the operation is not."""
    return codec(service, protocol).error(error, request_id)


def serialize_unknown_error(protocol: str, error: AwsError, request_id: str, *, s3: bool = False) -> WireResponse:
    """The answer to a request whose service or operation could not be told; ``s3`` words rest-xml as S3 does."""
    fault = Fault(None, error)
    match protocol:
        case "ec2":
            return ec2_error_response(error, request_id)
        case "smithy-rpc-v2-cbor":
            return plain_error(error, request_id)
        case "json" | "rest-json":
            content_type = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
            body = encode(error_object(fault, error, None))
            headers = [("Content-Type", content_type), ("x-amzn-RequestId", request_id)]
            if protocol == "rest-json":
                headers.append(("x-amzn-ErrorType", fault.name))
            return WireResponse(error.status, headers, body)
        case "rest-xml" if s3:
            return s3_error(fault, error, request_id)
        case _:
            return query_error(fault, error, request_id, "")
