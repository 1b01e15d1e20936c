"""Verdicts over checks, access log lines, metrics, paging markers, wire messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2 import fakes

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.metrics import MetricKey, Metrics
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.elbv2.controllers.log_delivery import object_key
from cloudarium.services.elbv2.health.matcher import Matcher
from cloudarium.services.elbv2.health.states import FAILED, HEALTHY, INITIAL, TIMEOUT, Verdicts, mismatch
from cloudarium.services.elbv2.metrics import Publisher, consumed_lcus
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.access_log import LogEntry, line
from cloudarium.services.elbv2.node.counting import Counts, GroupCounts, NodeCounts
from cloudarium.services.elbv2.paging import page

SCOPE = Scope("111122223333", "us-east-1")


def test_one_success_makes_a_newcomer_healthy() -> None:
    verdicts = Verdicts()
    assert verdicts.health is INITIAL
    assert verdicts.take(HEALTHY, 5, 2) and verdicts.health is HEALTHY


def test_thresholds_count_in_a_row() -> None:
    verdicts = Verdicts()
    assert not verdicts.take(TIMEOUT, 3, 2) and verdicts.health is INITIAL
    assert verdicts.take(TIMEOUT, 3, 2) and verdicts.health is TIMEOUT
    assert not verdicts.take(HEALTHY, 3, 2)
    assert not verdicts.take(HEALTHY, 3, 2)
    assert verdicts.take(FAILED, 3, 2) and verdicts.health is FAILED, "the latest reason is shown"
    for expected in (False, False, True):
        assert verdicts.take(HEALTHY, 3, 2) is expected
    assert not verdicts.take(mismatch(500), 3, 2)
    assert not verdicts.take(HEALTHY, 3, 2)
    assert not verdicts.take(mismatch(500), 3, 2) and verdicts.health is HEALTHY, "the run was broken"


@given(st.lists(st.booleans(), max_size=40), st.integers(2, 10), st.integers(2, 10))
def test_health_changes_only_after_a_full_run(results: list[bool], up: int, down: int) -> None:
    verdicts = Verdicts()
    for n, good in enumerate(results):
        before = verdicts.health
        verdicts.take(HEALTHY if good else FAILED, up, down)
        if before is HEALTHY and verdicts.health is FAILED:
            assert not any(results[n - down + 1 : n + 1])
        if before is FAILED and verdicts.health is HEALTHY:
            assert all(results[n - up + 1 : n + 1])


@pytest.mark.parametrize(
    ("text", "inside", "outside"), [("200", 200, 201), ("200,301", 301, 300), ("200-299", 250, 300), ("0,5-7", 6, 4)]
)
def test_matchers(text: str, inside: int, outside: int) -> None:
    matcher = Matcher(text)
    assert inside in matcher and outside not in matcher


@pytest.mark.parametrize("text", ["", "abc", "200-", "299-200", "200;201", "99", "500"])
def test_bad_matchers(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Matcher(text, 200, 499)


def test_a_line_is_as_documented() -> None:
    entry = LogEntry(
        kind="http",
        time=1530570180.186641,
        elb="app/my-loadbalancer/50dc6c495c0c9188",
        client="192.168.131.39:2817",
        target="10.0.0.1:80",
        request_processing_time=0.0,
        target_processing_time=0.001,
        response_processing_time=0.0,
        elb_status_code=200,
        target_status_code=200,
        received_bytes=34,
        sent_bytes=366,
        request="GET http://www.example.com:80/ HTTP/1.1",
        user_agent="curl/7.46.0",
        target_group_arn="arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067",
        trace_id="Root=1-58337262-36d228ad5d99923122bbe354",
        matched_rule_priority="0",
        request_creation_time=1530570168.364,
        actions_executed="forward",
        conn_trace_id="TID_1234abcd5678ef90",
    )
    assert line(entry) == (
        "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 "
        '0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - '
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "
        '"Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" '
        '"10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-"'
    )


@given(st.text(max_size=40))
def test_no_text_breaks_a_line(text: str) -> None:
    written = line(LogEntry(kind="http", time=0.0, elb="e", client="c", user_agent=text, request=text))
    assert "\n" not in written and "\r" not in written
    assert written.count('"') == line(LogEntry(kind="http", time=0.0, elb="e", client="c")).count('"')


def test_log_files_are_named_as_documented() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/my-loadbalancer/1234567890abcdef"
    key = object_key("prefix", Scope("123456789012", "us-east-2"), arn, 1392507600.0, "172.160.1.192")
    start = (
        "prefix/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2014/02/15/"
        "123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20140215T2340Z_172.160.1.192_"
    )
    assert key.startswith(start) and key.endswith(".log.gz")
    assert object_key("", Scope("1", "r"), arn, 0, "1.2.3.4").startswith("AWSLogs/1/")


def test_metrics_have_aws_dimensions() -> None:
    metrics = Metrics(Clock(ClockState(0, 0, 0)), Store(None))
    counts = Counts(
        {"a": NodeCounts(requests=3, new_connections=2, bytes_processed=100, elb_codes={503: 2, 460: 1})},
        {"a": {fakes.arn("g"): GroupCounts(requests=3, codes={2: 3}, response_times={100_000: 2, 300_000: 1})}},
    )
    publisher = Publisher(metrics, SCOPE, "app/web/1", 59.0)
    publisher.traffic(counts, {"targetgroup/g/0123456789abcdef": 2})
    publisher.health("targetgroup/g/0123456789abcdef", {"a": (1, 1)}, routing={"a": True}, dns={"a": False})
    seen = {
        (key.name, tuple(name for name, _ in key.dimensions)): metrics.read(SCOPE, key, 0, 60, 60)[0][2]
        for key in metrics.find(SCOPE)
    }
    lb, az, tg = "LoadBalancer", "AvailabilityZone", "TargetGroup"
    assert seen[("RequestCount", (lb,))].total == 3
    assert seen[("RequestCount", (lb,))].maximum == 1, "Minimum, Maximum and Average are 1"
    assert seen[("RequestCount", (az, lb, tg))].total == 3
    assert seen[("HTTPCode_ELB_5XX_Count", (az, lb))].total == 2
    assert seen[("HTTPCode_ELB_503_Count", (lb,))].total == 2
    assert seen[("HTTPCode_ELB_4XX_Count", (lb,))].total == 1
    assert seen[("HTTPCode_Target_2XX_Count", (lb, tg))].total == 3
    assert seen[("TargetResponseTime", (lb, tg))].total == pytest.approx(0.5)
    assert seen[("RequestCountPerTarget", (tg,))].total == 1.5
    assert seen[("HealthyHostCount", (az, lb, tg))].maximum == 1
    assert seen[("HealthyStateRouting", (az, lb, tg))].maximum == 1
    assert seen[("UnhealthyStateDNS", (lb, tg))].maximum == 1 and ("HealthyStateDNS", (lb, tg)) not in seen
    assert seen[("ProcessedBytes", (lb,))].total == 100
    assert ("ConsumedLCUs", (lb,)) in seen and ("HTTPCode_Target_5XX_Count", (lb,)) not in seen


def test_every_dimension_set_has_its_own_points() -> None:
    metrics = Metrics(Clock(ClockState(0, 0, 0)), Store(None))
    for zone in "ab":
        Publisher(metrics, SCOPE, "lb", 5.0).traffic(Counts({zone: NodeCounts(requests=2)}, {}), {})
    key = MetricKey("AWS/ApplicationELB", "RequestCount", (("LoadBalancer", "lb"),))
    assert metrics.read(SCOPE, key, 0, 60, 60)[0][2].total == 4


def test_units_of_capacity() -> None:
    assert consumed_lcus(1500, 0, 0, 0) == 1.0
    assert consumed_lcus(0, 3000, 0, 0) == 1.0
    assert consumed_lcus(0, 0, 10**9 // 60, 0) == pytest.approx(1.0)


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 10), st.data())
def test_pages_show_everything_once(items: list[int], size: int, data: st.DataObject) -> None:
    seen: list[int] = []
    marker = ""
    while True:
        found, marker = page(items, {"PageSize": size} | ({"Marker": marker} if marker else {}), str)
        seen += found
        if not marker:
            break
    assert seen == items


@pytest.mark.parametrize(
    "message",
    [
        wire.Clock(ClockState(1.0, 2.0, 0.5)),
        wire.Gone("a"),
        wire.Listen("a", "z", 80),
        wire.Adopt("a", "z", 80, b"GET", True, ("h",)),
        wire.Dialed(3, 111),
        wire.HealthChange("a", "z", "g", "k", "healthy", 0.0),
        fakes.balancer(fakes.rule(0, fakes.forward("g")), groups=(fakes.group("g", fakes.target("x")),)),
    ],
)
def test_messages_to_the_worker(message: wire.ToNode) -> None:
    assert wire.decode_to_node(wire.encode(message)) == message


def test_messages_from_the_worker() -> None:
    counts = Counts({"a": NodeCounts(requests=1)}, {"a": {"g": GroupCounts(response_times={500_000: 1})}})
    message = wire.Collected(1, {"lb": counts}, {"lb": {"a": ["line"]}})
    assert wire.decode_from_node(wire.encode(message)) == message
