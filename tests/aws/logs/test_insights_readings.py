"""What Logs Insights makes of what AWS documents in a few words: shifted bins, distributions, values, XML and tags."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws.logs.test_insights import Logs
from tests.support.aws import Account

HOUR = 3_600


@pytest.fixture
def logs(account: Account) -> Logs:
    return Logs(account)


def put(logs: Logs, at: int, *numbers: float) -> None:
    """Events with numbers, all at a second."""
    for number in numbers:
        logs.put("g", json.dumps({"n": number}), ago=logs.now - at)


def test_bins_with_an_offset_are_of_the_time_before(logs: Logs) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-timeseries-functions.html"""
    begin = logs.now // HOUR * HOUR - HOUR
    put(logs, begin + 10, 1, 2)
    put(logs, begin + 310, 3)
    put(logs, begin - HOUR + 20, 10, 20, 30)
    put(logs, begin - HOUR + 330, 40)
    put(logs, begin - 2 * HOUR, 99)
    window = {"startTime": begin, "endTime": begin + HOUR - 1}
    now = logs.rows("stats sum(n) as s, count(*) as c by bin(5m)", **window)
    before = logs.rows("stats sum(n) as s, count(*) as c by bin(5m) offset 1h", **window)
    assert [(row["s"], row["c"]) for row in now] == [("3", "1"), ("3", "2")]
    assert [(row["s"], row["c"]) for row in before] == [("40", "1"), ("60", "3")]
    assert [row["bin(5m)"] for row in before] == [row["bin(5m)"] for row in now], "at the times that are asked for"
    both = logs.rows(
        "stats sum(n) as now by bin(5m) as t | appendcols (stats sum(n) as before by bin(5m) offset 1h)"
        " | fields now - before as change | sort t | display now, before, change", **window,
    )  # fmt: skip
    assert both == [{"now": "3", "before": "60", "change": "-57"}, {"now": "3", "before": "40", "change": "-37"}]
    found = logs.wait(logs.start("filter n > 10 | stats count(*) as c by bin(1h) offset 1h", **window))
    assert found["statistics"]["recordsScanned"] == 4.0 and found["statistics"]["recordsMatched"] == 3.0


def test_distributions_and_values(logs: Logs) -> None:
    logs.put("g", *(json.dumps({"n": n, "kind": "ab"[n % 2]}) for n in range(10)), '{"n": "many"}', "plain")
    (row,) = logs.rows("stats histogram(n, 3) as h, values(kind) as kinds")
    assert json.loads(row["h"]) == {"0-3": 3, "3-6": 3, "6-9": 4} and row["kinds"] == "a,b"
    rows = logs.rows("filter ispresent(kind) | stats count(*) as c by histogram(n, 4), kind")
    assert [tuple(row.values()) for row in rows] == [
        ("0", "a", "2"), ("0", "b", "2"), ("4", "a", "2"), ("4", "b", "2"), ("8", "a", "1"), ("8", "b", "1"),
    ]  # fmt: skip


def test_values_in_xml(logs: Logs) -> None:
    logs.put(
        "g", "<event><level>INFO</level><service>web</service></event>", "no markup",
        '<event id="7"><level>ERROR</level><service>db &lt;1&gt;</service></event>', "<event><level>ERROR</event>",
        '<!DOCTYPE event [<!ENTITY x "y">]><event><level>&x;</level></event>',
    )  # fmt: skip
    query = "parse @message XML '/event/level' as level | parse @message XML '/event/service' as service"
    found = logs.wait(logs.start(f"filter @message like /<event/ | {query} | filter level = 'ERROR'"))
    (row,) = ({each["field"]: each["value"] for each in row} for row in found["results"])
    assert row["level"] == "ERROR" and row["service"] == "db <1>" and row["@message"].startswith('<event id="7">')
    assert found["statistics"]["recordsMatched"] == 1.0 and found["statistics"]["recordsScanned"] == 5.0
    assert logs.api.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]["@message"] == row["@message"]
    counts = logs.rows("parse XML '//level' as level | stats count(*) as c by level | sort level")
    assert counts == [{"level": "ERROR", "c": "1"}, {"level": "INFO", "c": "1"}, {"c": "3"}]
    assert logs.rows("filter @message like /id/ | parse XML '/event/@id' as id | display id")[0]["id"] == "7"


def test_what_is_masked_is_not_found_in_xml(logs: Logs) -> None:
    logs.api.create_log_group(logGroupName="g")
    identifier = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
    operations = [{"Audit": {"FindingsDestination": {}}}, {"Deidentify": {"MaskConfig": {}}}]
    statements = [{"Sid": f"s{n}", "DataIdentifier": [identifier], "Operation": o} for n, o in enumerate(operations)]
    policy = {"Name": "p", "Version": "2021-06-01", "Statement": statements}
    logs.api.put_data_protection_policy(logGroupIdentifier="g", policyDocument=json.dumps(policy))
    logs.put("g", "<a><mail>ann@example.com</mail></a>")
    (row,) = logs.rows("parse @message XML '/a/mail' as mail")
    assert row["mail"] == "*" * 15
    (row,) = logs.rows("parse unmask(@message) XML '/a/mail' as mail | display mail")
    assert row["mail"] == "ann@example.com"


def test_groups_are_selected_by_tags(logs: Logs) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Source.html"""
    for name, tags in (("/a/1", {"team": "red", "env": "Prod"}), ("/a/2", {"team": "blue"}), ("/b/1", {"team": "red"})):
        logs.api.create_log_group(logGroupName=name, tags=tags)
        logs.put(name, name)
    logs.put("/none", "no tags")

    def named(source: str) -> list[str]:
        return sorted(row["@message"] for row in logs.rows(f"SOURCE {source} | fields @message"))

    assert named('logGroupTags([{"key":"team","values":["red"]}])') == ["/a/1", "/b/1"]
    assert named("logGroupTags([{'key':'team','values':[]}])") == ["/a/1", "/a/2", "/b/1"]
    assert named("logGroups(namePrefix: ['/a/']) logGroupTags([{'key':'team','values':['red', 'blue']}])") == [
        "/a/1", "/a/2",
    ]  # fmt: skip
    assert named("logGroupTags([{'key':'team'}, {'key':'env','values':['prod*']}]) START=-1h END=0s") == ["/a/1"]
    assert named("logGroupTags([{'key':'team','values':['!red']}])") == ["/a/2"]
    assert named("logGroupTags([{'key':'Team'}])") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("stats histogram(n, 0)", "number of buckets"), ("stats histogram(n, -3)", "number of buckets"),
        ("stats count(*) by histogram(n, 0)", "width of buckets"), ("stats values(n, m)", "arguments for function"),
        ("stats count(*) by n offset 1h", "offset must come after by bin()"),
        ("parse @message XML '' as x", "XPath"), ("parse @message xml as x", "unexpected symbol found as"),
        ("SOURCE logGroupTags([{'values': ['a']}]) | fields a", "needs a key"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_them(logs: Logs, query: str, words: str) -> None:
    logs.put("g", "x")
    with pytest.raises(ClientError) as caught:
        logs.start(query)
    error: dict[str, Any] = caught.value.response  # type: ignore[assignment]
    assert error["Error"]["Code"] == "MalformedQueryException" and words in error["Error"]["Message"]
