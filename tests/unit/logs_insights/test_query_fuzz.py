"""Whatever can be said in the language also runs: no query that was accepted fails in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.logs.insights.language import QueryFault

LINES = [
    '{"n": 1, "s": "a", "j": {"x": [1, 2]}}', '{"n": "nan", "s": "1e999", "j": null}', "plain 1.2.3.4 text",
    "2 123456789010 eni-1235b8ca123456789 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
    '{"n": 99999999999999999999999, "s": "", "big": -9e18}', "",
    "<a><b c='d'>1</b><b>2</b></a>", "<a><b>",
]  # fmt: skip
_FIELDS = st.sampled_from(
    [
        "n",
        "s",
        "j.x.0",
        "true",
        "split(s, 'a')",
        "queryEndTime()",
        "@timestamp",
        "@message",
        "@logStream",
        "bytes",
        "nope",
        "js",
        "js.x",
        "p",
    ]
)
_CONSTANTS = st.sampled_from(
    ["1", "1e18", "big", "'infinity'", "2 ^ 2000", "0", "-2.5", "1e300", "'a'", "''", "'1'", '"x\'y"']
)
_BINARY = st.sampled_from(["+", "-", "*", "/", "%", "^", "=", "!=", "<", ">=", "and", "or"])
_ONE = st.sampled_from(
    ["abs", "ceil", "floor", "log", "sqrt", "ispresent", "isempty", "isblank", "trim", "strlen", "toupper", "jsonParse",
     "jsonStringify", "fromMillis", "toMillis", "isValidIp", "isValidIpV6", "unmask", "not ", "round", "toNumber",
     "toInt", "toLong", "toDouble", "isNumeric", "messageSize", "jsonArraySize", "ipv4ToNumber", "isPrivateIP",
     "isPublicIP", "isReservedIP", "urlencode", "urldecode", "base64encode", "base64decode", "hexToAscii", "hexToDec",
     "decToHex", "md5", "sha256"]
)  # fmt: skip
_TWO = st.sampled_from(
    ["greatest", "least", "coalesce", "concat", "strcontains", "ltrim", "substr", "case", "round", "jsonArrayContains",
     "startsWith", "endsWith", "split"]
)  # fmt: skip
_OTHER = ["like 'a'", "not like /a|b/", "in [1, 'a']", "not in ['x']", "=~ /^$/"]


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _BINARY, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(_ONE, inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(_TWO, inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(inner, st.sampled_from(_OTHER)).map(lambda t: f"({t[0]} {t[1]})"),
        inner.map(lambda e: f"datefloor({e}, 1h)"),
        inner.map(lambda e: f"dateceil({e}, 1mo)"),
        inner.map(lambda e: f"isIpInSubnet({e}, '10.0.0.0/9')"),
        inner.map(lambda e: f"if({e}, {e}, 'z')"),
        inner.map(lambda e: f"haversine({e}, 1, n, {e})"),
        inner.map(lambda e: f"strcontains({e}, 'A', {e})"),
        inner.map(lambda e: f"regexReplace({e}, '(a|1)', '<\\1>')"),
        inner.map(lambda e: f"formatDate({e}, '%F %T %s %z', 'Europe/Berlin')"),
        inner.map(lambda e: f"formatDate({e}, '%j %p', '-11:30')"),
        inner.map(lambda e: f"parseDate({e}, 'yyyy', 'Asia/Tokyo')"),
        inner.map(lambda e: f"parseDate({e}, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")"),
    )


_EXPRESSIONS = st.recursive(st.one_of(_FIELDS, _CONSTANTS), _deeper, max_leaves=6)
_AGGREGATES = st.sampled_from(
    [
        "count",
        "count_distinct",
        "sum",
        "avg",
        "min",
        "max",
        "median",
        "stddev",
        "earliest",
        "latest",
        "sortsFirst",
        "sortsLast",
        "count_over_time",
        "sumOverTime",
        "values",
    ]
)
_COMMANDS = st.one_of(
    _EXPRESSIONS.map(lambda e: f"fields {e} as made"),
    _EXPRESSIONS.map(lambda e: f"filter {e}"),
    _EXPRESSIONS.map(lambda e: f"sort {e} desc"),
    _EXPRESSIONS.map(lambda e: f"display {e} as shown"),
    _EXPRESSIONS.map(lambda e: f"pattern {e}"),
    _EXPRESSIONS.map(lambda e: f"unnest {e} into un"),
    st.just("parse @message '*:*' as p, q"),
    st.sampled_from(["limit 2", "limit any 2"]),
    st.sampled_from(
        [
            "accum n",
            "accum n as total",
            "autoregress s p=1-3",
            "filldown",
            "filldown n* js",
            "addtotals",
            "addtotals col=true",
            "addtotals fieldname=js row=true col=true n, s",
            "outlier n",
            "outlier action=remove mark=true uselower=true n js",
            "sessionize s maxspan 5m as p",
            "sessionize n, s",
            "countFrequent s, n",
            "fillmissing",
            "fillmissing with 0 for n",
            "fillmissing with 'x' for c",
            "anomaly",
            "logcompare timeshift 1d",
            "expand j.x",
            "json field=s 'a.b' as js",
            "parse @message logfmt as js",
            "parse s csv as p, q",
            "parse @message XML '/a/b' as p",
            "parse XML '//b[2]/@c' as q",
            "parse s xml 'a/text()' as s",
            "parse @message /(?<p>\\d)/ multi",
            "join left=a right=b where a.s=b.s (SOURCE 'g')",
            "fields b.n as n, a.s as s, b.@timestamp as p",
            "join type=left left=a right=b where a.n=b.c and b.s=a.s (SOURCE 'g' | stats count(*) as c by s)",
            "filter s in (fields s | limit 1)",
            "filter s in (limit any 1 | fields s)",
            "filter n not in (stats max(n) as n by s)",
            "appendcols (fields n | sort n)",
            "appendcols override=true max=2 (stats count(*) as n by s)",
            "relevantfields where n = 1",
            "relevantfields s, n, j.x where s like 'a'",
        ]
    ),
    st.just("dedup s, n"),
    st.tuples(_EXPRESSIONS, _EXPRESSIONS).map(
        lambda t: f"stats histogram({t[0]}, 3) as made, count(*) as n by histogram({t[1]}, 2.5) as s, bin(1m) offset 1h"
    ),
    st.tuples(_AGGREGATES, _EXPRESSIONS, _EXPRESSIONS).map(
        lambda t: f"stats {t[0]}({t[1]}) as made, rate({t[1]}, 1m) as r by {t[2]} as n, bin(1m)"
    ),
)


def test_every_accepted_query_runs(run: Callable[..., Any]) -> None:
    """Only the language may refuse; and it refuses few of these, or nothing would have been tried."""
    outcomes = {"ran": 0, "refused": 0}

    @settings(max_examples=50, deadline=None)
    @given(st.lists(_COMMANDS, min_size=1, max_size=4))
    def ask(commands: list[str]) -> None:
        try:
            run(" | ".join(["fields jsonParse(@message) as js", *commands]), LINES)
            outcomes["ran"] += 1
        except QueryFault:
            outcomes["refused"] += 1

    ask()
    assert outcomes["ran"] > 10, outcomes
