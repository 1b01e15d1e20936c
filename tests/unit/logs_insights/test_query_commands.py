"""Every command on a few lines, what is found in events unasked, and attempts to say something else than a query."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudarium.services.logs.insights import patterns
from cloudarium.services.logs.insights.patterns import clusters
from cloudarium.services.logs.insights.ranges import before

Run = Callable[..., Any]
LINES = [
    '{"user": "ann", "ms": 30, "tags": ["x", "y"]}',
    '{"user": "bob", "ms": 5, "tags": ["y"]}',
    '{"user": "ann", "ms": 200}',
    "[INFO] user=cid, method:GET, latency := 7",
    "[ERROR] user=dan, method:PUT, latency := 70",
]


def times(minutes: int) -> str:
    return f"2021-01-01 00:0{minutes}:00.000"


def test_without_fields_there_are_time_and_message_newest_first(run: Run) -> None:
    found = run("filter @message like 'user='", LINES)
    assert found == [
        {"@timestamp": times(4), "@message": LINES[4]},
        {"@timestamp": times(3), "@message": LINES[3]},
    ]
    assert len(run("limit 2", LINES)) == 2


def test_fields_and_display(run: Run) -> None:
    query = "fields user, ms * 2 as twice | filter ispresent(user)"
    assert run(query, LINES)[0] == {"user": "ann", "twice": "400"}
    assert run(f"{query} | display twice, @timestamp", LINES)[0] == {"twice": "400", "@timestamp": times(2)}
    assert run(f"{query} | fields twice + 1 as more | display more | display user", LINES)[0] == {"user": "ann"}


def test_sort(run: Run) -> None:
    texts = ["a10", "a2", "9", "10", "b", "1.5", "{}"]
    lines = [json.dumps({"k": text}) for text in texts] + ["none"]
    ascending = [row["k"] for row in run("fields k | filter ispresent(k) | sort k asc", lines)]
    assert ascending == ["a2", "a10", "b", "{}", "1.5", "9", "10"], "texts before numbers, each in natural order"
    descending = [row.get("k") for row in run("fields k | sort k desc", lines)]
    assert descending == [*reversed(ascending), None]
    found = run("fields user, ms | filter ispresent(ms) | sort user desc, ms", LINES)
    assert [row["ms"] for row in found] == ["5", "30", "200"]
    assert [
        row["ms"]
        for row in run("filter ispresent(ms) | fields ms | sort -ms limit 2".replace(" limit", " | limit"), LINES)
    ] == ["200", "30"]


def test_limit_in_the_middle(run: Run) -> None:
    assert run("sort @timestamp asc | limit 3 | stats count(*) as c, max(ms) as m", LINES) == [{"c": "3", "m": "200"}]


def test_stats_by_several_keys_with_aliases(run: Run) -> None:
    items = "count(*) as c, max(ms) - min(ms) as spread, spread / c as share"
    query = f"filter ispresent(user) | stats {items} by user, bin(2m) as t"
    assert run(f"{query} | sort user, t", LINES) == [
        {"user": "ann", "t": times(0), "c": "1", "spread": "0", "share": "0"},
        {"user": "ann", "t": times(2), "c": "1", "spread": "0", "share": "0"},
        {"user": "bob", "t": times(0), "c": "1", "spread": "0", "share": "0"},
    ]
    assert run("stats count(*) by bin(3m)", LINES) == [
        {"bin(3m)": times(3), "count(*)": "2"}, {"bin(3m)": times(0), "count(*)": "3"},
    ]  # fmt: skip
    assert run("stats count(*) by user | sort count(*) desc | limit 1 | display user", LINES) == [{"user": "ann"}]
    assert run("stats count(*) as c by user | filter ispresent(user) and c > 1", LINES) == [{"user": "ann", "c": "2"}]


def test_stats_after_stats(run: Run) -> None:
    query = "stats sum(ms) as s by user, bin(1m) as @timestamp | stats max(s) as top, count(*) as n by bin(5m)"
    assert run(query, LINES) == [{"bin(5m)": times(0), "top": "200", "n": "5"}]


def test_parse(run: Run) -> None:
    glob = 'parse @message "user=*, method:*, latency := *" as @user, @method, @latency'
    assert run(f"{glob} | stats avg(@latency) as a by @method | sort a", LINES)[:2] == [
        {"@method": "GET", "a": "7"}, {"@method": "PUT", "a": "70"},
    ]  # fmt: skip
    regex = r"fields @timestamp | parse /\[(?<level>[A-Z]+)\] user=(?<who>\w+)/ | filter level = 'ERROR'"
    assert run(regex, LINES) == [{"@timestamp": times(4), "level": "ERROR", "who": "dan"}]
    twice = "parse @message '[*] *' as level, rest | filter ispresent(level) | parse rest 'user=*,' as who"
    assert [row["who"] for row in run(f"{twice} | display who | sort who", LINES)] == ["cid", "dan"]


def test_dedup_keeps_the_first_and_what_is_missing(run: Run) -> None:
    assert [row.get("ms") for row in run("fields user, ms | dedup user", LINES)] == [None, None, "200", "5"]
    assert [
        row["ms"] for row in run("filter ispresent(user) | fields ms | sort ms asc | dedup user | limit 9", LINES)
    ] == ["5", "30"]


def test_unnest(run: Run) -> None:
    query = "fields jsonParse(@message) as j | unnest j.tags into tag | filter ispresent(tag)"
    counted = run(f"{query} | stats count(*) as c by tag | sort tag", LINES)
    assert counted == [{"tag": "x", "c": "1"}, {"tag": "y", "c": "2"}]
    line = '{"events": [{"name": "exception"}, {"name": "user action"}]}'
    found = run("fields jsonParse(@message) as m | unnest m.events into event | display event.name", [line])
    assert sorted(row["event.name"] for row in found) == ["exception", "user action"]


def test_pattern(run: Run) -> None:
    stored = "2023-01-01 19:00:0{} [INFO] Calling DynamoDB to store for resource id {}-12345"
    lines = [stored.format(1, "12342342k124"), stored.format(2, "324892398123"), stored.format(3, "3ff231242342")]
    lines += ["[ERROR] user ann failed after 3 times", "[ERROR] user bob failed after 5 times"]
    assert run("pattern @message", lines) == [
        {
            "@pattern": "<Time-1> [INFO] Calling DynamoDB to store for resource id <ID-2>",
            "@sampleCount": "3", "@ratio": "0.6", "@severityLabel": "Info",
        },
        {
            "@pattern": "[ERROR] user <Token-1> failed after <Number-2> times",
            "@sampleCount": "2", "@ratio": "0.4", "@severityLabel": "Error",
        },
    ]  # fmt: skip
    found = run("parse @message '] *' as rest | filter rest like 'user' | pattern rest | sort @sampleCount", lines)
    assert [row["@pattern"] for row in found] == ["user <Token-1> failed after <Number-2> times"]


def test_diff(run: Run) -> None:
    found = run("diff", ["new thing", "old 1", "old 2"], before=["old 3", "gone away forever"])
    assert {row["@pattern"]: (row["@sampleCount"], row["@previousSampleCount"]) for row in found} == {
        "new thing": ("1", "0"), "old <Number-1>": ("2", "1"), "gone away forever": ("0", "1"),
    }  # fmt: skip
    again = run(
        "filter @message like 'old' | pattern @message | diff previousDay | filter @sampleCountChange > 0",
        ["old 1", "old 2"],
        before=["old 3"],
    )
    assert [row["@sampleCountChange"] for row in again] == ["1"]


def test_ranges_to_compare_with() -> None:
    march31 = 1_617_148_800_000
    day = 86_400_000
    assert before("", 1_000, 1_999) == (0, 999)
    assert before("previousDay", march31, march31 + 5) == (march31 - day, march31 - day + 5)
    assert before("previousWeek", march31, march31) == (march31 - 7 * day,) * 2
    assert before("previousMonth", march31, march31) == (1_614_470_400_000,) * 2, "the 28th of February"


REPORT = (
    "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 102.25 ms\tBilled Duration: 103 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 75 MB\tInit Duration: 170.05 ms\t\n"
)
IN_LINE = '2021-01-01T00:00:00.000Z\t8f507cfc-0000-4697-b07a-ac58fc914c95\tINFO\t{"order": {"id": 7}}\n'


def test_fields_of_lambdas_lines(run: Run) -> None:
    query = (
        "fields @type, @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration | filter @type = 'REPORT'"
    )
    assert run(query, [REPORT, "START RequestId: x"], group="/aws/lambda/f") == [
        {
            "@type": "REPORT", "@duration": "102.25", "@billedDuration": "103", "@memorySize": "128000000",
            "@maxMemoryUsed": "75000000", "@initDuration": "170.05",
        }
    ]  # fmt: skip
    assert run(query, [REPORT]) == [], "only in Lambda's groups"
    found = run("fields @requestId, order.id", [IN_LINE], group="/aws/lambda/f")
    assert found == [{"@requestId": "8f507cfc-0000-4697-b07a-ac58fc914c95", "order.id": "7"}]
    sizes = "stats max(@memorySize / 1024 / 1024) as mb, max(@maxMemoryUsed / 1024 / 1024) as used, mb - used as over"
    assert run(sizes, [REPORT], group="/aws/lambda/f") == [{"mb": "122.0703", "used": "71.5256", "over": "50.5447"}]


def test_lambdas_traces_levels_and_fragments(run: Run) -> None:
    traced = REPORT + "XRAY TraceId: 1-5f-ab\tSegmentId: 07ae\tSampled: true\n"
    found = run("fields @xrayTraceId, @xraySegmentId, @initDuration", [traced], group="/aws/lambda/f")
    assert found == [{"@xrayTraceId": "1-5f-ab", "@xraySegmentId": "07ae", "@initDuration": "170.05"}]
    python = "[INFO]\t2021-01-01T00:00:00.5Z\t8f507cfc-0000-4697-b07a-ac58fc914c95\thello"
    assert run("fields @requestId", [python], group="/aws/lambda/f") == [
        {"@requestId": "8f507cfc-0000-4697-b07a-ac58fc914c95"}
    ]
    two = 'got {"a": {"b": {"c": 1}}, "l": [{"x": 2}]} and {"a": 3}'
    assert run("fields a.b.c, l.0.x", [two], group="/aws/lambda/f") == [{"a.b.c": "1", "l.0.x": "2"}], "the first"


def test_names_with_dots_wherever_they_are(run: Run) -> None:
    lines = ['{"a": {"b.c": 1}}', '{"a.b": {"c": 2}}', '{"a.b.c": 3}', '{"a": {"b": {"c": 4}}}']
    assert [row["a.b.c"] for row in run("fields a.b.c | sort @timestamp", lines)] == ["1", "2", "3", "4"]
    assert run("fields a.b.c.d.e", ['{"a": {"b": {"c": {"d": {"e": 1}}}}}']) == [{"a.b.c.d.e": "1"}]


def test_fields_of_flow_logs_and_route_53(run: Run) -> None:
    addresses = "eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6"
    flow = f"2 123456789010 {addresses} 20 4249 1418530010 1418530070 ACCEPT OK"
    none = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
    found = run("stats sum(bytes) as b, count(srcAddr) as c by logStatus | sort logStatus", [flow, none])
    assert found == [{"logStatus": "NODATA", "c": "0"}, {"logStatus": "OK", "b": "4249", "c": "1"}]
    assert run("filter isIpv4InSubnet(srcAddr, '172.31.0.0/16') and dstPort = 22 | fields action", [flow]) == [
        {"action": "ACCEPT"}
    ]
    query = "1.0 2017-12-13T08:16:02.130Z Z123412341234 example.com A NOERROR UDP FRA6 2001:db8::1 -"
    assert run("fields queryName, resolverIp, protocol", [query]) == [
        {"queryName": "example.com", "resolverIp": "2001:db8::1", "protocol": "UDP"}
    ]


def test_names_with_dots_and_at_signs(run: Run) -> None:
    line = '{"a.b": 1, "c": {"d/e": {"0": "zero"}}, "@own": "mine", "x~y": 2}'
    assert run("fields a.b, c.`d/e`.0 as z, @@own, `x~y`", [line]) == [
        {"a.b": "1", "z": "zero", "@@own": "mine", "x~y": "2"}
    ]


NASTY = ["'; DROP TABLE events; --", "\\'", "''", "$1", "{message}", "AS c1", "base", "%s", "\u202e'", "x' OR '1'='1"]


@pytest.mark.parametrize("text", NASTY)
def test_what_users_write_stays_text(run: Run, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines = [text, "other"]
    assert run(f"fields @message | filter @message = {quoted}", lines) == [{"@message": text}]
    assert run(f"fields @message | filter @message like {quoted}", lines) == [{"@message": text}]
    assert run(f"fields @message | filter @message in [{quoted}]", lines) == [{"@message": text}]
    assert run(f"filter strlen(@message) = {len(text)} | fields replace(@message, {quoted}, 'r') as `{text}`", lines)[
        -1
    ] == {text: "r"}
    assert run(f"stats count(*) as `{text}` by `{text}`", [json.dumps({text: "v"})]) in ([{text: "1"}], [{text: "v"}])
    assert run(f"fields `{text}` as x | sort `{text}` desc | dedup `{text}`", [json.dumps({text: "v"})]) == [{"x": "v"}]
    assert run(f"pattern concat(@message, {quoted}) | limit 1", ["a"])[0]["@sampleCount"] == "1"


def test_there_are_no_files_to_read(run: Run) -> None:
    assert run("fields `read_csv('/etc/passwd')` as x | filter ispresent(x)", ["a"]) == []


def test_many_different_lines_are_compared_for_so_long_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [(" ".join(f"w{letter}{place}x" for place in range(20)), 1, 0) for letter in "abcdefgh"]
    alike = [("one two three four five six seven eight nine " + word, 1, 0) for word in ("ten", "eleven", "twelve")]
    assert [each.current for each in clusters([*alike, *lines])] == [3, *[1] * 8]
    monkeypatch.setattr(patterns, "_MOST_WORK", 0)
    assert [each.current for each in clusters([*alike, *lines])] == [1] * 11


def test_clustering_can_be_stopped() -> None:
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        clusters([("a b", 1, 0), ("a c", 1, 0), ("a d", 1, 0), ("a e", 1, 0)], check)


def test_patterns_are_put_together_as_they_were() -> None:
    text = "  a=b, (c) [d]: 'e'  \t{f|g};"
    (found,) = clusters([(text, 2, 1)])
    assert found.pattern == text
    (both,) = clusters([("x=1 a b c, d", 1, 0), ("x=1 a b z, d", 1, 0)])
    assert both.pattern == "x=1 a b <Token-1>, d"
    assert len(clusters([("x=1 a b c, d", 1, 0), ("x=1 a b c; d", 1, 0)])) == 2, "what is between words is the same"
