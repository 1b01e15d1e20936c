"""What PutLogEvents takes, addresses of events, envelopes, masks, fields."""

from __future__ import annotations

import base64
import gzip
import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.logs.eventids import event_id, page_token, parse_page_token, parse_pointer, pointer
from cloudarium.services.logs.filters.destinations import target_of
from cloudarium.services.logs.filters.envelope import control_message, data_messages, envelope
from cloudarium.services.logs.filters.tails import MOST_EVENTS, Tail
from cloudarium.services.logs.ingest import MAX_BATCH, OVERHEAD, check
from cloudarium.services.logs.patterns import compiled
from cloudarium.services.logs.protection.policy import auditor, destinations, masker
from cloudarium.services.logs.protection.policy import check as check_policy
from cloudarium.services.logs.reading.fields import MOST, discovered
from cloudarium.services.logs.storage.batch import of_stream

NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def refused(times: list[int], messages: list[bytes], retention: int | None = None) -> str:
    with pytest.raises(AwsError) as caught:
        check(times, messages, NOW, retention)
    assert caught.value.code == "InvalidParameterException"
    return caught.value.message


def test_order_span_and_size() -> None:
    assert "chronological order" in refused([NOW, NOW - 1], [b"a", b"b"])
    assert "cannot span more than 24 hours" in refused([NOW - DAY - 1, NOW], [b"a", b"b"])
    assert check([NOW - DAY, NOW], [b"a", b"b"], NOW, None) == (0, 2, {})
    largest = b"x" * (MAX_BATCH - OVERHEAD)
    assert check([NOW], [largest], NOW, None) == (0, 1, {})
    assert refused([NOW], [largest + b"x"]).startswith("Log event too large: 1048577 bytes exceeds limit of 1048576")
    half = b"x" * (MAX_BATCH // 2)
    assert refused([NOW, NOW], [half, half]) == "Upload too large: 1048628 bytes exceeds limit of 1048576"
    assert "less than or equal to 10000" in refused([NOW] * 10_001, [b"a"] * 10_001)
    assert "greater than or equal to 1" in refused([], [])


def test_events_out_of_time_are_told_by_index() -> None:
    times = [NOW - 14 * DAY - 1, NOW - 14 * DAY, NOW - 14 * DAY + HOUR]
    assert check(times, [b"x"] * 3, NOW, None) == (1, 3, {"tooOldLogEventEndIndex": 1})
    times = [NOW - 2 * DAY, NOW - HOUR, NOW + 2 * HOUR, NOW + 2 * HOUR + 1]
    found = check(times, [b"x"] * 4, NOW, 1)
    assert found == (1, 3, {"expiredLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3})
    nothing = check([NOW + 3 * HOUR], [b"x"], NOW, None)
    assert nothing.start == nothing.end and nothing.rejected == {"tooNewLogEventStartIndex": 0}
    # What is rejected does not count for the span.
    assert check([NOW - 20 * DAY, NOW], [b"x"] * 2, NOW, None).start == 1


@given(st.integers(0, 1 << 42), st.integers(0, 1 << 60), st.integers(0, 1 << 42), st.integers(0, 1 << 60))
def test_ids_and_tokens_sort_as_events_do(time: int, seq: int, other: int, other_seq: int) -> None:
    assert len(event_id(time, seq)) == 56
    assert (event_id(time, seq) < event_id(other, other_seq)) == ((time, seq) < (other, other_seq))
    for place in ((time, seq), (time, -1)):
        for direction in "fb":
            assert parse_page_token(page_token(direction, place)) == (direction, place)
    assert parse_pointer(pointer("abc", time, seq)) == ("abc", time, seq)


@given(st.text(max_size=80))
def test_foreign_tokens_are_none(text: str) -> None:
    assert parse_page_token(text) is None
    parse_pointer(text)
    assert parse_pointer("!" + text) is None


def test_envelopes_are_split_until_they_fit() -> None:
    events = [{"id": str(i), "timestamp": i, "message": f"{i * 7919 % 104729:x}" * 20} for i in range(500)]
    packed = list(data_messages(envelope("111122223333", "/g", "s", "f"), events, 3_000))
    assert len(packed) > 1 and all(len(data) <= 3_000 for data, _ in packed)
    opened = [json.loads(gzip.decompress(data)) for data, _ in packed]
    assert [e for each in opened for e in each["logEvents"]] == events
    assert {k: v for k, v in opened[0].items() if k != "logEvents"} == {
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/g", "logStream": "s",
        "subscriptionFilters": ["f"],
    }  # fmt: skip
    control = json.loads(gzip.decompress(control_message("Firehose", 5)))
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert control["logEvents"][0]["message"] == "CWL CONTROL MESSAGE: Checking health of destination Firehose."


def test_a_live_tail_shows_a_sample_of_many() -> None:
    sent: list[dict[str, Any]] = []
    tail = Tail({"u": "1:g"}, compiled("keep"), frozenset(), ("web/",), sent.append, lambda: None)
    messages = [b"keep" if i % 2 else b"drop" for i in range(4000)]
    lengths = array("I", map(len, messages))
    batch = of_stream(1, 0, 9, array("q", range(4000)), lengths, b"".join(messages))
    tail.see("1:g", "other", batch)
    tail.see("1:g", "web/1", batch.cut(0, 10))
    tail.update()
    tail.see("1:g", "web/1", batch)
    tail.update()
    tail.update()
    assert [(len(each["sessionResults"]), each["sessionMetadata"]["sampled"]) for each in sent] == [
        (5, False), (MOST_EVENTS, True), (0, False),
    ]  # fmt: skip
    assert {event["message"] for event in sent[1]["sessionResults"]} == {"keep"}
    times = [event["timestamp"] for event in sent[1]["sessionResults"]]
    assert times == sorted(times) and len(set(times)) == MOST_EVENTS and times[-1] > 2000


def policy(*identifiers: str, custom: dict[str, str] | None = None, **audit: Any) -> str:
    document: dict[str, Any] = {
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": list(identifiers), "Operation": {"Audit": {"FindingsDestination": audit}}},
            {"DataIdentifier": list(identifiers), "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ],
    }
    if custom:
        listed = [{"Name": name, "Regex": regex} for name, regex in custom.items()]
        document["Configuration"] = {"CustomDataIdentifier": listed}
    return json.dumps(document)


MANAGED = "arn:aws:dataprotection::aws:data-identifier/"


@pytest.mark.parametrize(
    ("identifier", "text", "masked"),
    [
        ("EmailAddress", "to a.b+c@example.co.jp!", "to *******************!"),
        ("IpAddress", "from 10.0.0.1 to 999.1.1.1", "from ******** to 999.1.1.1"),
        (
            "CreditCardNumber",
            "4111 1111 1111 1111 and 4111 1111 1111 1112",
            "******************* and 4111 1111 1111 1112",
        ),
        ("Ssn-US", "078-05-1120 000-12-3456", "*********** 000-12-3456"),
        (
            "BankAccountNumber-DE",
            "DE89370400440532013000 DE00370400440532013000",
            "********************** DE00370400440532013000",
        ),
        (
            "BankAccountNumber-ES",
            "ES91 2100 0418 4502 0005 1332 ES9221000418450200051332",
            "*" * 29 + " ES9221000418450200051332",
        ),
        (
            "BankAccountNumber-IT",
            "IT60X0542811101000000123456 IT60 X054 2811 1010 0000 0123 456",
            "*" * 27 + " " + "*" * 33,
        ),
        ("AwsSecretKey", "key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "key=" + "*" * 40),
        ("PhoneNumber-US", "call (555) 234-5678 now", "call ************** now"),
        ("PkcsPrivateKey", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- x", "*" * 57 + " x"),
    ],
)
def test_managed_identifiers(identifier: str, text: str, masked: str) -> None:
    document = policy(MANAGED + identifier)
    check_policy(document)
    assert masker(document)(text) == masked


def test_custom_identifiers_and_bad_policies() -> None:
    document = policy("Employee", custom={"Employee": r"EmployeeId-\d{9}"})
    check_policy(document)
    assert masker(document)("EmployeeId-123456789 logged in") == "*" * 20 + " logged in"
    check_policy(document.replace('"Name": "p", "Version": "2021-06-01", ', ""))
    wrong = ["", "[]", "{}", policy("Unknown"), policy("E", custom={"E": "("}), document.replace("MaskConfig", "X")]
    wrong += [document.replace("FindingsDestination", "X"), policy(MANAGED + "IpAddress", S3={"Name": "b"})]
    wrong += [policy(MANAGED + "IpAddress", SQS={"Queue": "q"}), document.replace("2021-06-01", "2021-06-02")]
    for each in wrong:
        with pytest.raises(AwsError) as caught:
            check_policy(each)
        assert caught.value.code == "InvalidParameterException", each
    with pytest.raises(AwsError) as caught:
        check_policy(policy(MANAGED + "VehicleIdentificationNumber"))
    assert caught.value.code == "NotImplemented"


def test_what_is_found_where() -> None:
    """Places are first and last characters, counted from one, as in AWS's example."""
    document = policy(MANAGED + "EmailAddress", MANAGED + "IpAddress", S3={"Bucket": "b"})
    assert destinations(document) == (("S3", "b"),)
    found = auditor(document)("日 a@b.org 10.0.0.1 c@d.org")
    assert found == [("EmailAddress", ((3, 9), (20, 26))), ("IpAddress", ((11, 18),))]


def test_fields_are_discovered_in_json_only() -> None:
    assert discovered('{"a": {"b": [1, "x", null]}, "c": true}') == {
        "a.b.0": "1", "a.b.1": "x", "a.b.2": "null", "c": "true",
    }  # fmt: skip
    assert discovered("plain") == {} == discovered("[1]") == discovered("{broken")
    assert len(discovered(json.dumps({str(i): i for i in range(1000)}))) == MOST
    assert discovered("{" + '"a":{' * 200 + "}" * 201) == {}


@pytest.mark.parametrize(
    ("arn", "service", "operation", "where"),
    [
        ("arn:aws:lambda:us-east-1:111122223333:function:f", "lambda", "invoke", ("FunctionName", None)),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/k", "kinesis", "put_record", ("StreamName", "k")),
        (
            "arn:aws:firehose:us-east-1:111122223333:deliverystream/d",
            "firehose",
            "put_record",
            ("DeliveryStreamName", "d"),
        ),
    ],
)
async def test_what_each_kind_of_destination_is_sent(
    arn: str, service: str, operation: str, where: tuple[str, str | None]
) -> None:
    cloud = Cloud(clock=Clock(), store=Store(None), port=1)
    scope = Scope("111122223333", "us-east-1")
    calls: list[tuple[str, str, dict[str, Any]]] = []

    async def dispatch(service: str, operation: str, _: Scope, __: Any, given: dict[str, Any]) -> dict[str, Any]:
        calls.append((service, operation, given))
        return {}

    cloud.dispatch = dispatch
    await target_of(cloud, scope, arn).send(b"packed", "web/1")
    ((called, name, given),) = calls
    assert (called, name, given[where[0]]) == (service, operation, where[1] or arn)
    if service == "lambda":
        assert given["InvocationType"] == "Event"
        assert json.loads(given["Payload"]) == {"awslogs": {"data": base64.b64encode(b"packed").decode()}}
    else:
        assert given.get("Data", given.get("Record", {}).get("Data")) == b"packed"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["2021-06-01", "Audit", "x", "("])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["Name", "Version", "Statement", "DataIdentifier", "Operation", "Audit", "Deidentify"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(JSON, st.dictionaries(st.sampled_from(["Statement", "Configuration"]), JSON))
def test_any_policy_is_taken_or_refused(whole: Any, part: dict[str, Any]) -> None:
    for document in (json.dumps(whole), json.dumps({**json.loads(policy("E", custom={"E": "x"})), **part})):
        try:
            check_policy(document)
        except AwsError as error:
            assert error.code in ("InvalidParameterException", "NotImplemented")
        else:
            masker(document)("text")
