"""Every documented function, on examples: what it gives for one event, or for a group of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

EVENT = json.dumps(
    {
        "n": 12.5, "neg": -3, "s": "xyZfooxyZ", "u": "Grüne", "empty": "", "blank": " \t", "t": "true", "f": False,
        "v4": "192.0.2.77", "v6": "2001:db8::ff00:42", "bad": "300.1.1.1", "list": [1, {"a": "b"}], "null": None,
        "text": '{"k": {"x.y": 5}, "l": [7, 8]}', "ms": 1609462861500, "iso": "2021-01-01T01:01:01.500Z", "nine": "9",
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("n + 1", "13.5"), ("n - 20", "-7.5"), ("n * 2", "25"), ("n / 4", "3.125"), ("n / 0", None), ("2 ^ 3", "8"),
        ("10 % 3", "1"), ("-n", "-12.5"), ("2 + 3 * 4", "14"), ("(2 + 3) * 4", "20"), ("n / 7", "1.7857"),
        ("s + 1", None), ("2 ^ 3 ^ 2", "512"), ("nine + 1", "10"),
        ("abs(neg)", "3"), ("ceil(n)", "13"), ("floor(n)", "12"), ("greatest(1, n, neg)", "12.5"),
        ("least(1, n, neg)", "-3"), ("log(1)", "0"), ("log(0)", None), ("sqrt(16)", "4"), ("sqrt(neg)", None),
        ("ispresent(n)", "1"), ("isPresent(nope)", "0"), ("ispresent(null)", "0"), ("coalesce(nope, s)", "xyZfooxyZ"),
        ("coalesce(nope, 1)", "1"), ("isempty(empty)", "1"), ("isempty(nope)", "1"), ("isempty(blank)", "0"),
        ("isblank(blank)", "1"), ("isblank(s)", "0"), ("concat(s, '-', n)", "xyZfooxyZ-12.5"),
        ("ltrim('  a ')", "a "), ("rtrim(' a ')", " a"), ("trim(' a ')", "a"), ("ltrim(s, 'xyZ')", "fooxyZ"),
        ("rtrim(s, 'xyZ')", "xyZfoo"), ("trim(s, 'xyZ')", "foo"), ("strlen(u)", "5"), ("toupper(u)", "GRÜNE"),
        ("tolower(s)", "xyzfooxyz"), ("substr(s, 3)", "fooxyZ"), ("substr(s, 3, 3)", "foo"), ("substr(s, 99)", ""),
        ("replace('foo', 'o', '0')", "f00"), ("strcontains(s, 'foo')", "1"), ("strcontains(s, 'bar')", "0"),
        ("if(n > 10, 'much', 'little')", "much"), ("if(n > 20, 1, 2)", "2"),
        ("case(n > 20, 'a', n > 10, 'b', 'c')", "b"), ("case(n > 20, 'a')", None),
        ("isValidIp(v4)", "1"), ("isValidIp(v6)", "1"), ("isValidIp(bad)", "0"), ("isValidIpV4(v4)", "1"),
        ("isValidIpV4(v6)", "0"), ("isValidIpV6(v6)", "1"), ("isValidIpV6('1::2::3')", "0"), ("isValidIpV6('::')", "1"),
        ("isValidIpV6('1:2:3:4:5:6:7:8')", "1"), ("isValidIpV6('1:2:3:4:5:6:7:8:9')", "0"), ("isValidIp(nope)", "0"),
        ("isIpInSubnet(v4, '192.0.2.64/26')", "1"), ("isIpInSubnet(v4, '192.0.2.0/26')", "0"),
        ("isIpInSubnet(v6, '2001:db8::/32')", "1"), ("isIpv4InSubnet(v4, '192.0.2.0/24')", "1"),
        ("isIpv4InSubnet(v6, '192.0.2.0/24')", "0"), ("isIpv6InSubnet(v6, '2001:db8::ff00:40/126')", "1"),
        ("isIpv6InSubnet(v6, '2001:db8::ff00:40/127')", "0"), ("isIpv6InSubnet(v6, '2001:db8:8000::/33')", "0"),
        ("isIpv4InSubnet(bad, '0.0.0.0/0')", "0"),
        ("datefloor(@timestamp, 1h)", "2021-01-01 00:00:00.000"), ("datefloor(ms, 1h)", "2021-01-01 01:00:00.000"),
        ("dateceil(ms, 1h)", "2021-01-01 02:00:00.000"), ("dateceil(@timestamp, 1h)", "2021-01-01 00:00:00.000"),
        ("datefloor(iso, 1m)", "2021-01-01 01:01:00.000"), ("bin(1mo)", "2021-01-01 00:00:00.000"),
        ("datefloor(ms, 1w)", "2020-12-28 00:00:00.000"), ("dateceil(ms, 1q)", "2021-04-01 00:00:00.000"),
        ("datefloor(ms, 2y)", "2020-01-01 00:00:00.000"), ("fromMillis(ms)", "2021-01-01 01:01:01.500"),
        ("substr(s, 1e300)", ""), ("dateceil(1e18, 1mo)", None), ("fromMillis(9e18)", None), ("datefloor(s, 1d)", None),
        ("toMillis('infinity')", None),
        ("toMillis(@timestamp)", "1609459200000"), ("toMillis(iso)", "1609462861500"), ("now()", "1609459200"),
        ("jsonParse(text)", '{"k":{"x.y":5},"l":[7,8]}'), ("jsonParse(s)", None),
        ("jsonStringify(jsonParse(text))", '{"k":{"x.y":5},"l":[7,8]}'),
        ("n > 9", "1"), ("n > '9'", "1"), ("nine < 10", "1"), ("s > 'a'", "1"), ("n = 12.5", "1"), ("t = 'true'", "1"),
        ("f = 'false'", "1"), ("nope = 1", None), ("nope != 1", "1"), ("n in [1, 12.5]", "1"), ("s in ['a']", "0"),
        ("nine in [9]", "1"), ("not (n > 9)", "0"), ("not nope = 1", "1"), ("n > 9 and s like 'foo'", "1"),
        ("n < 9 or s =~ /^xyZ.*Z$/", "1"), ("s not like /FOO/", "1"), ("s like /(?i)FOO/", "1"),
        ("@timestamp >= 1609459200000", "1"), ("@timestamp < '2021-01-01T00:00:00Z'", "0"),
        ("round(2.5)", "3"), ("round(2.567, 2)", "2.57"), ("round(1234, -2)", "1200"), ("round(s)", None),
        ("haversine(52.52, 13.405, 48.8566, 2.3522)", "877.4633"), ("haversine(1, 2, s, 3)", None),
        ("haversine(n, neg, n, neg)", "0"), ("toNumber(nine) + 1", "10"), ("toNumber(s)", None), ("toInt(n)", "12"),
        ("toInt('-12.9')", "-12"), ("toInt(3000000000)", None), ("toLong(3000000000.7)", "3000000000"),
        ("toLong('9007199254740993')", "9007199254740993"), ("toLong('-9223372036854775808')", None),
        ("toDouble('1e3')", "1000"), ("isNumeric(n)", "1"), ("isNumeric(s)", "0"), ("isNumeric(nope)", "0"),
        ("isNumeric('nan')", "0"), ("abs(toLong('-9223372036854775807'))", "9223372036854775807"),
        ("hexToAscii('48656c6c6f')", "Hello"), ("hexToAscii('zz')", None), ("hexToDec('0xff')", "255"),
        ("hexToDec('FF')", "255"), ("hexToDec(s)", None), ("decToHex(255)", "0xff"), ("decToHex(-255.9)", "-0xff"),
        ("decToHex(0)", "0x0"), ("decToHex(s)", None), ("messageSize(u)", "6"),
        ("regexReplace('a1b22', '\\d+', '#')", "a#b#"), ("regexReplace(s, '(?<x>foo)', '<\\1>')", "xyZ<foo>xyZ"),
        ("strcontains(s, 'FOO', true)", "1"), ("strcontains(s, 'FOO', false)", "0"), ("startsWith(s, 'xyZ')", "1"),
        ("startsWith(s, 'foo')", "0"), ("endsWith(s, 'xyZ')", "1"), ("endsWith(s, 'foo')", "0"),
        ("urlencode('a b/ü')", "a%20b%2F%C3%BC"), ("urldecode('a%20b%2F%C3%BC')", "a b/ü"), ("urldecode('%zz')", "%zz"),
        ("base64encode('hi')", "aGk="), ("base64decode('aGk=')", "hi"), ("base64decode('!')", None),
        ("base64decode('/w==')", None), ("split('a,b', ',')", '["a","b"]'), ("split(nope, ',')", None),
        ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"), ("md5(nope)", None),
        ("sha256('a')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("ipv4ToNumber('192.0.2.1')", "3221225985"), ("ipv4ToNumber(bad)", None), ("ipv4ToNumber(v6)", None),
        ("isPrivateIP('10.1.2.3')", "1"), ("isPrivateIP('172.32.0.1')", "0"), ("isPrivateIP('127.0.0.1')", "0"),
        ("isPrivateIP(bad)", "0"), ("isPublicIP('8.8.8.8')", "1"), ("isPublicIP('10.255.255.255')", "0"),
        ("isPublicIP(v4)", "0"), ("isPublicIP(nope)", "0"), ("isPublicIP('2600::1')", "1"), ("isPublicIP(v6)", "0"),
        ("isReservedIP('127.0.0.0')", "1"), ("isReservedIP('169.254.0.0')", "1"), ("isReservedIP('192.0.0.0')", "1"),
        ("isReservedIP('8.8.8.8')", "0"), ("isReservedIP('10.0.0.1')", "0"), ("isReservedIP(bad)", "0"),
        ("jsonArraySize(list)", "2"), ("jsonArraySize('[]')", "0"), ("jsonArraySize(text)", None),
        ("jsonArrayContains(list, '1')", "1"), ("jsonArrayContains('[\"A\"]', 'a')", "0"),
        ("jsonArrayContains('[\"a\"]', 'a')", "1"), ("jsonArrayContains(s, 'x')", "0"),
        ("jsonArrayContains('[]', 'x')", "0"),
        ("queryStartTime()", "1609459200000"), ("queryEndTime()", "1609459259000"), ("queryTimeRange()", "59000"),
        ("parseDate('2021-01-02', 'yyyy-MM-dd', 'UTC')", "1609545600000"),
        ("parseDate('2021-01-02', 'yyyy-MM-dd')", "1609545600000"),
        ("parseDate('2021-01-02', 'yyyy-MM-dd', 'Asia/Tokyo')", "1609513200000"),
        ("parseDate('2021-01-02', 'yyyy-MM-dd', '+09:00')", "1609513200000"),
        ("parseDate(iso, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "1609462861500"),
        ("parseDate('02/Jan/2021:03:04:05 +0900', 'dd/MMM/yyyy:HH:mm:ss Z')", "1609524245000"),
        ("parseDate('1/2/21 3:04 PM', 'M/d/yy h:mm a')", "1609599840000"), ("parseDate(s, 'yyyy')", None),
        ("parseDate('2021-02-30', 'yyyy-MM-dd')", None), ("parseDate(nope, 'yyyy')", None),
        ("formatDate(@timestamp, '%Y-%m-%d', 'UTC')", "2021-01-01"),
        ("strftime(ms, '%d/%b/%y %H:%M:%S')", "01/Jan/21 01:01:01"),
        ("formatDate(ms, '%F %T %z', 'Asia/Tokyo')", "2021-01-01 10:01:01 +0900"),
        ("formatDate(ms, '%R%z %Z')", "01:01+0000 UTC"),
        ("formatDate(ms, '%s at %z', '-03:30')", "1609462861 at -0330"),
        ("formatDate(nope, '%Y')", None), ("formatDate(ms, \"it's 100%%\")", "it's 100%"),
        ("formatDate(s, '%Y')", None),
        ("toupper(jsonParse(text))", None), ("strlen(jsonParse(text))", None), ("abs(jsonParse('[1]'))", None),
        ("jsonParse(text) = text", "0"), ("jsonParse(text) != 'x'", "0"), ("jsonParse(text) like 'k'", None),
        ("concat('x', jsonParse(text))", "x"), ("datefloor(jsonParse(text), 1h)", None),
        ("datefloor(@ingestionTime, 300s)", "2021-01-01 00:00:00.000"),
        ("datefloor(ms, 5400s)", "2021-01-01 01:01:00.000"),
        ("datefloor(ms, 90m)", "2021-01-01 01:00:00.000"), ("dateceil(ms, 48h)", "2021-01-02 00:00:00.000"),
        ("f = false", "1"), ("f != false", "0"), ("t = true", "1"), ("t = FALSE", "0"), ("s = true", None),
        ("nope != true", "1"), ("ispresent(s) = true", "1"), ("if(true, 1, 2)", "1"), ("f = true or t = true", "1"),
        ("list.0", "1"), ("list.1.a", "b"), ("@log", "111122223333:g"), ("@logStream", "stream"),
        ("@ingestionTime", "2021-01-01 00:00:00.000"), ("`text`", '{"k": {"x.y": 5}, "l": [7, 8]}'),
    ],
)  # fmt: skip
def test_functions_of_one_event(run: Callable[..., Any], expression: str, result: str | None) -> None:
    (row,) = run(f"fields {expression} as result", [EVENT])
    assert row.get("result") == result


LINES = [json.dumps({"v": v, "k": k}) for v, k in ((10, "b"), (2, "a"), (33.5, "b"), (1, "c"), (2, "a"))] + ["none"]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("count(*)", "6"), ("count()", "6"), ("count(v)", "5"), ("count_distinct(k)", "3"), ("sum(v)", "48.5"),
        ("avg(v)", "9.7"), ("min(v)", "1"), ("max(v)", "33.5"), ("min(k)", "a"), ("max(k)", "c"), ("median(v)", "2"),
        ("pct(v, 50)", "2"), ("pct(v, 100)", "33.5"), ("stddev(v)", "13.7913"), ("earliest(k)", "b"),
        ("latest(v)", "2"), ("sortsFirst(v)", "1"), ("sortsLast(v)", "33.5"),
        ("sortsFirst(if(v = 2, 'z', v))", "z"), ("sortsLast(if(v = 2, 'z', v))", "33.5"), ("sortsFirst(nope)", None),
        ("sortsLast(k)", "c"), ("sortsLast(@timestamp)", "2021-01-01 00:05:00.000"), ("sum(v) / count(v)", "9.7"),
        ("max(@timestamp)", "2021-01-01 00:05:00.000"), ("ceil(avg(v))", "10"), ("sum(nope)", None),
        ("concat(min(k), '-', max(k))", "a-c"), ("max(v) > 30", "1"), ("count_over_time(v)", "5"),
        ("countOverTime(k)", "5"), ("sum_over_time(v)", "48.5"), ("sumOverTime(v)", "48.5"), ("rate(v, 1m)", "-2"),
        ("rate(v, 2m)", "-4"), ("rate(nope, 1m)", None), ("rate(v, 1m) / 2", "-1"),
        ("count(*) ^ 30 * count(*) * count(*)", "7958661109946400884391936"),
        ("count(*) * count(*) * 9000000000000000000", "324000000000000000000"),
    ],
)  # fmt: skip
def test_functions_of_groups(run: Callable[..., Any], expression: str, result: str | None) -> None:
    (row,) = run(f"stats {expression} as result", LINES)
    assert row.get("result") == result
