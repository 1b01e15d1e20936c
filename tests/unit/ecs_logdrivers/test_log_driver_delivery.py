"""The awslogs driver against a PutLogEvents that takes, refuses and fails; lines and events on the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs import logdrivers
from cloudarium.services.ecs.logdrivers import awslogs
from cloudarium.services.ecs.logdrivers.events import MAX_EVENT, Assembler

SCOPE = Scope("111122223333", "us-east-1")
TASK = SimpleNamespace(id="0123456789abcdef0123456789abcdef")
RECORD = SimpleNamespace(runtime_id="runtime-1")


@dataclass
class Record:
    data: bytes
    stream: str = "stdout"
    time: float = 0.0
    partial: bool = False


class Output:
    """A container's output: batches put in, and how many were acknowledged."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[list[Record]] = asyncio.Queue()
        self.yielded = self.acknowledged = 0

    def put(self, *records: Record) -> None:
        self._queue.put_nowait(list(records))

    def end(self) -> None:
        self._queue.put_nowait([])

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while records := await self._queue.get():
            self.yielded += len(records)
            yield records

    def ack(self) -> None:
        self.acknowledged = self.yielded


class Logs:
    """CloudWatch Logs as the driver sees it."""

    def __init__(self, cloud: Cloud) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.groups = {"g"}
        self.streams: set[str] = set()
        self.failures: list[str] = []
        cloud.dispatch = self._dispatch

    async def _dispatch(
        self, service: str, operation: str, scope: Scope, _: Any, given: dict[str, Any]
    ) -> dict[str, Any]:
        self.calls.append((operation, scope.region, given))
        if operation == "create_log_group":
            self.groups.add(given["logGroupName"])
        elif given["logGroupName"] not in self.groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        elif operation == "create_log_stream":
            self.streams.add(given["logStreamName"])
        elif self.failures:
            raise AwsError(self.failures.pop(0), "not now")
        return {}

    @property
    def events(self) -> list[str]:
        return [e["message"] for name, _, given in self.calls if name == "put_log_events" for e in given["logEvents"]]


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud(clock=Clock(), store=Store(None), port=1)
    yield made
    await made.stop_services()


Start = Callable[..., Awaitable[tuple[Logs, Output, asyncio.Task[None]]]]


@pytest.fixture
async def start(cloud: Cloud) -> AsyncIterator[Start]:
    started: list[asyncio.Task[None]] = []

    async def begin(**options: str) -> tuple[Logs, Output, asyncio.Task[None]]:
        logs, output = Logs(cloud), Output()
        given = {"awslogs-group": "g", "awslogs-stream-prefix": "p"}
        given |= {name.replace("_", "-"): value for name, value in options.items()}
        container = {"name": "web", "logConfiguration": {"logDriver": "awslogs", "options": given}}
        task = await logdrivers.open(cloud, SCOPE, TASK, container, RECORD, output)
        assert task is not None
        started.append(task)
        return logs, output, task

    yield begin
    for task in started:
        task.cancel()


async def test_lines_reach_the_stream_and_are_then_acknowledged(start: Start) -> None:
    logs, output, task = await start(awslogs_region="eu-west-1")
    output.put(Record(b"one", time=10.0), Record(b"", time=10.0), Record(b"two", "stderr", 11.0))
    output.put(Record(b"nul \0 and \xff", time=12.0))
    output.end()
    await task
    assert logs.streams == {f"p/web/{TASK.id}"}
    assert logs.events == ["one", "two", "nul \ufffd and \ufffd"]
    assert {region for _, region, _ in logs.calls} == {"eu-west-1"}
    assert output.acknowledged == 4


async def test_nothing_is_lost_while_logs_refuses(start: Start, cloud: Cloud) -> None:
    logs, output, task = await start()
    logs.failures = ["ThrottlingException", "ServiceUnavailableException"]
    output.put(Record(b"precious"))
    output.end()
    for _ in range(20):
        await asyncio.sleep(0)
    assert output.acknowledged == 0
    await cloud.clock.advance(5)
    await task
    assert logs.events == ["precious"] * 3
    assert output.acknowledged == 1


async def test_a_group_that_was_deleted_is_made_again_when_wanted(start: Start, cloud: Cloud) -> None:
    logs, output, task = await start(awslogs_create_group="true")
    logs.groups.clear()
    output.put(Record(b"x"))
    output.end()
    for _ in range(20):
        await asyncio.sleep(0)
    await cloud.clock.advance(5)
    await task
    assert logs.groups == {"g"}
    assert output.acknowledged == 1


async def test_a_group_that_is_not_there_stops_the_container(start: Start) -> None:
    with pytest.raises(AwsError, match="log group does not exist"):
        await start(awslogs_group="other")
    logs, _, _ = await start(awslogs_group="other", awslogs_create_group="true")
    assert "other" in logs.groups


async def test_without_a_prefix_the_container_names_the_stream(cloud: Cloud) -> None:
    logs = Logs(cloud)
    container = {"name": "web", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}
    output = Output()
    output.end()
    task = await logdrivers.open(cloud, SCOPE, TASK, container, RECORD, output)
    assert task is not None
    await task
    assert logs.streams == {"runtime-1"}


async def test_batches_are_as_large_as_aws_takes_them(start: Start) -> None:
    logs, output, task = await start()
    output.put(*[Record(b"x" * 300, time=float(i)) for i in range(12_000)])
    output.end()
    await task
    sizes = [given["logEvents"] for name, _, given in logs.calls if name == "put_log_events"]
    assert sum(map(len, sizes)) == 12_000
    assert len(sizes) > 1
    assert all(len(b) <= 10_000 and sum(len(e["message"]) + 26 for e in b) <= 1_048_576 for b in sizes)
    times = [e["timestamp"] for b in sizes for e in b]
    assert times == sorted(times)


async def test_a_days_old_backlog_is_sent_day_by_day(start: Start) -> None:
    logs, output, task = await start()
    output.put(*[Record(b"x", time=day * 86_400.0) for day in range(3)])
    output.end()
    await task
    assert [len(given["logEvents"]) for name, _, given in logs.calls if name == "put_log_events"] == [1, 1, 1]


async def test_lines_of_one_event_are_joined(start: Start) -> None:
    logs, output, task = await start(awslogs_datetime_format=r"\[%Y-%m-%d %H:%M:%S\]")
    output.put(Record(b"[2020-01-01 00:00:00] ERROR", time=1.0), Record(b"#0 a", time=2.0), Record(b"#1 b", time=3.0))
    output.put(Record(b"[2020-01-01 00:00:01] next", time=4.0))
    while not logs.events:
        await asyncio.sleep(0)
    assert logs.events == ["[2020-01-01 00:00:00] ERROR\n#0 a\n#1 b\n"]
    # The next one may still go on: nothing is acknowledged.
    assert output.acknowledged == 0
    output.end()
    await task
    assert logs.events[1:] == ["[2020-01-01 00:00:01] next\n"]
    assert output.acknowledged == 4


async def test_an_event_does_not_wait_for_ever(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    wait = asyncio.wait

    async def soon(what: list[asyncio.Future[Any]], timeout: float | None = None) -> Any:
        waited.append(timeout)
        return await wait(what, timeout=0.01)

    monkeypatch.setattr(asyncio, "wait", soon)
    logs, output, _ = await start(awslogs_multiline_pattern="^START", **{"awslogs-force-flush-interval-seconds": "3"})
    output.put(Record(b"START alone"))
    while not output.acknowledged:
        await asyncio.sleep(0.005)
    assert logs.events == ["START alone\n"] and set(waited) == {3.0}


async def test_a_stream_of_ones_own_is_not_made(start: Start) -> None:
    """``awslogs-create-stream`` says no: what is not there is waited for."""
    logs, output, task = await start(awslogs_create_stream="false")
    output.put(Record(b"one"))
    output.end()
    await task
    assert logs.streams == set() and logs.events == ["one"]


async def test_a_writer_that_never_pauses_is_not_stopped(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is always held then, but what waits unacknowledged stays bounded."""
    monkeypatch.setattr(awslogs, "MOST_UNACKNOWLEDGED", 1000)
    _, output, task = await start(awslogs_multiline_pattern="^START")
    for _ in range(30):
        output.put(Record(b"START " + b"x" * 94))
    output.end()
    await asyncio.wait_for(task, 10)
    assert output.acknowledged == 30


def texts(assembler: Assembler, *records: Record) -> list[str]:
    return [text for _, text in assembler.add(records)] + [text for _, text in assembler.flush()]


def test_pieces_of_both_streams_are_joined_apart() -> None:
    pieces = [Record(b"out-1 ", partial=True), Record(b"err-1 ", "stderr", partial=True)]
    found = texts(Assembler(None), *pieces, Record(b"out-2"), Record(b"err-2", "stderr"))
    assert found == ["out-1 out-2", "err-1 err-2"]


@given(st.lists(st.tuples(st.sampled_from(["a", "é", "日", "😀"]), st.integers(1, 120_000)), min_size=1, max_size=3))
def test_long_lines_are_cut_between_characters(parts: list[tuple[str, int]]) -> None:
    line = "".join(char * count for char, count in parts)
    found = texts(Assembler(None), Record(line.encode()))
    assert "".join(found) == line
    assert all(0 < len(text.encode()) <= MAX_EVENT for text in found)


def test_endless_lines_do_not_gather() -> None:
    assembler = Assembler(None)
    given_ = sum(len(text) for _ in range(100) for _, text in assembler.add([Record(b"x" * 16_384, partial=True)]))
    assert given_ > 100 * 16_384 - MAX_EVENT - 16_384
