"""Round trips of one operation against botocore's own serializers and parsers."""

from __future__ import annotations

import random
from typing import Any

import botocore.parsers
import botocore.serialize
from tests.unit.wire import generate

from cloudarium.gateway import detect, wire
from cloudarium.gateway.wire.index import index

# They share method and path with an operation that is meant more often; too little on the wire tells them apart.
SUPERSEDED = {
    "GetBucketLifecycle",
    "PutBucketLifecycle",
    "GetBucketNotification",
    "PutBucketNotification",
    "ListDirectoryBuckets",
}


# Signed as another service than the rest of its own, which the endpoint rules say and the model does not.
ELSEWHERE = {"WriteGetObjectResponse"}


def operations(service: str) -> list[str]:
    """Every operation without event streams."""
    model = generate.service_model(service)
    names = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        if not (
            operation.has_event_stream_input or operation.has_event_stream_output or name in SUPERSEDED | ELSEWHERE
        ):
            names.append(name)
    return names


def request_for(service: str, protocol: str, name: str, source: random.Random) -> tuple[dict[str, Any], Any]:
    """Generated input and the request botocore makes of it."""
    model = generate.service_model(service).operation_model(name)
    params = generate.Generator(source).value(model.input_shape) if model.input_shape else {}
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    metadata = wire.load(service).metadata
    headers = generate.authorization(wire.load(service).signing_name)
    if len(index().by_signing_name[wire.load(service).signing_name]) > 1 and service != "s3":
        headers["host"] = f"{metadata.endpoint_prefix}.us-east-1.amazonaws.com"
    return params, generate.wire_request(serializer.serialize_to_request(params, model), headers)


def check_input(service: str, protocol: str, name: str, source: random.Random) -> None:
    """Botocore's request is detected as the operation and parsed to what botocore was given."""
    params, request = request_for(service, protocol, name, source)
    found = detect.detect(request)
    assert (found.service, found.protocol, found.operation_name) == (service, protocol, name)
    operation = wire.operation(service, protocol, name)
    # Generated values need not satisfy the model's patterns; what is compiled beside the validator is under test.
    parsed = operation._codec.parser(operation.model)(request, found.path_params)
    if "ContentLength" not in params:
        # Every client sends this header, and one operation has it as a member.
        parsed.pop("ContentLength", None)
    assert plain(parsed, protocol) == plain(params, protocol), name


def check_output(service: str, protocol: str, name: str, source: random.Random) -> None:
    """What we serialize is what botocore's parser reads."""
    model = generate.service_model(service).operation_model(name)
    shape: Any = model.output_shape
    output = generate.Generator(source).value(shape) if shape else {}
    response = wire.operation(service, protocol, name).serialize(output, "request-1")
    if protocol == "query" and shape is not None:
        # Services that speak query only as a second language have lost the trait.
        shape.serialization.setdefault("resultWrapper", f"{name}Result")
    parsed = botocore.parsers.create_parser(protocol).parse(generate.response_dict(response, shape), shape)
    metadata = parsed.pop("ResponseMetadata")
    if metadata.get("RequestId") is not None or protocol in ("query", "ec2"):
        assert metadata["RequestId"] == "request-1"
    for member, used in shape.members.items() if shape else ():
        location, wire_name = used.serialization.get("location"), used.serialization.get("name", "").lower()
        # What every response has anyway is read into the members that are bound to it.
        if member not in output and (location == "statusCode" or wire_name == "content-type"):
            parsed.pop(member, None)
        if location == "headers" and not wire_name:
            parsed[member] = {key: value for key, value in parsed[member].items() if key in output.get(member, {})}
    if shape is not None and response.status != 204:
        assert plain(parsed, protocol) == plain(output, protocol), name


def plain(value: Any, protocol: str) -> Any:
    """A value as far as the protocol can say it."""
    if protocol in ("query", "ec2", "rest-xml"):
        return generate.without_empty(value)
    # An empty payload and an absent one look the same in rest-json.
    return {k: v for k, v in value.items() if v not in ({}, b"", "")} if protocol == "rest-json" else value
