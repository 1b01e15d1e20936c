"""Options of awslogs: what is refused, and what begins an event."""

from __future__ import annotations

import pytest

from cloudarium.services.ecs import logdrivers
from cloudarium.services.ecs.logdrivers.options import date_expression, size, starts_event


def problem(driver: str = "awslogs", **options: str) -> str | None:
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return logdrivers.validate({"logDriver": driver, "options": given})


def test_good_options() -> None:
    assert problem(awslogs_group="g", awslogs_region="us-east-1", awslogs_stream_prefix="p") is None
    assert problem(awslogs_group="g", mode="non-blocking", max_buffer_size="25m", awslogs_create_group="true") is None
    assert logdrivers.validate(None) is None
    assert problem("awsfirelens", Name="cloudwatch", anything="x") is None
    assert problem("json-file") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "awslogs-group"),
        ({"awslogs_group": "g", "awslogs_grp": "x"}, "unknown log opt 'awslogs-grp'"),
        ({"awslogs_group": "g", "awslogs_create_group": "yes"}, "awslogs-create-group"),
        ({"awslogs_group": "g", "mode": "fast"}, "mode not supported"),
        ({"awslogs_group": "g", "max_buffer_size": "4m"}, "only supported with 'mode=non-blocking'"),
        ({"awslogs_group": "g", "mode": "non-blocking", "max_buffer_size": "many"}, "invalid size"),
        ({"awslogs_group": "g", "awslogs_multiline_pattern": "("}, "could not parse multiline pattern"),
        ({"awslogs_group": "g", "awslogs_multiline_pattern": "x", "awslogs_datetime_format": "%Y"}, "at the same time"),
        ({"awslogs_group": "g", "awslogs_endpoint": "http://x"}, "awslogs-endpoint is not implemented"),
        ({"awslogs_group": "g", "awslogs_max_buffered_events": "9"}, "max-buffered-events is not implemented"),
        ({"awslogs_group": "g", "awslogs_force_flush_interval_seconds": "0"}, "must specify a positive integer"),
        ({"awslogs_group": "g", "awslogs_force_flush_interval_seconds": "\u0663"}, "must specify a positive integer"),
    ],
)
def test_bad_options(options: dict[str, str], words: str) -> None:
    assert words in str(problem(**options))


@pytest.mark.parametrize("driver", ["splunk", "syslog", "gelf", "fluentd", "journald", "logentries"])
def test_other_drivers_are_refused_by_name(driver: str) -> None:
    assert problem(driver) == f"the log driver {driver} is not implemented in Cloudarium yet"


@pytest.mark.parametrize(
    ("layout", "line", "begins"),
    [
        # The notebook's, as it is after JSON has taken one backslash.
        (r"\[%Y-%m-%d %H:%M:%S\]", "[2020-01-31 23:59:59] local.ERROR: x", True),
        (r"\[%Y-%m-%d %H:%M:%S\]", "#0 /var/www/index.php(52)", False),
        (r"\[%Y-%m-%d %H:%M:%S\]", "[2020-13-31 23:59:59]", False),
        ("%b %d, %Y %H:%M:%S", "Aug 01, 2017 04:05:06 started", True),
        ("%Y-%m-%dT%H:%M:%S%L%z", "2017-08-01T04:05:06.123+0900 x", True),
        ("%I:%M %p %Z", "11:59 PM PDT", True),
        ("%A %j %y %a %B %w %f", "Monday 366 17 Mon March 6 123456", True),
    ],
)
def test_datetime_formats(layout: str, line: str, begins: bool) -> None:
    test = starts_event({"awslogs-datetime-format": layout})
    assert test is not None and test(line) is begins


def test_multiline_patterns_are_linear() -> None:
    test = starts_event({"awslogs-multiline-pattern": "^(a+)+$"})
    assert test is not None
    assert not test("a" * 50_000 + "b")
    assert test("aaa")
    assert starts_event({}) is None
    assert date_expression("%q") == ""


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("512", 512), ("4k", 4096), ("25m", 25 << 20), ("1.5 GiB", 3 << 29), ("10mb", 10 << 20), ("7B", 7)],
)
def test_sizes_as_docker_reads_them(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "10 mm", "\u0663m"])
def test_what_is_no_size(text: str) -> None:
    assert size(text) is None
