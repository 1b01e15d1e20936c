"""Queries within queries through the API: which groups and times they read, and what they may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws.logs.test_insights import Logs
from tests.support.aws import Account

JOIN = """filter status >= 500
| join type=inner left=api right=lambda
    where api.requestId=lambda.requestId
    (SOURCE '/aws/lambda/my-function')
| fields api.requestId, api.status, api.latency, lambda.duration, lambda.memoryUsed
| sort api.latency desc
"""
SUBQUERY = """filter requestId in (
    SOURCE '/aws/lambda/database-service'
    | filter errorType = "DatabaseConnectionTimeout"
    | fields requestId
)
| fields @timestamp, requestId, endpoint, userId, responseTime
| sort @timestamp desc
"""


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def lines(*events: dict[str, Any]) -> list[str]:
    return [json.dumps(event) for event in events]


def test_a_join_of_two_groups(logs: Logs) -> None:
    logs.put("g", *lines(
        {"requestId": "a", "status": 500, "latency": 5}, {"requestId": "b", "status": 502, "latency": 7},
        {"requestId": "c", "status": 200, "latency": 9}, {"requestId": "d", "status": 504, "latency": 1},
    ))  # fmt: skip
    logs.put("/aws/lambda/my-function", *lines(
        {"requestId": "a", "duration": 4, "memoryUsed": 64}, {"requestId": "b", "duration": 6, "memoryUsed": 65},
        {"requestId": "c", "duration": 8, "memoryUsed": 66},
    ))  # fmt: skip
    identifier = logs.start(JOIN)
    found = logs.wait(identifier)
    rows = [{each["field"]: each["value"] for each in row if each["field"] != "@ptr"} for row in found["results"]]
    assert rows == [
        {"api.requestId": "b", "api.status": "502", "api.latency": "7", "lambda.duration": "6",
         "lambda.memoryUsed": "65"},
        {"api.requestId": "a", "api.status": "500", "api.latency": "5", "lambda.duration": "4",
         "lambda.memoryUsed": "64"},
    ]  # fmt: skip
    assert found["statistics"]["recordsScanned"] == 7, "both groups were read"
    pointer = next(each["value"] for each in found["results"][0] if each["field"] == "@ptr")
    assert logs.api.get_log_record(logRecordPointer=pointer)["logRecord"]["requestId"] == "b"


def test_a_subquery_of_another_group(logs: Logs) -> None:
    logs.put("g", *lines({"requestId": "a", "endpoint": "/x"}, {"requestId": "b", "endpoint": "/y"}))
    logs.put("/aws/lambda/database-service", *lines(
        {"requestId": "b", "errorType": "DatabaseConnectionTimeout"}, {"requestId": "a", "errorType": "Other"}
    ))  # fmt: skip
    (row,) = logs.rows(SUBQUERY)
    assert (row["requestId"], row["endpoint"]) == ("b", "/y") and "userId" not in row


def test_a_nested_query_has_a_time_range_of_its_own(logs: Logs) -> None:
    logs.put("g", '{"id": "old"}', ago=30_000)
    logs.put("g", '{"id": "old"}', '{"id": "new"}', ago=10)
    now = logs.now
    recent = {"startTime": now - 60, "endTime": now}
    query = "fields id | filter id in (SOURCE 'g' {} | filter @timestamp < {} | fields id)"
    seen = [
        [row["id"] for row in logs.rows(query.format(times, (now - 3_600) * 1000), **recent)]
        for times in ("", "start=-1d end=now", "start=-1d end=-9h")
    ]
    assert seen == [[], ["old"], []]
    assert len(logs.rows("SOURCE 'g' start=-10h | fields id", **recent)) == 3


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("filter a in (SOURCE 'nope' | fields a)", "ResourceNotFoundException", "nope"),
        ("join left=x right=y where x.a=y.a (SOURCE 'nope')", "ResourceNotFoundException", "nope"),
        (
            "filter a in (SOURCE 'rare' | pattern @message | fields @pattern as a)",
            "InvalidParameterException",
            "INFREQUENT_ACCESS",
        ),
        ("appendcols (SOURCE 'rare' | fields unmask(a))", "InvalidParameterException", "INFREQUENT_ACCESS"),
        ("filter a in (filter b in (fields b) | fields a)", "MalformedQueryException", "nested"),
    ],
)
def test_what_nested_queries_may_not(logs: Logs, query: str, code: str, words: str) -> None:
    logs.put("g", "x")
    logs.api.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    with pytest.raises(ClientError) as caught:
        logs.start(query)
    assert caught.value.response["Error"]["Code"] == code and words in caught.value.response["Error"]["Message"]


def test_no_more_groups_than_a_query_may_have_in_all(logs: Logs) -> None:
    for number in range(51):
        logs.api.create_log_group(logGroupName=f"g{number}")
    first, rest = [f"g{n}" for n in range(26)], ", ".join(f"'g{n}'" for n in range(26, 51))
    query = f"filter a in (SOURCE {rest} | fields a)"
    with pytest.raises(logs.api.exceptions.InvalidParameterException, match="50"):
        logs.start(query, logGroupNames=first)
    logs.wait(logs.start(query, logGroupNames=first[1:]))


def test_what_is_masked_stays_masked_on_every_side(logs: Logs) -> None:
    policy = {
        "Name": "p", "Version": "2021-06-01",
        "Statement": [
            {"Sid": "a", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
             "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"Sid": "b", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
             "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ],
    }  # fmt: skip
    logs.api.create_log_group(logGroupName="other")
    logs.api.put_data_protection_policy(logGroupIdentifier="other", policyDocument=json.dumps(policy))
    for group in ("g", "other"):
        logs.put(group, '{"id": 1, "mail": "jane@example.com"}')
    query = "join left=l right=r where l.id=r.id (SOURCE 'other') | fields l.mail as ours, r.mail as theirs"
    (row,) = logs.rows(query)
    assert row["ours"] == "jane@example.com" and "jane" not in row["theirs"] and "*" in row["theirs"]
    assert logs.rows("filter mail in (SOURCE 'other' | fields mail)") == []


def test_an_anomaly_through_the_api(logs: Logs) -> None:
    logs.put("g", *[f"job {n} took {10 + n % 5} ms" for n in range(90)], "ERROR no space left on disk 3", ago=1)
    (row,) = logs.rows("pattern @message | anomaly", startTime=logs.now - 100, endTime=logs.now)
    assert (row["@anomalyType"], row["@priority"], row["@pattern"]) == (
        "NewPattern", "HIGH", "ERROR no space left on disk <Number-1>",
    )  # fmt: skip
