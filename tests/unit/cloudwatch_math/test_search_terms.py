"""Search expressions, with the examples of their documentation."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.metrics import MetricKey
from cloudarium.services.cloudwatch.math import MathError
from cloudarium.services.cloudwatch.search import parse_query, tokens
from cloudarium.services.cloudwatch.search.finding import distinguish
from cloudarium.services.cloudwatch.search.tokens import contains, words


def key(namespace: str, name: str, **dimensions: str) -> MetricKey:
    return MetricKey(namespace, name, tuple(sorted(dimensions.items())))


def matches(query: str, one: MetricKey) -> bool:
    return parse_query(query).matches(one)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CustomCount1", ("custom", "count", "1")),
        ("SDBFailure", ("sdb", "failure")),
        ("Project2-trial333", ("project", "2", "trial", "333")),
        ("Network-Errors_2", ("network", "errors", "2")),
        ("CPUUtilization", ("cpu", "utilization")),
        ("t2.micro", ("t", "2", "micro")),
    ],
)
def test_words(name: str, expected: tuple[str, ...]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize("term", ["count", "Count", "COUNT", "CustomCount", "Count1", "customcount1", "custom 1"])
def test_parts_that_are_found(term: str) -> None:
    assert matches(term, key("My", "CustomCount1"))


@pytest.mark.parametrize("term", ["couNT", "customcount", "count1", '"Custom"', '"customcount1"', "Custom1"])
def test_parts_that_are_not(term: str) -> None:
    assert not matches(term, key("My", "CustomCount1"))


@pytest.mark.parametrize("name", ["Network-Errors-2", "NetworkErrors2"])
@pytest.mark.parametrize("term", ["network/errors", "network+errors", "network-errors", "Network_Errors"])
def test_marks_between_words_do_not_matter(name: str, term: str) -> None:
    assert matches(term, key("My", name))


CPU = key("AWS/EC2", "CPUUtilization", InstanceId="i-1234567890123456")
READS = key("AWS/EBS", "VolumeReadOps", VolumeId="vol-1", Project="ProjectA")
ERRORS = key("AWS/Lambda", "Errors", FunctionName="ProjectB-worker")
TRAFFIC = key("My Namespace", "Europe\\France Traffic(Network)", **{"Dimension@Name": "x"})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('{AWS/EC2,InstanceId} MetricName="CPUUtilization"', [CPU]),
        ('{AWS/EC2, InstanceId}, MetricName="CPUUtilization"', [CPU]),
        ("{AWS/EC2}", [CPU]),
        ("{AWS/EC2,InstanceType}", []),
        ('{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1234567890123456', []),
        ("NOT Namespace=AWS", [TRAFFIC]),
        ("(EC2 OR EBS) AND MetricName=ReadOps", [READS]),
        ("(EC2 OR EBS) MetricName=ReadOps", [READS]),
        ("(EC2 OR EBS) AND ReadOps AND ProjectA", [READS]),
        ('{AWS/Lambda,FunctionName} MetricName="Errors" OR (MetricName="Calls" AND (ProjectA OR ProjectB))', [ERRORS]),
        ("FunctionName=(ProjectA OR ProjectB)", [ERRORS]),
        ('{"My Namespace", "Dimension@Name"}', [TRAFFIC]),
        (r'"Europe\\France Traffic\(Network\)"', [TRAFFIC]),
        ('"AWS/EC2" MetricName="CPUUtilization"', [CPU]),
        ("project NOT lambda", [READS]),
        ("VolumeId", [READS]),
        ('VolumeId="vol-1" Namespace="AWS/EBS"', [READS]),
        ('VolumeId="vol"', []),
    ],
)  # fmt: skip
def test_queries(query: str, found: list[MetricKey]) -> None:
    assert [one for one in (CPU, READS, ERRORS, TRAFFIC) if matches(query, one)] == found


@pytest.mark.parametrize(
    "query", ["", "  ", "{", "{}", "{a,}", "AND", "a OR", "(a", "a)", '"a', "NOT", "a=", "=", "(" * 99]
)
def test_mistakes(query: str) -> None:
    with pytest.raises(MathError):
        parse_query(query)


def test_accounts_are_refused_by_name() -> None:
    with pytest.raises(NotThere, match="AccountId in SEARCH"):
        parse_query("{AWS/EC2,InstanceId} :aws.AccountId=111111111111")


def test_labels_tell_metrics_apart() -> None:
    keys = [key("N", "Errors", F="a", R="x"), key("N", "Errors", F="b", R="x")]
    assert distinguish(keys) == ["a", "b"]
    assert distinguish([*keys, key("N", "Calls", F="a", R="x")]) == ["a Errors", "b Errors", "a Calls"]
    assert distinguish(keys[:1]) == ["Errors"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab{}(),=\"\\ 'ANDORT", max_size=40))
def test_any_text_is_a_query_or_a_mistake(text: str) -> None:
    try:
        parse_query(text).matches(CPU)
    except MathError:
        pass


_names = st.text(st.sampled_from("aAbB1_- é"), max_size=8)


@settings(max_examples=500)
@example("a-b", "ab")
@example("-A_b1", "ab1")
@given(_names, _names)
def test_no_name_is_passed_over_that_would_match(name: str, term: str) -> None:
    quick = contains(name, term)
    with mock.patch.object(tokens, "_may_contain", lambda *_: True):
        assert contains(name, term) == quick
