"""Logs as people use them: the AWS CLI's ``logs`` commands, ``logs tail`` among them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.aws import Account


def test_a_morning_with_the_cli(account: Account) -> None:
    account.cli("logs", "create-log-group", "--log-group-name", "/app/api")
    account.cli("logs", "create-log-stream", "--log-group-name", "/app/api", "--log-stream-name", "a/1")
    now = int(account.now() * 1000)
    events = [{"timestamp": now + i, "message": m} for i, m in enumerate(["local.ERROR: a", "fine", "local.ERROR: b"])]
    group = ["--log-group-name", "/app/api"]
    account.cli("logs", "put-log-events", *group, "--log-stream-name", "a/1", "--log-events", json.dumps(events))
    found = account.cli("logs", "filter-log-events", *group, "--filter-pattern", '"ERROR:"')
    assert [event["message"] for event in found["events"]] == ["local.ERROR: a", "local.ERROR: b"]
    shown = account.cli("logs", "get-log-events", *group, "--log-stream-name", "a/1", "--limit", "1")
    assert [event["message"] for event in shown["events"]] == ["local.ERROR: b"]
    tried = account.cli(
        "logs", "test-metric-filter", "--filter-pattern", '"ERROR:" -b', "--log-event-messages", "ERROR: a", "ERROR: b"
    )
    assert [match["eventNumber"] for match in tried["matches"]] == [1]


def test_logs_tail(account: Account) -> None:
    """``aws logs tail`` reads by FilterLogEvents, page after page."""
    logs = account.logs
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(account.now() * 1000)
    events = [{"timestamp": now - 1000 + i, "message": f"line {i}"} for i in range(300)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    aws = Path(sys.executable).parent / "aws"
    done = subprocess.run(
        [sys.executable, str(aws), "logs", "tail", "g", "--since", "365d", "--format", "short"],
        env={"PATH": os.environ["PATH"], "HOME": str(account.cloud.folder / "home")} | account.environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    if "argument" in done.stderr and "Invalid choice" in done.stderr:
        pytest.skip("this version of the AWS CLI has no `logs tail`")
    assert done.returncode == 0, done.stderr
    assert [line.partition(" ")[2] for line in done.stdout.splitlines()] == [f"line {i}" for i in range(300)]


def test_a_live_tail(account: Account) -> None:
    """``aws logs start-live-tail`` prints what comes in, with the variables of ``cloudarium env``."""
    account.logs.create_log_group(logGroupName="g")
    account.logs.create_log_stream(logGroupName="g", logStreamName="s")
    arn = f"arn:aws:logs:us-east-1:{account.number}:log-group:g"
    command = [sys.executable, str(Path(sys.executable).parent / "aws"), "logs", "start-live-tail"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(account.cloud.folder / "home"), "PYTHONUNBUFFERED": "1"}
    watching = subprocess.Popen(
        [*command, "--log-group-identifiers", arn, "--log-event-filter-pattern", "ERROR"],
        env=environment | account.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        readable = select.poll()
        readable.register(watching.stdout, select.POLLIN)
        for _ in range(60):
            now = int(account.now() * 1000)
            events = [{"timestamp": now, "message": "fine"}, {"timestamp": now, "message": "ERROR seen"}]
            account.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
            if readable.poll(500):
                break
        assert watching.stdout.readline() == "ERROR seen\n"
    finally:
        watching.kill()
        watching.communicate()
