"""Every operation of a sample of services, in every protocol they speak, against botocore.

``CLOUDARIUM_WIRE_SERVICES=all`` takes every service there is, ``CLOUDARIUM_WIRE_EXAMPLES`` more examples of each.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire import oracle

from cloudarium.gateway import wire

EXAMPLES = int(os.environ.get("CLOUDARIUM_WIRE_EXAMPLES", "1"))
SAMPLE = [
    ("sts", "query"),
    ("elbv2", "query"),
    ("iam", "query"),
    ("sns", "query"),
    ("ec2", "ec2"),
    ("cloudwatch", "smithy-rpc-v2-cbor"),
    ("cloudwatch", "json"),
    ("cloudwatch", "query"),
    ("sqs", "json"),
    ("sqs", "query"),
    ("dynamodb", "json"),
    ("ecs", "json"),
    ("logs", "json"),
    ("lambda", "rest-json"),
    ("apigateway", "rest-json"),
    ("s3", "rest-xml"),
    ("route53", "rest-xml"),
    ("cloudfront", "rest-xml"),
]
# Some or all of their requests look like those of another service with the same signing name and host.
TWINS = {"docdb", "neptune", "qconnect", "pinpoint-sms-voice", "greengrassv2", "lambda-microvms"}


def targets() -> list[tuple[str, str]]:
    """The services and protocols to try."""
    if os.environ.get("CLOUDARIUM_WIRE_SERVICES") != "all":
        return SAMPLE
    return [(s, p) for s in sorted(wire.service_names() - TWINS) for p in wire.load(s).protocols]


@pytest.mark.parametrize(("service", "protocol"), targets())
def test_requests_of_botocore_are_understood(service: str, protocol: str) -> None:
    for name in oracle.operations(service):
        for example in range(EXAMPLES):
            oracle.check_input(service, protocol, name, random.Random(f"{name}{example}"))


@pytest.mark.parametrize(("service", "protocol"), targets())
def test_responses_are_understood_by_botocore(service: str, protocol: str) -> None:
    for name in oracle.operations(service):
        for example in range(EXAMPLES):
            oracle.check_output(service, protocol, name, random.Random(f"{name}{example}"))


NAMES = [(service, protocol, name) for service, protocol in SAMPLE for name in oracle.operations(service)]


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False))
@settings(max_examples=60 * EXAMPLES, deadline=None)
def test_round_trips_of_any_operation(target: tuple[str, str, str], source: random.Random) -> None:
    oracle.check_input(*target, source)
    oracle.check_output(*target, source)
