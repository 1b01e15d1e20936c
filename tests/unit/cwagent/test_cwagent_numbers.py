"""Measurements: what the kernel says, what StatsD and collectd send, and what becomes of it."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.agent.config.catalogue import UNITS, unit_of
from cloudarium.agent.config.plan import CollectorPlan, Measurement
from cloudarium.agent.metrics import collectd, collectors, procfs, sampling, statsd
from cloudarium.agent.metrics.aggregate import Aggregator, requests
from cloudarium.agent.metrics.points import Point

# -- /proc ------------------------------------------------------------------------------------------------------------


def test_processor_time() -> None:
    before = procfs.cpu("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\nintr 5\n")
    after = procfs.cpu("cpu  150 0 75 850 75 0 0 0 0 0\n")
    shares = sampling.usage(before["cpu-total"], after["cpu-total"])
    assert (shares["user"], shares["system"], shares["idle"], shares["iowait"]) == (
        pytest.approx(100 / 3), pytest.approx(50 / 3), pytest.approx(100 / 3), pytest.approx(50 / 3),
    )  # fmt: skip
    assert shares["active"] == pytest.approx(50)
    assert sampling.usage(after["cpu-total"], before["cpu-total"]) == {}
    assert sampling.spent(before["cpu0"], 200)["user"] == 0.5


def test_counters_that_fell_say_nothing() -> None:
    assert dict(sampling.increments({"a": 5, "b": 9}, {"a": 7, "b": 1, "c": 3})) == {"a": 2}


def test_memory_and_swap() -> None:
    text = "MemTotal: 1000 kB\nMemFree: 200 kB\nBuffers: 50 kB\nCached: 100 kB\n"
    text += "SReclaimable: 50 kB\nMemAvailable: 400 kB\n"
    found = procfs.memory(text + "broken\nSwapTotal: 10 kB\nSwapFree: 4 kB\n")
    assert (found["used"], found["used_percent"], found["available_percent"]) == (600 * 1024, 60.0, 40.0)
    assert procfs.swap("SwapTotal: 10 kB\nSwapFree: 4 kB\n") == {"free": 4096, "used": 6144, "used_percent": 60.0}
    assert procfs.swap("")["used_percent"] == 0


def test_devices_sockets_and_mounts() -> None:
    disks = procfs.diskstats("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n")
    assert list(disks) == ["sda"]
    assert (disks["sda"]["read_bytes"], disks["sda"]["write_bytes"], disks["sda"]["io_time"]) == (1536, 3584, 10)
    net = procfs.netdev("Inter-|\n face |bytes\n  eth0:1 2 3 4 0 0 0 0 9 10 11 12 0 0 0 0\n")
    assert (net["eth0"]["bytes_recv"], net["eth0"]["bytes_sent"], net["eth0"]["drop_out"]) == (1, 9, 12)
    tcp = "head\n 0: 0100007F:0016 00000000:0000 0A\n 1: a b 01\n 2: a b 06\n"
    counts = procfs.sockets([tcp], ["head\n0: a\n", "head\n1: b\n"])
    assert (counts["tcp_listen"], counts["tcp_established"], counts["tcp_time_wait"], counts["udp_socket"]) == (
        1,
        1,
        1,
        2,
    )
    assert procfs.mounts("/dev/a /x\\040y ext4 rw 0 0\n")[0] == procfs.Mount("/dev/a", "/x y", "ext4")


def test_a_process_whose_name_is_a_trap() -> None:
    rest = " ".join(["S", *map(str, range(4, 60))])
    found = procfs.stat(f"7 (evil) R 1 ) {rest}", 4096)
    assert found is not None and (found.name, found.state) == ("evil) R 1 ", "S")
    assert procfs.stat("nonsense", 1) is None


def test_limits() -> None:
    text = "Limit                     Soft Limit           Hard Limit           Units\n"
    text += "Max stack size            8388608              unlimited            bytes\n"
    assert procfs.limits(text) == {"rlimit_memory_stack_soft": 8388608.0, "rlimit_memory_stack_hard": 2147483647.0}


READERS: list[Callable[[str], Any]] = [
    procfs.cpu, procfs.memory, procfs.swap, procfs.diskstats, procfs.netdev, procfs.mounts, procfs.colons,
    procfs.limits, lambda text: procfs.sockets([text], [text]), lambda text: procfs.stat(text, 1),
]  # fmt: skip


@given(st.sampled_from(READERS), st.text(alphabet="cpu01 29:()\nkBMax²٣", max_size=80))
def test_no_text_of_the_kernel_breaks_a_reader(reader: Callable[[str], Any], text: str) -> None:
    reader(text)


@pytest.mark.parametrize("kind", ["cpu", "disk", "diskio", "mem", "net", "netstat", "processes", "swap"])
def test_this_machine_is_measured(kind: str) -> None:
    """Every collector says what the catalogue promises, and nothing else."""
    collector = collectors.make(CollectorPlan(kind=kind, interval=1, resources=("*",)))
    found = collector.collect() + collector.collect()
    if kind in ("diskio", "net") and not found:
        pytest.skip(f"this machine has nothing to measure {kind} by")
    names = {sample.name.removeprefix(f"{kind}_") for sample in found}
    expected = set(UNITS[kind])
    if kind == "cpu":  # shares need time between two readings
        expected = {name for name in expected if name.startswith("time")}
        names = {name for name in names if name.startswith("time")}
    assert names == expected or (kind == "disk" and names <= expected)


def test_this_process_is_measured() -> None:
    plan = CollectorPlan(
        kind="procstat", interval=1, finder=("pattern", "python"), measurements=(Measurement("procstat_rlimit_x"),)
    )
    collector = collectors.make(plan)
    collector.collect()
    begun = time.process_time()
    while time.process_time() - begun < 0.05:
        pass
    found = [sample for sample in collector.collect() if ("pattern", "python") in sample.about]
    pids = {sample.value for sample in found if sample.name == "procstat_pid"}
    assert os.getpid() in pids
    names = {sample.name.removeprefix("procstat_") for sample in found}
    assert set(UNITS["procstat"]) - {"pid_count"} <= names | {"rlimit_memory_vms_soft"}
    assert max(sample.value for sample in found if sample.name == "procstat_cpu_usage") > 0
    (count,) = [sample.value for sample in found if sample.name == "procstat_lookup_pid_count"]
    assert count == len(pids)
    assert unit_of("procstat_lookup_pid_count") == "Count" and unit_of("cpu_usage_idle") == "Percent"


# -- StatsD -----------------------------------------------------------------------------------------------------------


def collected(*lines: str) -> dict[str, dict[float, float]]:
    series = statsd.Series()
    for line in lines:
        for metric in statsd.parse(line):
            series.add(metric)
    return {name: values for name, _, values in series.collect()}


def test_counters_gauges_distributions_and_sets() -> None:
    assert collected("a:3|c", "a:2|c|@0.5") == {"a": {7.0: 1.0}}
    assert collected("g:3|g", "g:+4|g", "g:-2|g") == {"g": {5.0: 1.0}}
    assert collected("t:10|ms", "t:10|ms|@0.25") == {"t": {10.0: 5.0}}
    assert collected("h:1:2:2|h") == {"h": {1.0: 1.0, 2.0: 2.0}}
    assert collected("s:x|s", "s:y|s", "s:x|s") == {"s": {2.0: 1.0}}


def test_a_series_is_told_once_and_gauges_are_remembered() -> None:
    series = statsd.Series()
    series.add(statsd.parse("g:3|g|#env:prod,b")[0])
    assert series.collect() == [("g", (("metric_type", "gauge"), ("b", "true"), ("env", "prod")), {3.0: 1.0})]
    assert series.collect() == []
    series.add(statsd.parse("g:+1|g|#b,env:prod")[0])
    assert [values for _, _, values in series.collect()] == [{4.0: 1.0}]


def test_memory_is_bounded() -> None:
    series = statsd.Series()
    for number in range(30_000):
        series.add(statsd.parse(f"t:{number}|ms")[0])
    ((_, _, values),) = series.collect()
    assert len(values) < 5_000 and sum(values.values()) == 30_000
    for number in range(10_100):
        series.add(statsd.parse(f"n{number}:1|c")[0])
    assert len(series.collect()) == 10_000 and series.dropped == 100


@pytest.mark.parametrize(
    "line",
    ["", "a", "a:1", "a:1|x", "a:x|c", "a:nan|c", "a:1e999|c", "a:1|c|@2", "a:1|g|@0.5", "a:1|c|huh", ":1|c", "a:|c"],
)
def test_lines_that_are_no_statsd(line: str) -> None:
    with pytest.raises(ValueError):
        statsd.parse(line)


@given(st.text(alphabet="ab:|@#.,0123456789+-cgmhs e_", max_size=40) | st.text(max_size=40))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    try:
        metrics = statsd.parse(line)
    except ValueError:
        return
    assert metrics and all(metric.name and 0 < metric.rate <= 1 for metric in metrics)


# -- collectd ---------------------------------------------------------------------------------------------------------


def text(kind: int, value: str) -> bytes:
    data = value.encode() + b"\0"
    return struct.pack(">HH", kind, 4 + len(data)) + data


def values(*pairs: tuple[int, bytes]) -> bytes:
    body = struct.pack(">H", len(pairs)) + bytes(kind for kind, _ in pairs) + b"".join(data for _, data in pairs)
    return struct.pack(">HH", 6, 4 + len(body)) + body


def test_value_lists_and_their_names() -> None:
    header = text(0, "web") + text(2, "interface") + text(3, "eth0") + text(4, "if_octets")
    stamp = struct.pack(">HHQ", 8, 12, 100 << 30)
    data = header + stamp + values((2, struct.pack(">q", -5)), (1, struct.pack("<d", 1.5)))
    (found,) = collectd.parse(data)
    assert found == collectd.Values("web", "interface", "eth0", "if_octets", "", 100.0, (-5.0, 1.5))
    known = collectd.types("# comment\nif_octets rx:DERIVE:0:U, tx:DERIVE:0:U\n")
    assert collectd.named(found, "collectd_", known) == [
        ("collectd_interface_rx", -5.0),
        ("collectd_interface_tx", 1.5),
    ]
    assert collectd.named(found, "", {}) == [("interface_0", -5.0), ("interface_1", 1.5)]


@pytest.mark.parametrize("kind", [0x0200, 0x0210])
def test_signed_and_encrypted_parts_are_refused(kind: int) -> None:
    with pytest.raises(ValueError, match="security level"):
        collectd.parse(struct.pack(">HH", kind, 8) + b"abcd")


@given(
    st.binary(max_size=80) | st.builds(lambda b: b"\0\6" + struct.pack(">H", 4 + len(b)) + b, st.binary(max_size=40))
)
def test_any_datagram_is_parsed_or_refused(data: bytes) -> None:
    try:
        collectd.parse(data)
    except ValueError:
        pass


# -- data -------------------------------------------------------------------------------------------------------------


def point(value: float, about: dict[str, str], **fields: Any) -> Point:
    made = Point("m", tuple(about.items()), {value: 1.0}, "Count", 1000.4, 60)
    return made._replace(**fields)


def test_equal_metrics_become_values_with_counts() -> None:
    aggregator = Aggregator()
    for value in (1.0, 2.0, 2.0):
        aggregator.add(point(value, {"a": "1"}))
    (datum,) = aggregator.take()
    assert (datum["Values"], datum["Counts"]) == ([1.0, 2.0], [1.0, 2.0])
    assert datum["Timestamp"].timestamp() == 1000 and datum["StorageResolution"] == 60
    assert aggregator.take() == []


def test_rolling_up() -> None:
    aggregator = Aggregator([("a",), ("a", "b"), ("c",), ()])
    aggregator.add(point(1.0, {"a": "1", "b": "2", "d": "3"}))
    aggregator.add(point(5.0, {"a": "1", "b": "9", "d": "3"}, original=False))
    found = {tuple(each["Value"] for each in datum["Dimensions"]): datum for datum in aggregator.take()}
    assert set(found) == {("1", "2", "3"), ("1",), ("1", "2"), ("1", "9"), ()}
    assert found[("1",)]["Values"] == [1.0, 5.0] == found[()]["Values"]


def test_values_that_cloudwatch_refuses_are_left_out_and_many_are_split() -> None:
    aggregator = Aggregator()
    for value in (float("nan"), float("inf"), 2.0**361):
        aggregator.add(point(value, {}))
    assert aggregator.take() == []
    for number in range(400):
        aggregator.add(point(float(number), {}))
    assert [len(datum["Values"]) for datum in aggregator.take()] == [150, 150, 100]


def test_requests_hold_a_thousand_data_or_a_megabyte() -> None:
    small = {"MetricName": "m", "Dimensions": [], "Value": 1.0}
    assert [len(portion) for portion in requests([small] * 2500)] == [1000, 1000, 500]
    large = {"MetricName": "m", "Dimensions": [], "Values": [1.0] * 150}
    assert all(len(portion) < 80 for portion in requests([large] * 200))
