"""Errors on the wire, against botocore's parsers."""

from __future__ import annotations

import random
from typing import Any

import botocore.parsers
import pytest
from tests.unit.wire import generate
from tests.unit.wire.test_roundtrip import SAMPLE

from cloudarium.gateway import wire
from cloudarium.gateway.wire import serialize_service_error, serialize_unknown_error
from cloudarium.kernel.errors import AwsError


def parse(protocol: str, response: wire.WireResponse, shape: Any = None) -> dict[str, Any]:
    raw = generate.response_dict(response)
    parsed: dict[str, Any] = botocore.parsers.create_parser(protocol).parse(raw, shape)
    return parsed


@pytest.mark.parametrize(("service", "protocol"), SAMPLE)
def test_every_modeled_error_reaches_botocore(service: str, protocol: str) -> None:
    model = generate.service_model(service)
    assert model.error_shapes or service == "ec2"
    shapes: list[Any] = model.error_shapes
    for shape in shapes:
        generator = generate.Generator(random.Random(shape.name))
        members = {}
        for name, member in shape.members.items():
            if name.lower() not in ("message", "code", "type", "errorcode", "errortype"):
                members[name] = generator._member(member, 1)
        error = AwsError(shape.name, 'it <broke> & "so" on é', 400, members=members)
        response = serialize_service_error(service, protocol, error, "request-1")
        declared = shape.metadata.get("error", {}).get("httpStatusCode")
        assert response.status == (declared or (500 if wire.load(service).shapes[shape.name].fault else 400))
        found = parse(protocol, response)
        assert found["Error"]["Message"] == error.message
        code = found["Error"]["Code"]
        compatible = protocol in ("json", "smithy-rpc-v2-cbor") and model.is_query_compatible
        assert code == (shape.error_code if protocol in ("query", "rest-xml") or compatible else shape.name)
        modeled = parse(protocol, response, shape)
        for name, value in generate.without_empty(members).items():
            assert generate.without_empty(modeled[name]) == value


@pytest.mark.parametrize("protocol", sorted(wire.PROTOCOLS))
def test_errors_before_the_service_is_known(protocol: str) -> None:
    error = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    response = serialize_unknown_error(protocol, error, "request-1")
    assert response.status == 403
    found = parse(protocol, response)
    assert found["Error"]["Code"] == error.code
    assert found["Error"]["Message"] == error.message


def test_a_wire_code_finds_its_shape() -> None:
    error = AwsError("TargetGroupNotFound", "gone")
    response = serialize_service_error("elbv2", "query", error, "r")
    assert response.status == 400
    assert b"<Type>Sender</Type><Code>TargetGroupNotFound</Code>" in response.body
    by_shape = serialize_service_error("elbv2", "query", AwsError("TargetGroupNotFoundException", "gone"), "r")
    assert by_shape.body == response.body


def test_query_compatible_services_say_the_old_code() -> None:
    response = serialize_service_error("cloudwatch", "json", AwsError("DashboardNotFoundError", "no"), "r")
    assert response.status == 404
    assert ("x-amzn-query-error", "ResourceNotFound;Sender") in response.headers


def test_unknown_operations_answer_as_their_protocol_does() -> None:
    expected = {
        ("sts", "query"): ("InvalidAction", 400),
        ("ec2", "ec2"): ("InvalidAction", 400),
        ("ecs", "json"): ("UnknownOperationException", 400),
        ("lambda", "rest-json"): ("UnknownOperationException", 404),
        ("s3", "rest-xml"): ("MethodNotAllowed", 405),
        ("cloudwatch", "smithy-rpc-v2-cbor"): ("UnknownOperationException", 404),
    }
    for (service, protocol), (code, status) in expected.items():
        with pytest.raises(AwsError) as caught:
            wire.operation(service, protocol, "Nonsense")
        assert (caught.value.code, caught.value.status) == (code, status)


def test_event_streams_are_refused_by_name() -> None:
    """But for answers in the JSON protocol."""
    with pytest.raises(AwsError, match="InvokeWithResponseStream uses an event stream") as caught:
        wire.operation("lambda", "rest-json", "InvokeWithResponseStream")
    assert caught.value.code == "NotImplemented"


def test_a_service_is_not_answered_in_a_protocol_it_does_not_speak() -> None:
    with pytest.raises(AwsError) as caught:
        wire.operation("sts", "json", "GetCallerIdentity")
    assert caught.value.code == "UnsupportedProtocol"


@pytest.mark.parametrize(("service", "protocol"), [("cloudformation", "query"), ("ec2", "ec2")])
def test_what_xml_cannot_say_does_not_make_an_answer_unreadable(service: str, protocol: str) -> None:
    error = AwsError("ValidationError", "a\x00b\x1fc\uffffd\te\x7f &#x1;", 400)
    response = serialize_service_error(service, protocol, error, "request-1")
    assert parse(protocol, response)["Error"]["Message"] == "a\ufffdb\ufffdc\ufffdd\te\x7f &#x1;"
