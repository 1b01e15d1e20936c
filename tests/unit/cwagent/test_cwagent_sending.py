"""A CloudWatch Logs that is played: what it gets, and what the agent does when it refuses; the agent's own life."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.unit.cwagent.machine import Machine

from cloudarium.agent import daemon
from cloudarium.agent.journal import Journal
from cloudarium.agent.logs.sender import Retry, Sender, Target, backoff
from cloudarium.agent.logs.shipper import Shipper
from cloudarium.agent.logs.source import Source
from cloudarium.agent.logs.state import States


def error(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutLogEvents")  # type: ignore[arg-type]


class Logs:
    """CloudWatch Logs: groups with streams, and errors to give first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.calls: list[str] = []
        self.answer: dict[str, Any] = {}
        self.poison = "poison"

    def create_log_group(self, logGroupName: str, **more: str) -> None:
        self.calls.append(f"group {logGroupName} {more}")
        self.groups[logGroupName] = {}

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> None:
        if logGroupName not in self.groups:
            raise error("ResourceNotFoundException")
        if logStreamName in self.groups[logGroupName]:
            raise error("ResourceAlreadyExistsException")
        self.groups[logGroupName][logStreamName] = []

    def put_retention_policy(self, logGroupName: str, retentionInDays: int) -> None:
        if logGroupName not in self.groups:
            raise error("ResourceNotFoundException")
        self.calls.append(f"retention {retentionInDays}")

    def put_log_events(self, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        if logStreamName not in self.groups.get(logGroupName, {}):
            raise error("ResourceNotFoundException")
        if any(event["message"] == self.poison for event in logEvents):
            raise error("InvalidParameterException")
        self.groups[logGroupName][logStreamName] += logEvents
        return self.answer


def events(*messages: str) -> list[dict[str, Any]]:
    return [{"timestamp": 1, "message": message} for message in messages]


def test_groups_and_streams_are_made_once_with_their_class_and_retention() -> None:
    logs = Logs()
    sender = Sender(logs, pytest.fail)
    target = Target("g", "s", "INFREQUENT_ACCESS", 7)
    sender.send(target, events("a"))
    sender.send(target, events("b"))
    assert logs.calls == ["group g {'logGroupClass': 'INFREQUENT_ACCESS'}", "retention 7"]
    assert [event["message"] for event in logs.groups["g"]["s"]] == ["a", "b"]


@pytest.mark.parametrize(
    "problem",
    [error("ThrottlingException"), error("InternalFailure", 500), EndpointConnectionError(endpoint_url="http://x")],
)
def test_what_may_go_better_is_tried_again(problem: Exception) -> None:
    with pytest.raises(Retry):
        Sender(Logs(problem), pytest.fail).send(Target("g", "s"), events("a"))


def test_an_event_that_is_never_taken_does_not_keep_the_others() -> None:
    logs, said = Logs(), []
    Sender(logs, said.append).send(Target("g", "s"), events("a", "b", "poison", "c", "d"))
    assert [event["message"] for event in logs.groups["g"]["s"]] == ["a", "b", "c", "d"]
    assert len(said) == 1 and "is dropped" in said[0]


def test_rejected_events_are_told() -> None:
    logs, said = Logs(), []
    logs.answer = {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}}
    Sender(logs, said.append).send(Target("g", "s"), events("a", "b", "c", "d"))
    assert said == [
        "AWS rejected 1 events for g s: more than 14 days old",
        "AWS rejected 2 events for g s: more than 2 hours in the future",
    ]


def test_waiting_doubles_up_to_a_bound() -> None:
    assert 0.1 <= backoff(0) <= 0.2 and 30 <= backoff(99) <= 60


@pytest.fixture
def shipping(machine: Machine) -> Iterator[Callable[[Source, Logs], None]]:
    stop = Signal()
    threads: list[Thread] = []

    def ship(source: Source, logs: Logs) -> None:
        shipper = Shipper(
            [source], lambda source, path: Target("g", "s"), Sender(logs, machine.said.append), machine.said.append
        )
        threads.append(Thread(target=shipper.run, args=(stop,)))
        threads[0].start()

    yield ship
    stop.set()
    threads[0].join()


def test_positions_are_kept_after_aws_has_the_events_and_errors_lose_nothing(
    machine: Machine, shipping: Callable[[Source, Logs], None]
) -> None:
    from tests.support.cloud import until

    path = machine.write("a", "".join(f"{number}\n" for number in range(30)))
    logs = Logs(*[error("ThrottlingException")] * 3)
    shipping(machine.source("a", flush_seconds=0.1, batch_events=7), logs)
    until(lambda: len(logs.groups.get("g", {}).get("s", [])) == 30, "all are there")
    assert [event["message"] for event in logs.groups["g"]["s"]] == [str(number) for number in range(30)]
    states = States(str(machine.folder / ".state"), pytest.fail)
    until(lambda: [each.offset for each in states.load("k")] == [path.stat().st_size], "the position is kept")


# -- the daemon -------------------------------------------------------------------------------------------------------


def test_one_agent_per_lock(tmp_path: Path) -> None:
    first, second = (daemon.Lock(tmp_path / "lock", tmp_path / "pid") for _ in range(2))
    assert second.holder() is None
    first.hold()
    assert second.holder() == os.getpid()
    with pytest.raises(daemon.NotStarted, match="running already"):
        second.hold()
    first.release()
    assert second.holder() is None and not (tmp_path / "pid").exists()
    assert not daemon.stop(second)


def test_why_a_daemon_did_not_start_is_told() -> None:
    def body(ready: Callable[[], None]) -> int:
        raise daemon.NotStarted("no region")

    with pytest.raises(daemon.NotStarted, match="no region"):
        daemon.start(body)


def test_the_agents_log_is_rotated(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "agent.log"), largest=200)
    for number in range(60):
        journal.warning(f"something {number}")
    journal.debug("nobody asked")
    names = {path.name for path in tmp_path.iterdir()} - {"agent.log"}
    assert 1 <= len(names) <= 5 and all(name.endswith(".log.gz") for name in names)
    journal.warning("the last")
    assert "nobody" not in (tmp_path / "agent.log").read_text()
