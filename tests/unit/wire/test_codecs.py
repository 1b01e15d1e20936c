"""The parts codecs are made of."""

from __future__ import annotations

import datetime as dt
import math

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.gateway import wire
from cloudarium.gateway.wire import WireRequest, cbor, models, scalars, timestamps
from cloudarium.gateway.wire.index import index, row_of
from cloudarium.gateway.wire.message import form_of
from cloudarium.gateway.wire.query_reader import tree_of
from cloudarium.gateway.wire.rest_reader import split_header
from cloudarium.gateway.wire.xml_tree import BadXml, parse_xml
from cloudarium.gateway.wire.xml_writer import escape
from cloudarium.kernel.errors import AwsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=40,
)


@given(VALUES)
def test_cbor_of_another_encoder_is_read(value: object) -> None:
    assert cbor.decode(cbor2.dumps(value)) == value
    assert cbor.decode(cbor2.dumps(value, canonical=True)) == value


@given(VALUES.filter(lambda value: not isinstance(value, bytes)))
def test_cbor_documents_are_read_by_another_decoder(value: object) -> None:
    def no_bytes(part: object) -> object:
        if isinstance(part, bytes):
            return part.hex()
        if isinstance(part, list):
            return [no_bytes(item) for item in part]
        return {key: no_bytes(item) for key, item in part.items()} if isinstance(part, dict) else part

    plain = no_bytes(value)
    assert cbor2.loads(cbor.anything(plain)) == plain


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))
def test_cbor_timestamps(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=dt.UTC)
    assert cbor.decode(cbor.timestamp(moment)) == moment
    assert cbor2.loads(cbor.timestamp(moment)) == moment


def test_cbor_without_lengths() -> None:
    assert cbor.decode(b"\xbf\x61a\x9f\x01\x02\xff\xff") == {"a": [1, 2]}
    assert cbor.decode(b"\x7f\x61a\x61b\xff") == "ab"
    assert cbor.decode(b"\x5f\x41a\x41b\xff") == b"ab"
    assert math.isnan(cbor.decode(b"\xf9\x7e\x00"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01",
        b"\xff",
        b"\x81",
        b"\x81\xff",
        b"\xa1\x01\x01",
        b"\xbf\x61a\xff",
        b"\x61\xff",
        b"\x7f\x41a\xff",
        b"\xc0\x61a",
        b"\xc1\x61a",
        b"\xc1\xfb\x7f\xef\xff\xff\xff\xff\xff\xff",
        b"\xd8\x1c\x80",
        b"\x1c",
        b"\x1f",
        b"\xf8\x14",
    ],
)
def test_cbor_that_is_refused(data: bytes) -> None:
    with pytest.raises(cbor.BadCbor):
        cbor.decode(data)


@given(st.text())
def test_escaped_text_survives_xml(text: str) -> None:
    allowed = "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff" and c != "\x7f"))
    element = parse_xml(f'<a x="{escape(allowed)}">{escape(allowed)}</a>'.encode(errors="replace"))
    wanted = allowed.encode(errors="replace").decode()
    assert element.text == wanted
    assert element.attributes["x"].replace("\t", " ").replace("\n", " ") == wanted.replace("\t", " ").replace("\n", " ")


def test_text_in_answers_is_escaped() -> None:
    operation = wire.operation("sts", "query", "GetCallerIdentity")
    for text in ("a]]>b", "<x/>", "&amp;", "a\rb", 'é"\x01', "\ud800", "&#x1;"):
        body = operation.serialize({"Arn": text}, "r").body
        found = parse_xml(body).children["GetCallerIdentityResult"][0].children["Arn"][0].text
        assert found == text.replace("\x01", "\ufffd").encode(errors="replace").decode()


@pytest.mark.parametrize("body", [b"", b"<a>", b"<a></b>", b"<!DOCTYPE a><a/>", b"<a>&x;</a>", b"\xff", b"<a/><b/>"])
def test_xml_that_is_refused(body: bytes) -> None:
    with pytest.raises(BadXml):
        parse_xml(body)


def test_dotted_names_become_a_tree() -> None:
    assert tree_of({"Action": "X", "A.1.B": "x", "A.2.B": "y", "C": "z"}) == {
        "A": {"1": {"B": "x"}, "2": {"B": "y"}},
        "C": "z",
    }
    assert tree_of({"A": "x", "A.1": "y"}) == {"A": {"": "x", "1": "y"}} == tree_of({"A.1": "y", "A": "x"})
    assert tree_of({"Timestamp": "t"}) == {"Timestamp": "t"}
    assert tree_of({"Timestamp": "t", "AWSAccessKeyId": "a"}) == {}


def test_items_come_in_the_order_of_their_numbers() -> None:
    body = "&".join(f"InstanceId.{n}=i-{n}" for n in (10, 2, 1, 30))
    request = WireRequest("POST", "/", "", {}, f"Action=DescribeInstances&{body}".encode())
    parsed = wire.operation("ec2", "ec2", "DescribeInstances").parse(request)
    assert parsed == {"InstanceIds": ["i-1", "i-2", "i-10", "i-30"]}


def test_forms_in_url_and_body() -> None:
    request = WireRequest("POST", "/", "A=1&B=a+b%2B", {"content-type": "text/plain"}, b"C=3")
    assert form_of(request) == {"A": "1", "B": "a b+"}
    request = WireRequest("POST", "/", "A=1", {}, b"A=2&C=%C3%A9")
    assert form_of(request) == {"A": "1", "C": "é"}


MOMENT = dt.datetime(2024, 5, 1, 10, 0, 0, 250_000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T10:00:00.250Z",
        "2024-05-01T12:00:00.250+02:00",
        "2024-05-01T10:00:00.250",
        "Wed, 01 May 2024 10:00:00.250 GMT",
        "1714557600.25",
        "1.71455760025E9",
    ],
)
def test_timestamps_in_every_spelling(text: str) -> None:
    assert timestamps.read_timestamp(text) == MOMENT


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)), st.sampled_from(sorted(timestamps.TEXT_FORMATS)))
def test_timestamps_written_are_read(moment: dt.datetime, form: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=dt.UTC)
    assert timestamps.read_timestamp(timestamps.TEXT_FORMATS[form](moment)) == moment


def test_timestamps_as_aws_writes_them() -> None:
    whole = MOMENT.replace(microsecond=0)
    assert timestamps.iso8601(whole) == "2024-05-01T10:00:00Z"
    assert timestamps.iso8601(MOMENT) == "2024-05-01T10:00:00.250Z"
    assert timestamps.iso8601_millis(whole) == "2024-05-01T10:00:00.000Z"
    assert timestamps.http_date(whole) == "Wed, 01 May 2024 10:00:00 GMT"
    assert timestamps.epoch(MOMENT) == 1714557600.25
    assert timestamps.iso8601(whole.astimezone(dt.timezone(dt.timedelta(hours=9)))) == "2024-05-01T10:00:00Z"
    assert timestamps.iso8601(whole.replace(tzinfo=None)) == "2024-05-01T10:00:00Z"


@given(st.text())
def test_any_text_is_a_timestamp_or_not(text: str) -> None:
    try:
        assert scalars.timestamp(text).tzinfo is not None
    except scalars.BadValue:
        pass


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e3", "0x10", "٣", " 1", "1_0", "99999999999999999999"])
def test_integers_are_strict(text: str) -> None:
    with pytest.raises(scalars.BadValue):
        scalars.integer_text(text, "long")


def test_header_lists() -> None:
    assert split_header('a, b ,"c,d","e\\"f"') == ["a", "b", "c,d", 'e"f']


def test_headers_cannot_be_injected() -> None:
    output = {"ContentDisposition": "x\r\nSet-Cookie: a=b", "Metadata": {"k\n": "v\r\n"}}
    response = wire.operation("s3", "rest-xml", "HeadObject").serialize(output, "r")
    assert not any("\r" in text or "\n" in text for pair in response.headers for text in pair)
    assert response.body == b""


def test_json_says_what_it_cannot_count() -> None:
    operation = wire.operation("cloudwatch", "json", "GetMetricStatistics")
    points = [{"Average": value} for value in (math.nan, math.inf, -math.inf, 1.0)]
    body = msgspec.json.decode(operation.serialize({"Datapoints": points}, "r").body)
    assert [point["Average"] for point in body["Datapoints"]] == ["NaN", "Infinity", "-Infinity", 1.0]


def test_members_that_are_none_are_left_out() -> None:
    for service, protocol in (("elbv2", "query"), ("ec2", "ec2"), ("ecs", "json"), ("lambda", "rest-json")):
        name = {"elbv2": "DescribeRules", "ec2": "DescribeVpcs", "ecs": "ListTasks", "lambda": "ListFunctions"}[service]
        operation = wire.operation(service, protocol, name)
        none = {member: None for member in models.load(service).shapes[operation.model.output.shape].members}  # type: ignore[union-attr]
        assert operation.serialize(none, "r").body == operation.serialize({}, "r").body


def test_ec2_answers_true_when_it_has_nothing_to_say() -> None:
    body = wire.operation("ec2", "ec2", "DeleteVpc").serialize({}, "r").body
    assert b"<requestId>r</requestId><return>true</return></DeleteVpcResponse>" in body


def test_the_index_agrees_with_the_models() -> None:
    for service in ("ec2", "sts", "elbv2", "s3", "cloudwatch", "dynamodb", "sqs"):
        assert index().rows[service] == row_of(models.load(service))
    assert index().by_signing_name["lambda"][0] == "lambda"
    assert set(index().rows) <= models.service_names()


def test_unknown_services() -> None:
    with pytest.raises(AwsError) as caught:
        models.load("../sts")
    assert caught.value.code == "UnknownService"
