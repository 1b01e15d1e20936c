"""Logs Insights through the API: queries from start to results, what is refused, and how long things are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

NOTEBOOK = """fields @timestamp, @message, @logStream
| filter @message like /(?i)(Warning|Error)/
| sort @timestamp desc
| limit 100
"""


class Logs:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.api = account.logs
        self.now = int(account.now())

    def put(self, group: str, *messages: str, stream: str = "s", ago: int = 60) -> None:
        """Events one second apart, the last ``ago`` seconds ago."""
        for create in (
            lambda: self.api.create_log_group(logGroupName=group),
            lambda: self.api.create_log_stream(logGroupName=group, logStreamName=stream),
        ):
            try:
                create()
            except self.api.exceptions.ResourceAlreadyExistsException:
                pass
        last = (self.now - ago) * 1000
        events = [
            {"timestamp": last - 1000 * (len(messages) - 1 - place), "message": message}
            for place, message in enumerate(messages)
        ]
        self.api.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def start(self, query: str, group: str = "g", **more: Any) -> str:
        given = {"startTime": self.now - 3_600, "endTime": self.now + 3_600, "queryString": query} | more
        if not any(name.startswith("logGroup") for name in given) and not query.startswith("SOURCE"):
            given["logGroupName"] = group
        return str(self.api.start_query(**given)["queryId"])

    def wait(self, identifier: str) -> dict[str, Any]:
        found: dict[str, Any] = until(lambda: self.over(identifier), "the query is over")
        return found

    def over(self, identifier: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.api.get_query_results(queryId=identifier)
        return found if found["status"] not in ("Scheduled", "Running") else None

    def rows(self, query: str, group: str = "g", **more: Any) -> list[dict[str, str]]:
        found = self.wait(self.start(query, group, **more))
        assert found["status"] == "Complete"
        return [{each["field"]: each["value"] for each in row} for row in found["results"]]


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def test_the_notebooks_query(logs: Logs) -> None:
    logs.put("g", "a WARNING", "fine", "an error", "Error again")
    found = logs.wait(logs.start(NOTEBOOK))
    fields = [[each["field"] for each in row] for row in found["results"]]
    assert fields == [["@timestamp", "@message", "@logStream", "@ptr"]] * 3
    assert [row[1]["value"] for row in found["results"]] == ["Error again", "an error", "a WARNING"]
    assert {row[2]["value"] for row in found["results"]} == {"s"}
    when = found["results"][0][0]["value"]
    assert len(when) == len("2021-01-01 00:00:00.000") and when.endswith(".000")
    size = len("a WARNINGfinean errorError again")
    assert found["statistics"] == {
        "recordsMatched": 3.0, "recordsScanned": 4.0, "estimatedRecordsSkipped": 0.0, "bytesScanned": float(size),
        "estimatedBytesSkipped": 0.0, "logGroupsScanned": 1.0, "resultCount": 3.0,
    }  # fmt: skip
    record = logs.api.get_log_record(logRecordPointer=found["results"][1][3]["value"])["logRecord"]
    assert record["@message"] == "an error"
    described = logs.api.describe_queries(logGroupName="g", status="Complete")["queries"]
    assert [each["queryString"] for each in described] == [NOTEBOOK]
    assert described[0]["logGroupName"] == "g" and logs.api.describe_queries(status="Running")["queries"] == []


def test_the_notebooks_query_through_the_cli(logs: Logs) -> None:
    logs.put("g", "a WARNING", "fine", "an error")
    times = ["--start-time", str(logs.now - 3_600), "--end-time", str(logs.now)]
    started = logs.account.cli("logs", "start-query", "--log-group-name", "g", *times, "--query-string", NOTEBOOK)
    logs.wait(started["queryId"])
    shown = logs.account.cli("logs", "get-query-results", "--query-id", started["queryId"])
    assert [row[1]["value"] for row in shown["results"]] == ["an error", "a WARNING"]
    assert shown["status"] == "Complete" and shown["queryLanguage"] == "CWLI"


def test_several_groups_and_source(logs: Logs) -> None:
    logs.put("/app/one", "1", ago=30)
    logs.put("/app/two", "2", ago=20)
    logs.put("/other", "3", ago=10)
    query = "fields @message, @log"
    account = logs.account.number
    both = [{"@message": "2", "@log": f"{account}:/app/two"}, {"@message": "1", "@log": f"{account}:/app/one"}]
    arn = f"arn:aws:logs:{logs.account.region}:{account}:log-group:/app/two"
    for found in (
        logs.rows(query, logGroupNames=["/app/one", "/app/two"]),
        logs.rows(query, logGroupIdentifiers=["/app/one", arn]),
        logs.rows(f"SOURCE logGroups(namePrefix: ['/app/']) | {query}"),
        logs.rows(f"SOURCE '/app/one' | SOURCE '/app/two' | {query}"),
    ):
        assert [{key: row[key] for key in ("@message", "@log")} for row in found] == both
    assert logs.rows("SOURCE logGroups() | stats count(*) as c") == [{"c": "3"}]


def test_only_the_time_range_both_ends_included(logs: Logs) -> None:
    logs.put("g", "a", "b", "c", "d", ago=100)
    found = logs.rows("fields @message", startTime=logs.now - 102, endTime=logs.now - 101)
    assert [row["@message"] for row in found] == ["c", "b"]


def test_deleted_streams_and_expired_events_are_not_found(logs: Logs) -> None:
    logs.put("g", "kept", stream="a")
    logs.put("g", "gone", stream="b")
    logs.put("g", "old", stream="a", ago=2 * 86_400)
    logs.api.delete_log_stream(logGroupName="g", logStreamName="b")
    days = {"startTime": logs.now - 10 * 86_400}
    assert {row["@message"] for row in logs.rows("fields @message", **days)} == {"kept", "old"}
    logs.api.put_retention_policy(logGroupName="g", retentionInDays=1)
    assert {row["@message"] for row in logs.rows("fields @message", **days)} == {"kept"}


def test_what_data_protection_hides_only_unmask_shows(logs: Logs) -> None:
    logs.api.create_log_group(logGroupName="g")
    identifier = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
    operations = [{"Audit": {"FindingsDestination": {}}}, {"Deidentify": {"MaskConfig": {}}}]
    statements = [{"Sid": f"s{n}", "DataIdentifier": [identifier], "Operation": o} for n, o in enumerate(operations)]
    policy = {"Name": "p", "Version": "2021-06-01", "Statement": statements}
    logs.api.put_data_protection_policy(logGroupIdentifier="g", policyDocument=json.dumps(policy))
    logs.put("g", '{"mail": "ann@example.com"}')
    (row,) = logs.rows("fields mail, unmask(mail) as shown, strlen(mail) as n | filter mail not like /example/")
    assert row["mail"] == "*" * 15 and row["shown"] == "ann@example.com"
    assert logs.rows("filter mail like 'example'") == []


def test_pages_of_results(logs: Logs) -> None:
    logs.put("g", *map(str, range(25)))
    identifier = logs.start("fields @message | sort @timestamp asc")
    logs.wait(identifier)
    seen, token = [], {}
    while True:
        page = logs.api.get_query_results(queryId=identifier, maxItems=10, **token)
        seen += [row[0]["value"] for row in page["results"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == list(map(str, range(25)))
    assert len(logs.rows("fields @message", limit=3)) == 3


@pytest.mark.parametrize(
    ("query", "start", "end", "message"),
    [
        ("fields @message | count()", 18, 23, "unexpected symbol found count at line 1 and position 18"),
        ("fields a\n| filter a = ", 22, 22, "unexpected end of query"),
        ("filter @message like /a(/", 7, 25, "invalid regular expression: missing ): a("),
        ("stats count(*) by a | sort b", 27, 28, "Unknown symbols found in or after stats: b"),
        ("stats nope(x)", 6, 13, "unknown function: nope"),
    ],
)
def test_a_malformed_query_says_where(logs: Logs, query: str, start: int, end: int, message: str) -> None:
    logs.put("g", "x")
    with pytest.raises(ClientError) as caught:
        logs.start(query)
    assert caught.value.response["Error"]["Code"] == "MalformedQueryException"
    assert caught.value.response["queryCompileError"] == {
        "location": {"startCharOffset": start, "endCharOffset": end}, "message": message,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "more", "code", "words"),
    [
        ("fields a", {"logGroupName": "nope"}, "ResourceNotFoundException", "nope"),
        ("fields a", {"startTime": 2, "endTime": 1}, "InvalidParameterException", "End time"),
        ("fields a", {"logGroupNames": [f"g{n}" for n in range(51)]}, "InvalidParameterException", "50"),
        ("fields a", {"logGroupName": "g", "logGroupNames": ["g"]}, "InvalidParameterException", "one of"),
        ("SOURCE 'g' | fields a", {"logGroupName": "g"}, "InvalidParameterException", "SOURCE"),
        ("select 1", {"queryLanguage": "SQL"}, "NotImplemented", "SQL"),
        ("fields a", {"queryLanguage": "PPL"}, "NotImplemented", "PPL"),
        ("parse @message XML '/a/b[last()]' as x", {}, "NotImplemented", "/a/b[last()]"),
        ("parse @message XML '/a/b'", {}, "MalformedQueryException", "end of query"),
        ("SOURCE dataSource(['aws_cloudtrail']) | fields a", {}, "NotImplemented", "dataSource"),
        ("filter a like /x(?=y)/", {}, "NotImplemented", "lookahead"),
        ("filterIndex @data_source_name = 'x'", {}, "NotImplemented", "@data_source_name"),
    ],
)
def test_what_is_refused(logs: Logs, query: str, more: dict[str, Any], code: str, words: str) -> None:
    logs.put("g", "x")
    with pytest.raises(ClientError) as caught:
        logs.start(query, **more)
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]


def test_results_are_kept_for_seven_days_and_a_finished_query_cannot_be_stopped(own_cloud: RunningCloud) -> None:
    logs = Logs(Account(own_cloud, fresh_number()))
    logs.put("g", "x")
    identifier = logs.start("fields @message")
    logs.wait(identifier)
    with pytest.raises(logs.api.exceptions.InvalidParameterException):
        logs.api.stop_query(queryId=identifier)
    own_cloud.advance("6d")
    assert logs.api.get_query_results(queryId=identifier)["status"] == "Complete"
    own_cloud.advance("25h")
    with pytest.raises(logs.api.exceptions.ResourceNotFoundException):
        logs.api.get_query_results(queryId=identifier)


def test_fields_of_a_group(logs: Logs) -> None:
    logs.put("g", '{"a": 1, "b": {"c": 2}}', '{"a": 1}', '{"a": 1, "@x": 2}', "plain")
    found = {
        each["name"]: each["percent"] for each in logs.api.get_log_group_fields(logGroupName="g")["logGroupFields"]
    }
    assert found == {
        "@ingestionTime": 100, "@log": 100, "@logStream": 100, "@message": 100, "@timestamp": 100,
        "a": 75, "b.c": 25, "@@x": 25,
    }  # fmt: skip
    assert logs.api.get_log_group_fields(logGroupName="g", time=logs.now - 86_400)["logGroupFields"] == []


def test_diff_compares_with_the_time_before(logs: Logs) -> None:
    logs.put("g", "job 1 done", "job 2 done", ago=100)
    logs.put("g", "job 3 done", "disk is full", ago=10)
    now = logs.now
    found = logs.rows("pattern @message | diff", startTime=now - 60, endTime=now)
    counts = {row["@pattern"]: (row["@sampleCount"], row["@previousSampleCount"]) for row in found}
    assert counts == {"disk is full": ("1", "0"), "job <Number-1> done": ("1", "2")}
    day = logs.rows("diff previousDay", startTime=now - 60, endTime=now)
    assert {row["@previousSampleCount"] for row in day} == {"0"}


def test_what_groups_of_infrequent_access_cannot_do(logs: Logs) -> None:
    logs.api.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    logs.put("rare", "an event")
    assert [row["@message"] for row in logs.rows("fields @message", "rare")] == ["an event"]
    assert logs.rows("SOURCE logGroups(class: ['INFREQUENT_ACCESS']) | stats count(*) as c") == [{"c": "1"}]
    for query in ("pattern @message", "diff", "fields unmask(@message)", "filterIndex @logStream = 's'"):
        with pytest.raises(logs.api.exceptions.InvalidParameterException, match="INFREQUENT_ACCESS"):
            logs.start(query, "rare")
    logs.put("g", "one", stream="a")
    logs.put("g", "two", stream="b")
    assert [row["@message"] for row in logs.rows("filterIndex @logStream in ['b'] | fields @message")] == ["two"]
