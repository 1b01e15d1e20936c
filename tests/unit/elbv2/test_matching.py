"""Rule matching: patterns against a plain definition of them, and the matcher against asking rule by rule."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2.fakes import exchange

from cloudarium.services.elbv2.node.matching import RuleMatcher, host_name
from cloudarium.services.elbv2.node.pattern_index import PatternIndex
from cloudarium.services.elbv2.patterns import expression, regex, wildcards
from cloudarium.services.elbv2.transforms import replacement

ALPHABET = "ab*?\\/"


def plainly(pattern: str, text: str) -> bool:
    """What a pattern means, by definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return plainly(pattern[1:], text) or (bool(text) and plainly(pattern, text[1:]))
    if pattern[0] == "\\" and len(pattern) > 1:
        return bool(text) and text[0] == pattern[1] and plainly(pattern[2:], text[1:])
    return bool(text) and (pattern[0] == "?" or pattern[0] == text[0]) and plainly(pattern[1:], text[1:])


@given(st.text(ALPHABET, max_size=8), st.text(ALPHABET, max_size=8))
def test_a_pattern_matches_what_it_means(pattern: str, text: str) -> None:
    assert (re.fullmatch(expression(pattern), text, re.DOTALL) is not None) == plainly(pattern, text)


@given(st.lists(st.text(ALPHABET, max_size=6), max_size=6), st.text(ALPHABET, max_size=8))
def test_an_index_finds_what_each_pattern_would(patterns: list[str], text: str) -> None:
    index = PatternIndex([(pattern, 1 << n) for n, pattern in enumerate(patterns)])
    assert index.match(text) == sum(1 << n for n, pattern in enumerate(patterns) if plainly(pattern, text))


def test_patterns_cost_no_more_than_their_length() -> None:
    # Backtracking over several stars would take longer than any test may.
    compiled = re.compile(expression("/*a*a*a*a*a*b"), re.DOTALL)
    assert compiled.fullmatch("/" + "a" * 16_000) is None


@pytest.mark.parametrize("text", ["^/(a+)+$", "^/(a|aa)+$", "^/a+a+a+a+a+a+a+a+$", "^/(a*)*b"])
def test_no_expression_costs_more_than_the_length_of_the_text(text: str) -> None:
    # A backtracking engine would take longer than any test may.
    assert regex(text).search("/" + "a" * 16_000 + "!") is None


@pytest.mark.parametrize("text", [r"^/api/.*/v[0-9]+$", r"(a|b)+", r"[+*]+x", r"\(+\)", r"\\part", "(a+)+b"])
def test_ordinary_expressions_are_taken(text: str) -> None:
    assert regex(text)


@pytest.mark.parametrize("text", ["(", "(?=a)", "(?<=a)", r"(a)\1", "(?>a)", "a++", r"\p{L}", r"\P{L}", "(?R)"])
def test_what_aws_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        regex(text)


def test_replacements_take_groups_by_number() -> None:
    replace = replacement(r"/n\/$2-$1$3.")
    assert regex("^/(a)(b)?(c)?$").sub(replace, "/ac", count=1) == r"/n\/-ac."


def test_wildcards_are_counted_without_escaped_ones() -> None:
    assert wildcards(r"/a*b?c\*") == 2


@pytest.mark.parametrize(
    ("host", "name"),
    [(b"A.Example.com:8080", "a.example.com"), (b"[::1]:80", "[::1]"), (b"[::1]", "[::1]"), (b"x", "x"), (b"", "")],
)
def test_host_names(host: bytes, name: str) -> None:
    assert host_name(host) == name


def path(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def host(*values: str) -> dict[str, Any]:
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def header(name: str, *values: str) -> dict[str, Any]:
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}


def query(*pairs: tuple[str, str]) -> dict[str, Any]:
    values = [{"Key": k, "Value": v} if k else {"Value": v} for k, v in pairs]
    return {"Field": "query-string", "QueryStringConfig": {"Values": values}}


def header_regex(value: str) -> dict[str, Any]:
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-K", "RegexValues": [value]}}


def method(*values: str) -> dict[str, Any]:
    return {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(values)}}


def source(*values: str) -> dict[str, Any]:
    return {"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}}


def matches(condition: dict[str, Any], **request: Any) -> bool:
    return RuleMatcher([[condition]]).match(exchange(**request)) == 0


@pytest.mark.parametrize(
    ("condition", "request_", "expected"),
    [
        (path("/img/*"), {"target": "/img/a?x=1"}, True),
        (path("/img/*"), {"target": "/IMG/a"}, False),
        (path("/a"), {"target": "/a?b"}, True),
        (path("/?"), {"target": "/ab"}, False),
        (host("*.example.com"), {"host": "A.EXAMPLE.com:80"}, True),
        (host("*.example.com"), {"host": "example.com"}, False),
        (header("X-Kind", "*blue*"), {"headers": {"x-kind": "dark BLUE sea"}}, True),
        (header("X-Kind", "blue"), {"headers": {"x-other": "blue"}}, False),
        (method("PUT"), {"method": "PUT"}, True),
        (method("PUT"), {"method": "put"}, False),
        (query(("a", "1")), {"target": "/?x=2&A=1"}, True),
        (query(("a", "1")), {"target": "/?b=1"}, False),
        (query(("", "one")), {"target": "/?k=ONE"}, True),
        (query(("", "flag")), {"target": "/?flag"}, True),
        (query(("k", "a b")), {"target": "/?k=a%20b"}, True),
        (query(("k", "a%20b")), {"target": "/?k=a%20b"}, True),
        (query(("k", r"\*")), {"target": "/?k=*"}, True),
        (query(("k", r"\*")), {"target": "/?k=x"}, False),
        (query(("k", "x")), {"target": "/"}, False),
        (query(("k", "*")), {"target": "/?k"}, True),
        (query(("k", "*b")), {"target": "/?k=a&c=b"}, False),
        (query(("", "b?")), {"target": "/?a=1&bb=2"}, False),
        (query(("k", "a+b")), {"target": "/?k=a+b"}, True),
        (query(("a", "1"), ("", "x")), {"target": "/?k=X"}, True),
        (header("X-K", "a.c (d)"), {"headers": {"X-K": "A.C (D)"}}, True),
        (header("X-K", "a.c"), {"headers": {"X-K": "abc"}}, False),
        (header("X-K", "*"), {"headers": {"X-K": ""}}, True),
        (header_regex("^a[^c]*b$"), {"headers": {"X-K": "axb"}}, True),
        (header_regex("^b"), {"headers": {"X-K": "ab"}}, False),
        (source("10.0.0.0/8", "127.0.0.0/8"), {}, True),
        (source("10.0.0.0/8"), {}, False),
        (source("2001:db8::/32"), {"source": "2001:db8::1"}, True),
        ({"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[0-9]/"]}}, {"target": "/v2/x"}, True),
        ({"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^API\\."]}}, {"host": "api.x.com"}, True),
    ],
)
def test_conditions(condition: dict[str, Any], request_: dict[str, Any], expected: bool) -> None:
    assert matches(condition, **request_) is expected


class Sent:
    """A request with this target and these values of X-K."""

    method, host = b"GET", b"a"

    def __init__(self, target: str = "/", *values: bytes) -> None:
        self.target = target.encode()
        self.headers, self.values = self, values
        self.connection = None

    def get_all(self, lower_name: bytes) -> list[bytes]:
        return list(self.values)


def test_values_of_a_repeated_field_count_each_by_itself() -> None:
    assert RuleMatcher([[header_regex("^b$")]]).match(Sent("/", b"a", b"b")) == 0
    assert RuleMatcher([[header_regex("a[^c]*b")]]).match(Sent("/", b"a", b"b")) == 1
    assert RuleMatcher([[header("X-K", "a*b")]]).match(Sent("/", b"a", b"b")) == 1


@given(st.lists(st.tuples(st.text("ab*?", max_size=3), st.text("ab*?", max_size=3)), min_size=1, max_size=3), st.data())
def test_queries_match_as_each_parameter_would(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    sent = data.draw(st.lists(st.tuples(st.text("ab", max_size=3), st.text("ab", min_size=1, max_size=3)), min_size=1))
    expected = any(
        (not key or plainly(key, name)) and plainly(value, text) for key, value in pairs for name, text in sent
    )
    target = "/?" + "&".join(f"{name}={text}" for name, text in sent)
    assert (RuleMatcher([[query(*pairs)]]).match(Sent(target)) == 0) == expected


def test_many_parameters_and_fields_cost_little() -> None:
    """A node decides for every load balancer on one thread."""
    rules = [[query(*((f"k{rule}*", f"v{n}?") for n in range(5)))] for rule in range(50)]
    rules += [[header("X-K", f"*a*{n}*b?", "x")] for n in range(50)]
    request = Sent("/?" + "&".join(f"%61{n}=x" for n in range(1700)), *[b"a"] * 12_000)
    began = time.perf_counter()
    assert RuleMatcher(rules).match(request) == 100
    assert time.perf_counter() - began < 0.4, "it was more than a second when each was looked at by itself"


def test_every_condition_of_a_rule_counts_and_any_value_of_a_condition() -> None:
    rules = [[path("/a", "/b"), host("x.com"), header("X-K", "1")]]
    matcher = RuleMatcher(rules)
    assert matcher.match(exchange("/b", "x.com", headers={"X-K": "1"})) == 0
    assert matcher.match(exchange("/b", "x.com")) == 1
    assert matcher.match(exchange("/b", "y.com", headers={"X-K": "1"})) == 1


_PATHS = st.sampled_from(["/", "/a", "/a/b", "/b", "/img/x.png"])
_CONDITIONS = st.one_of(
    st.builds(path, st.sampled_from(["/a", "/a/*", "/*", "*.png", "/?", "/img/*.png"])),
    st.builds(host, st.sampled_from(["a.com", "*.com", "b.*"])),
    st.builds(header, st.just("X-K"), st.sampled_from(["1", "*"])),
    st.builds(method, st.sampled_from(["GET", "PUT"])),
    st.builds(source, st.sampled_from(["127.0.0.0/8", "10.0.0.0/8"])),
)


@given(
    st.lists(st.lists(_CONDITIONS, min_size=1, max_size=3, unique_by=lambda c: c["Field"]), max_size=12),
    _PATHS,
    st.sampled_from(["a.com", "b.org", "c.net"]),
    st.sampled_from(["GET", "PUT"]),
    st.booleans(),
)
def test_all_rules_at_once_are_as_one_after_the_other(
    rules: list[list[dict[str, Any]]], target: str, name: str, verb: str, with_header: bool
) -> None:
    request = exchange(target, name, verb, headers={"X-K": "1"} if with_header else {})
    one_by_one = next(
        (
            n
            for n, conditions in enumerate(rules)
            if all(RuleMatcher([[condition]]).match(request) == 0 for condition in conditions)
        ),
        len(rules),
    )
    matcher = RuleMatcher(rules)
    assert matcher.match(request) == one_by_one
    assert matcher.match(request) == one_by_one, "remembered, it is the same"
    only_paths = all(condition["Field"] == "path-pattern" for conditions in rules for condition in conditions)
    assert matcher.settled == ({target.encode(): one_by_one} if only_paths and rules else {})


def test_what_paths_settle_is_bounded_and_holds_no_queries() -> None:
    matcher = RuleMatcher([[path("/a/*")], [path("/b")]])
    for number in range(5000):
        assert matcher.match(exchange(f"/a/{number}")) == 0
    assert len(matcher.settled) <= 4096
    assert matcher.match(exchange("/b?x=1")) == 1 and matcher.match(exchange("/c")) == 2
    assert (matcher.settled[b"/b"], matcher.settled[b"/c"], matcher.settled.get(b"/b?x=1")) == (1, 2, None)
