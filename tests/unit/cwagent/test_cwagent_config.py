"""Configuration files of both agents: what they mean, and how what is wrong with them is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.agent.config import awslogs, document
from cloudarium.agent.config.merge import merge
from cloudarium.agent.config.names import default_group, multi_stream, resolve, unknown_placeholder
from cloudarium.agent.config.plan import Plan
from cloudarium.agent.config.problems import ConfigError


def parse(value: Any) -> Plan:
    return document.parse({"config.json": json.dumps(value)})


def logs(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"logs": {"logs_collected": {"files": {"collect_list": list(entries)}}, **more}}


def metrics(**collected: Any) -> dict[str, Any]:
    return {"metrics": {"metrics_collected": collected}}


def problems(value: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(value)
    return caught.value.problems


def test_defaults_of_a_log_file() -> None:
    plan = parse(logs({"file_path": "/var/log/messages"}))
    assert plan.logs is not None
    (file,) = plan.logs.files
    assert (file.group, file.stream, file.encoding, file.utc) == (None, "{instance_id}", "utf-8", False)
    assert (file.flush_seconds, file.retention, file.every_file) == (5.0, -1, False)
    assert (file.batch_events, file.batch_bytes) == (10_000, 1_048_576)


def test_the_sections_stream_name_is_the_default_of_its_files() -> None:
    plan = parse(logs({"file_path": "/a"}, {"file_path": "/b", "log_stream_name": "own"}, log_stream_name="all"))
    assert plan.logs is not None
    assert [file.stream for file in plan.logs.files] == ["all", "own"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "file_path is required"),
        ({"file_path": 5}, "Invalid type. Expected: string, given: integer"),
        ({"file_path": "/a", "colour": "red"}, "Additional property colour is not allowed"),
        ({"file_path": "/a", "retention_in_days": 2}, "Must be one of the following: -1, 1, 3"),
        ({"file_path": "/a", "retention_in_days": True}, "Must be one of the following"),
        ({"file_path": "/a", "timestamp_format": "%Q"}, "%Q is not a supported symbol"),
        ({"file_path": "/a", "multi_line_start_pattern": "("}, "is no regular expression"),
        ({"file_path": "/a", "multi_line_start_pattern": "{timestamp_format}"}, "needs timestamp_format"),
        ({"file_path": "/a", "encoding": "klingon"}, "klingon is not a supported encoding"),
        ({"file_path": "/a", "log_group_name": "/x/{planet}"}, "{planet} is no placeholder"),
        ({"file_path": "/a", "filters": [{"type": "maybe", "expression": "x"}]}, "include, exclude"),
        ({"file_path": "/a[", "log_group_name": "g"}, "has a bracket without an end"),
        ({"file_path": "/a", "service.name": "x"}, "service.name is not supported: entities"),
    ],
)
def test_wrong_entries_are_named(entry: dict[str, Any], said: str) -> None:
    (problem,) = problems(logs(entry))
    assert said in problem
    assert problem.startswith("Under path : /logs/logs_collected/files/collect_list/0")


def test_two_entries_for_one_file_and_stream_are_refused() -> None:
    (problem,) = problems(logs({"file_path": "/a"}, {"file_path": "/a", "encoding": "ascii"}))
    assert "/a is sent to the same log stream twice" in problem
    (problem,) = problems(logs({"file_path": "/a"}, log_stream_name="{moon}"))
    assert "{moon} is no placeholder" in problem


def test_everything_wrong_is_said_at_once() -> None:
    found = problems({"agent": {"debug": "yes"}, "traces": {}, **logs({"file_path": ""})})
    assert [problem.split(" | ")[0] for problem in found] == [
        "Under path : /",
        "Under path : /agent/debug",
        "Under path : /logs/logs_collected/files/collect_list/0/file_path",
    ]


@pytest.mark.parametrize(
    ("collected", "said"),
    [
        ({}, "at least 1"),
        ({"cpu": {}}, "measurement is required"),
        ({"cpu": {"measurement": ["usage_bored"]}}, "usage_bored is no metric of cpu"),
        ({"cpu": {"measurement": ["usage_idle"], "resources": ["0"]}}, "Must be one of the following: *"),
        ({"processes": {"measurement": ["idle"]}}, "is measured on FreeBSD only"),
        ({"mem": {"measurement": [{"name": "used", "unit": "Pounds"}]}}, "Must be one of the following"),
        ({"mem": {"measurement": ["used"], "metrics_collection_interval": 0}}, "Must be between 1 and 172800"),
        ({"procstat": [{"measurement": ["pid"]}]}, "one of pid_file, exe and pattern is required"),
        ({"statsd": {"service_address": "8125"}}, "is no ip:port"),
        ({"collectd": {}}, "collectd_security_level encrypt (the default) is not supported"),
        ({"jmx": {}}, "jmx is not supported: JMX is not built"),
        ({"nvidia_smi": {"measurement": []}}, "nvidia_smi is not supported"),
    ],
)
def test_wrong_metrics_are_named(collected: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(metrics(**collected)))


def test_names_of_metrics_with_and_without_their_prefix() -> None:
    plan = parse(metrics(diskio={"measurement": ["reads", "diskio_writes", {"name": "io_time", "rename": "BUSY"}]}))
    assert plan.metrics is not None
    found = [(each.name, each.rename) for each in plan.metrics.collectors[0].measurements]
    assert found == [("diskio_reads", None), ("diskio_writes", None), ("diskio_io_time", "BUSY")]


def test_intervals_come_from_the_nearest_place() -> None:
    value = metrics(mem={"measurement": ["used"]}, swap={"measurement": ["free"], "metrics_collection_interval": 7})
    plan = parse({"agent": {"metrics_collection_interval": 10}, **value})
    assert plan.metrics is not None
    assert [each.interval for each in plan.metrics.collectors] == [10, 7]


def test_files_are_merged() -> None:
    one, two = logs({"file_path": "/a"}), logs({"file_path": "/b"}, {"file_path": "/a"})
    merged = merge({"one.json": one | metrics(mem={"measurement": ["used"]}), "two.json": two})
    assert [each["file_path"] for each in merged["logs"]["logs_collected"]["files"]["collect_list"]] == ["/a", "/b"]
    assert "mem" in merged["metrics"]["metrics_collected"]


def test_what_two_files_say_differently_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        merge({"a": {"agent": {"region": "eu-west-1"}}, "b": {"agent": {"region": "us-east-1"}}})
    assert caught.value.problems == [
        "Under path : /agent/region | Error : Different values are specified for region (the second by b)"
    ]


def test_names() -> None:
    assert default_group("/tmp/TestLogFile.log.2017-07-11-14") == "/tmp/TestLogFile.log"
    assert default_group("/var/log.d/messages") == "/var/log.d/messages"
    assert multi_stream("i-1", "/var/log/a.log") == "i-1__var_log_a.log"
    assert resolve("{instance_id}/{date}", {"instance_id": "i-1", "date": "2026-01-02"}) == "i-1/2026-01-02"
    assert unknown_placeholder("{hostname}{nope}") == "{nope}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "agent",
                    "logs",
                    "metrics",
                    "logs_collected",
                    "files",
                    "collect_list",
                    "file_path",
                    "filters",
                    "metrics_collected",
                    "cpu",
                    "disk",
                    "procstat",
                    "statsd",
                    "collectd",
                    "measurement",
                    "resources",
                    "append_dimensions",
                    "credentials",
                    "aggregation_dimensions",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_plan_or_a_config_error(value: Any) -> None:
    try:
        plan = parse(value)
    except ConfigError as error:
        assert error.problems
    else:
        assert plan.logs is not None or plan.metrics is not None


# -- the older agent -------------------------------------------------------------------------------------------------


OLD = """[general]
state_file = /var/awslogs/state/agent-state
use_gzip_http_content_encoding = false
[syslog]
file = /var/log/syslog
log_group_name = syslog
log_stream_name = {hostname}
datetime_format = %b %d %H:%M:%S
time_zone = UTC
file_fingerprint_lines = 1-2
multi_line_start_pattern = {datetime_format}
initial_position = end_of_file
encoding = latin_1
buffer_duration = 6000
batch_count = 7
batch_size = 2048
"""


def test_every_option_of_the_older_agent() -> None:
    plan = awslogs.parse(OLD)
    assert plan.logs is not None
    (file,) = plan.logs.files
    assert (plan.logs.state_file, plan.logs.gzip) == ("/var/awslogs/state/agent-state", False)
    assert (file.path, file.group, file.stream, file.key) == ("/var/log/syslog", "syslog", "{hostname}", "syslog")
    assert (file.utc, file.fingerprint_lines, file.from_end, file.encoding) == (True, (1, 2), True, "iso8859-1")
    assert (file.flush_seconds, file.batch_events, file.batch_bytes, file.event_bytes) == (6.0, 7, 2048, 262_144)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("buffer_duration = 4999", "buffer_duration must be a whole number from 5000"),
        ("batch_count = 10001", "batch_count must be a whole number from 1 to 10000"),
        ("initial_position = middle", "initial_position must be"),
        ("time_zone = CET", "time_zone must be"),
        ("datetime_format = %-d", "%-d is not a supported symbol"),
        ("encoding = rot13", "encoding rot13 is not"),
        ("file_fingerprint_lines = 3-2", "file_fingerprint_lines must be"),
        ("colour = red", "colour is no option"),
    ],
)
def test_wrong_options_of_the_older_agent(line: str, said: str) -> None:
    name = line.split(" ")[0]
    text = "\n".join([each for each in OLD.splitlines() if not each.startswith(name)] + [line])
    with pytest.raises(ConfigError) as caught:
        awslogs.parse(text)
    assert any(said in problem for problem in caught.value.problems)


def test_further_files_of_the_older_agent_add_sections_but_nothing_general() -> None:
    more = "[general]\nstate_file = /elsewhere\n[b]\nfile=/b\nlog_group_name=b\nlog_stream_name=b\n"
    plan = awslogs.parse(OLD, {"b.conf": more})
    assert plan.logs is not None
    assert [file.key for file in plan.logs.files] == ["syslog", "b"]
    assert plan.logs.state_file == "/var/awslogs/state/agent-state"


@given(st.text(alphabet="[]=a% \n#;:{}", max_size=60))
def test_any_ini_is_a_plan_or_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        awslogs.parse(text)
