"""Events in and out: pages, tokens, searches, masks, records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import Account


class Stream:
    """A group with one stream."""

    def __init__(self, account: Account) -> None:
        self.logs = account.logs
        self.now = int(account.now() * 1000)
        self.logs.create_log_group(logGroupName="g")
        self.logs.create_log_stream(logGroupName="g", logStreamName="s")

    def put(self, *messages: str, stream: str = "s", at: int | None = None) -> Any:
        start = self.now - 60_000 if at is None else at
        events = [{"timestamp": start + i, "message": message} for i, message in enumerate(messages)]
        return self.logs.put_log_events(logGroupName="g", logStreamName=stream, logEvents=events)

    def get(self, **given: Any) -> Any:
        return self.logs.get_log_events(logGroupName="g", logStreamName="s", **given)

    def found(self, pattern: str, **given: Any) -> list[str]:
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName="g", filterPattern=pattern, **given)
        return [event["message"] for page in pages for event in page["events"]]


@pytest.fixture
def stream(account: Account) -> Stream:
    return Stream(account)


def texts(page: Any) -> list[str]:
    return [event["message"] for event in page["events"]]


def test_pages_to_and_fro(stream: Stream) -> None:
    """Without startFromHead the newest come first; at an end the same token comes back."""
    stream.put(*[f"m{i}" for i in range(10)])
    newest = stream.get(limit=4)
    assert texts(newest) == ["m6", "m7", "m8", "m9"]
    older = stream.get(limit=4, nextToken=newest["nextBackwardToken"])
    assert texts(older) == ["m2", "m3", "m4", "m5"]
    assert texts(stream.get(limit=4, nextToken=older["nextForwardToken"])) == ["m6", "m7", "m8", "m9"]
    oldest = stream.get(limit=4, nextToken=older["nextBackwardToken"])
    assert texts(oldest) == ["m0", "m1"]
    end = stream.get(nextToken=oldest["nextBackwardToken"])
    assert texts(end) == [] and end["nextBackwardToken"] == oldest["nextBackwardToken"]
    end = stream.get(nextToken=newest["nextForwardToken"])
    assert texts(end) == [] and end["nextForwardToken"] == newest["nextForwardToken"]
    back = stream.get(limit=2, nextToken=end["nextBackwardToken"])
    assert texts(back) == ["m8", "m9"], "from beyond the end back to the last event"
    beginning = stream.get(nextToken=oldest["nextBackwardToken"])
    assert texts(stream.get(limit=2, nextToken=beginning["nextForwardToken"])) == ["m0", "m1"]
    stream.put("late", at=stream.now)
    assert texts(stream.get(nextToken=newest["nextForwardToken"])) == ["late"]
    assert newest["nextForwardToken"].startswith("f/") and newest["nextForwardToken"].endswith("/s")
    with pytest.raises(ClientError, match="nextToken is invalid"):
        stream.get(nextToken="f/nonsense/s")


def test_times_of_get_and_filter(stream: Stream) -> None:
    """GetLogEvents leaves the end out, FilterLogEvents takes it in."""
    start = stream.now - 60_000
    stream.put("a", "b", "c")
    assert texts(stream.get(startTime=start + 1, endTime=start + 2)) == ["b"]
    found = stream.logs.filter_log_events(logGroupName="g", startTime=start + 1, endTime=start + 2)
    assert texts(found) == ["b", "c"]
    assert found["searchedLogStreams"] == []
    backwards = stream.logs.filter_log_events(logGroupName="g", startTime=start, startFromHead=False)
    assert texts(backwards) == ["c", "b", "a"]


def test_a_page_holds_a_mebibyte(stream: Stream) -> None:
    for number in range(5):
        stream.put("x" * 300_000, at=stream.now - 1000 + number)
    sizes, token = [], None
    while True:
        page = stream.get(startFromHead=True, **({"nextToken": token} if token else {}))
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
        sizes.append(len(page["events"]))
    assert sizes == [3, 2]


def test_rejected_events_are_told_and_the_others_kept(stream: Stream) -> None:
    day = 86_400_000
    events = [{"timestamp": stream.now + offset, "message": str(offset)} for offset in (-15 * day, 0, 3 * 3_600_000)]
    answer = stream.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert texts(stream.get()) == ["0"]
    # Sequence tokens are ignored now.
    again = stream.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events[1:2], sequenceToken="1")
    assert again["nextSequenceToken"] != answer.get("")
    with pytest.raises(ClientError, match="chronological order"):
        stream.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events[1::-1])
    with pytest.raises(ClientError, match="log stream does not exist"):
        stream.put("x", stream="other")


def test_searches(stream: Stream) -> None:
    stream.logs.create_log_stream(logGroupName="g", logStreamName="web/1")
    stream.put(*[json.dumps({"status": 200 if i % 10 else 500, "n": i}) for i in range(200)])
    stream.put("ERROR: a", "ERROR: MethodNotAllowedHttpException", "日本語 ERROR", stream="web/1")
    assert stream.found("{ $.status = 500 }") == [json.dumps({"status": 500, "n": i}) for i in range(0, 200, 10)]
    assert len(stream.found("{ $.n >= 0 }", PaginationConfig={"PageSize": 7})) == 200
    assert stream.found('"ERROR:" -MethodNotAllowedHttpException') == ["ERROR: a"]
    assert stream.found("ERROR", logStreamNamePrefix="web/")[-1] == "日本語 ERROR"
    assert stream.found("ERROR", logStreamNames=["s"]) == []
    for pattern, words in (("{ $.a", "must end with '}'"), ("a-b", r"Invalid character\(s\) in term 'a-b'")):
        with pytest.raises(ClientError, match=words):
            stream.found(pattern)
    with pytest.raises(ClientError, match="log stream does not exist"):
        stream.found("", logStreamNames=["nowhere"])
    ids = [event["eventId"] for event in stream.logs.filter_log_events(logGroupName="g")["events"]]
    assert len(set(ids)) == 203 and ids == sorted(ids)


def test_unicode_comes_back_as_it_was(stream: Stream) -> None:
    messages = ["tab\tnewline\n", "\U0001f600 日本", 'quote " backslash \\', " "]
    stream.put(*messages)
    assert texts(stream.get(startFromHead=True)) == messages


def test_masks_and_records(stream: Stream) -> None:
    identifier = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
    operations: list[dict[str, Any]] = [{"Audit": {"FindingsDestination": {}}}, {"Deidentify": {"MaskConfig": {}}}]
    document = json.dumps({
        "Name": "p", "Version": "2021-06-01",
        "Statement": [{"DataIdentifier": [identifier], "Operation": operation} for operation in operations],
    })  # fmt: skip
    stream.put("before a@b.org")
    stream.logs.put_data_protection_policy(logGroupIdentifier="g", policyDocument=document)
    stream.put('{"mail": "a@b.org"}')
    # What came in before the policy is not masked.
    assert stream.found("mail") == ['{"mail": "*******"}'] and stream.found("before") == ["before a@b.org"]
    assert texts(stream.get(unmask=True))[-1] == '{"mail": "a@b.org"}'
    assert stream.logs.describe_log_groups()["logGroups"][0]["dataProtectionStatus"] == "ACTIVATED"
    stream.logs.delete_data_protection_policy(logGroupIdentifier="g")
    stream.put("after a@b.org")
    assert stream.found("after") == ["after a@b.org"] and stream.found("mail") == ['{"mail": "*******"}']
