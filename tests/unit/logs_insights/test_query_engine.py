"""Queries of a cloud: what is scheduled, stopped, limited, taken up again, and what is read from where."""

from __future__ import annotations

import asyncio
import base64
import gc
import threading
from array import array
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from cloudarium.gateway.audit import Audit
from cloudarium.gateway.dispatch import Dispatcher
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope, Store
from cloudarium.services import logs
from cloudarium.services.logs.insights import arrow, engine, execution
from cloudarium.services.logs.insights.compile import pipeline
from cloudarium.services.logs.insights.engine import queries
from cloudarium.services.logs.insights.records import QueryRun
from cloudarium.services.logs.start import running
from cloudarium.services.logs.storage import group as group_module

SCOPE = Scope("111122223333", "us-east-1")


def opened(folder: Path) -> Cloud:
    clock, store = Clock(), Store(folder / "cloud.db")
    made = Cloud(clock=clock, store=store, port=1)
    made.services["logs"] = logs.SERVICE
    made.dispatch = Dispatcher(made, Audit(clock, store), None).call  # type: ignore[arg-type]
    return made


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = opened(tmp_path)
    yield made
    await made.stop_services()
    made.store.close()


def client(cloud: Cloud) -> Any:
    return cloud.aws(SCOPE, root(SCOPE.account)).logs


async def put(cloud: Cloud, *messages: str) -> None:
    aws = client(cloud)
    now = int(cloud.clock.now() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    await aws.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)


async def group(cloud: Cloud) -> None:
    await client(cloud).create_log_group(logGroupName="g")
    await client(cloud).create_log_stream(logGroupName="g", logStreamName="s")


async def start(cloud: Cloud, query: str = "stats count(*) as c") -> str:
    now = int(cloud.clock.now())
    started = await client(cloud).start_query(
        logGroupName="g", startTime=now - 600, endTime=now + 600, queryString=query
    )
    return str(started["queryId"])


async def over(cloud: Cloud, name: str) -> dict[str, Any]:
    while True:
        answer: dict[str, Any] = await client(cloud).get_query_results(queryId=name)
        if answer["status"] not in ("Scheduled", "Running"):
            return answer
        await asyncio.sleep(0.01)


def values(answer: dict[str, Any]) -> list[list[str]]:
    return [[each["value"] for each in row if each["field"] != "@ptr"] for row in answer["results"]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Queries wait before they read anything, until this is set."""
    gate = threading.Event()
    real = execution.Execution._run

    def run(self: execution.Execution, *arguments: Any) -> Any:
        while not gate.wait(0.01):
            self._check()
        return real(self, *arguments)

    monkeypatch.setattr(execution.Execution, "_run", run)
    yield gate
    gate.set()


async def test_what_is_sealed_and_what_is_not(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_module, "SEAL_BYTES", 4_000)
    await group(cloud)
    for number in range(40):
        await put(cloud, *(f"event {number} {place} {'x' * 20}" for place in range(10)))
        await asyncio.sleep(0)
    query = "parse @message 'event * ' as n | stats count(*) as c, min(n) as low, max(n) as high"
    assert values(await over(cloud, await start(cloud, query))) == [["400", "0", "39"]]
    assert list(running(cloud).storage.root.glob("*/*.seg")) and list(running(cloud).storage.root.glob("*/*.wal"))
    await put(cloud, "event 40 now")
    assert values(await over(cloud, await start(cloud, query))) == [["401", "0", "40"]], "seen at once"


async def test_no_more_than_two_at_a_time_and_a_hundred_in_all(cloud: Cloud, held: threading.Event) -> None:
    await group(cloud)
    await put(cloud, "a")
    names = [await start(cloud) for _ in range(100)]
    with pytest.raises(AwsError) as caught:
        await start(cloud)
    assert caught.value.code == "LimitExceededException" and "100" in caught.value.message
    await asyncio.sleep(0.05)
    states = [each["status"] for each in (await client(cloud).describe_queries())["queries"]]
    assert sorted(set(states)) == ["Running", "Scheduled"] and states.count("Running") == 2
    held.set()
    assert {values(await over(cloud, name))[0][0] for name in names[:5]} == {"1"}
    for name in names[5:]:
        if (await client(cloud).get_query_results(queryId=name))["status"] == "Scheduled":
            await client(cloud).stop_query(queryId=name)
    assert (await over(cloud, await start(cloud)))["status"] == "Complete"


async def test_stopping(cloud: Cloud, held: threading.Event) -> None:
    await group(cloud)
    running_one, second, scheduled = [await start(cloud) for _ in range(3)]
    await asyncio.sleep(0.05)
    for name in (running_one, scheduled):
        assert await client(cloud).stop_query(queryId=name) == {"success": True}
        assert (await over(cloud, name))["status"] == "Cancelled"
    held.set()
    assert (await over(cloud, second))["status"] == "Complete"
    assert (await over(cloud, running_one))["status"] == "Cancelled", "and stays so"
    with pytest.raises(AwsError):
        await client(cloud).stop_query(queryId=running_one)
    with pytest.raises(AwsError) as caught:
        await client(cloud).stop_query(queryId="nope")
    assert caught.value.code == "ResourceNotFoundException"


async def test_a_query_ends_after_an_hour(cloud: Cloud, held: threading.Event) -> None:
    await group(cloud)
    name = await start(cloud)
    await asyncio.sleep(0.05)
    await cloud.clock.advance(3_700)
    assert (await over(cloud, name))["status"] == "Timeout"


async def test_a_query_that_a_crash_interrupted_is_run_again(tmp_path: Path, held: threading.Event) -> None:
    before = opened(tmp_path)
    await group(before)
    await put(before, "a", "b")
    done = await start(before)
    held.set()
    await over(before, done)
    held.clear()
    name = await start(before)
    await asyncio.sleep(0.05)
    assert (await client(before).get_query_results(queryId=name))["status"] == "Running"
    before.store.flush()
    # Nothing of what ran is told of the end, as after kill -9.
    await before.stop_services()
    before.store.close()
    held.set()
    after = opened(tmp_path)
    assert values(await over(after, name)) == [["2"]]
    assert values(await over(after, done)) == [["2"]], "results are there as they were"
    assert {path.stem for path in (tmp_path / "logs-insights").glob("*.rows")} == {done, name}
    await after.stop_services()
    after.store.close()


async def test_the_oldest_queries_make_room(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_KEPT", 3)
    await group(cloud)
    names = []
    for _ in range(5):
        names.append(await start(cloud))
        await over(cloud, names[-1])
    described = (await client(cloud).describe_queries())["queries"]
    assert {each["queryId"] for each in described} == set(names[2:])
    assert len(list((running(cloud).storage.root.parent / "logs-insights").glob("*.rows"))) == 3


async def test_a_query_that_fails_says_so(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    await group(cloud)
    await put(cloud, *(f"{'x' * 100}{n}" for n in range(100)))
    monkeypatch.setattr(execution, "LARGEST", 1_000)
    name = await start(cloud, "fields @message")
    assert (await over(cloud, name))["status"] == "Failed"
    assert "larger than" in cloud.store.table(QueryRun).get(SCOPE, name).message  # type: ignore[union-attr]
    assert queries(cloud).active(SCOPE) == 0


async def test_without_duckdb_the_error_says_what_to_install(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    await group(cloud)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(AwsError, match=r"cloudarium\[insights\]"):
        await start(cloud)


def test_columns_are_handed_over_without_copies_and_given_back() -> None:
    def batches() -> Iterator[list[arrow.Column]]:
        for start in range(0, 50, 10):
            texts = [f"t{n}".encode() for n in range(start, start + 10)]
            offsets = array("i", [0])
            for text in texts:
                offsets.append(offsets[-1] + len(text))
            yield [array("q", range(start, start + 10)), arrow.Texts(offsets, b"".join(texts))]

    connection = duckdb.connect(":memory:")
    relation = arrow.Relation([("n", int), ("t", str)], batches)
    connection.register("r", relation)
    held_before = len(arrow._lent)
    for _ in range(3):
        assert connection.execute("SELECT sum(n), max(t) FROM r").fetchall() == [(1225, "t9")]
    connection.close()
    gc.collect()
    assert len(arrow._lent) == held_before


def test_an_error_while_reading_fails_the_statement() -> None:
    def batches() -> Iterator[list[arrow.Column]]:
        yield [array("q", [1])]
        raise OSError("the disk is gone")

    connection = duckdb.connect(":memory:")
    relation = arrow.Relation([("n", int)], batches)
    connection.register("r", relation)
    with pytest.raises(duckdb.Error, match="the disk is gone"):
        connection.execute("SELECT sum(n) FROM r").fetchall()
    connection.close()


async def test_joins_match_no_more_events_than_there_are(cloud: Cloud) -> None:
    await group(cloud)
    await put(cloud, *[f'{{"k": {number % 2}}}' for number in range(10)])
    found = await over(
        cloud, await start(cloud, "join left=a right=b where a.k=b.k (SOURCE 'g') | stats count(*) as c")
    )
    assert values(found) == [["50"]] and found["statistics"]["recordsMatched"] == 10.0


async def test_groups_of_a_query_are_listed(cloud: Cloud, held: threading.Event) -> None:
    aws = client(cloud)
    await group(cloud)
    for name in ("other", "h", "h2"):
        await aws.create_log_group(logGroupName=name)
    query = "filter k in (SOURCE 'other' | fields k) | stats count(*)"
    names = {"g": await start(cloud, query)}
    now = int(cloud.clock.now())
    selecting = "SOURCE logGroups(namePrefix: ['h']) | filterIndex nothing = 'x'"
    started = await aws.start_query(startTime=now - 60, endTime=now, queryString=selecting)
    names["h"] = started["queryId"]

    async def listed(name: str) -> list[str]:
        found = (await aws.list_log_groups_for_query(queryId=names[name]))["logGroupIdentifiers"]
        return [each.removeprefix("arn:aws:logs:us-east-1:111122223333:log-group:") for each in found]

    assert await listed("g") == ["g", "other"]
    assert await listed("h") == ["h", "h2"], "those that were chosen, as long as it has not run"
    held.set()
    for name in names.values():
        await over(cloud, name)
    assert await listed("g") == ["g", "other"]
    assert await listed("h") == [], "in none of them is that field indexed"
    with pytest.raises(AwsError, match="does not exist"):
        await aws.list_log_groups_for_query(queryId="nope")


async def test_tokens_that_are_none_of_ours(cloud: Cloud) -> None:
    aws = client(cloud)
    await group(cloud)
    await put(cloud, "a", "b", "c")
    name = await start(cloud, "fields @message")
    await over(cloud, name)
    first = await aws.get_query_results(queryId=name, maxItems=2)
    mark = msgspec.json.decode(base64.urlsafe_b64decode(first["nextToken"]))[0]
    for place in ("a", -1, None, 1.5, [1], 10**30):
        token = base64.urlsafe_b64encode(msgspec.json.encode([mark, place])).decode()
        with pytest.raises(AwsError, match="nextToken is invalid"):
            await aws.get_query_results(queryId=name, nextToken=token)
    deep = base64.urlsafe_b64encode(b"[" * 5_000).decode()
    for call in (aws.describe_queries, aws.describe_log_groups):
        with pytest.raises(AwsError, match="nextToken is invalid"):
            await call(nextToken=deep)
    second = await aws.get_query_results(queryId=name, nextToken=first["nextToken"], maxItems=2)
    assert len(first["results"]) == 2 and len(second["results"]) == 1 and "nextToken" not in second


async def test_limits(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "DEFAULT_LIMIT", 3)
    await group(cloud)
    await put(cloud, *[str(number) for number in range(10)])
    for query, most in (
        ("fields @message", 3), ("fields @message | limit 8", 8), ("fields @message | limit 2", 2),
        ("limit 8 | filter @message > 0", 3), ("limit any 8", 8),
    ):  # fmt: skip
        assert len((await over(cloud, await start(cloud, query)))["results"]) == most, query
    now = int(cloud.clock.now())
    for limit, query, most in ((5, "limit 8", 5), (9, "limit 8", 8), (6, "fields @message", 6)):
        started = await client(cloud).start_query(
            logGroupName="g", startTime=now - 600, endTime=now + 600, queryString=query, limit=limit
        )
        assert len((await over(cloud, started["queryId"]))["results"]) == most, (limit, query)


async def test_any_events_are_enough(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_module, "SEAL_BYTES", 400_000)
    await group(cloud)
    for part in range(8):
        await put(cloud, *[f"{part} {number} " + "x" * 90 for number in range(5_000)])
    whole = (await over(cloud, await start(cloud, "filter @message like 'x' | limit 5")))["statistics"]
    assert (whole["recordsScanned"], whole["recordsMatched"], whole["resultCount"]) == (40_000.0, 40_000.0, 5.0)
    some = (await over(cloud, await start(cloud, "filter @message like 'x' | limit any 5")))["statistics"]
    assert some["recordsScanned"] < 40_000 and some["recordsMatched"] == some["resultCount"] == 5.0
    # An order needs them all.
    first = await over(cloud, await start(cloud, "sort @message | limit any 1 | display @message"))
    assert values(first)[0][0].startswith("0 0 ") and first["statistics"]["recordsScanned"] == 40_000.0
    counted = await over(cloud, await start(cloud, "limit any 7 | stats count(*) as c"))
    assert values(counted) == [["7"]] and counted["statistics"]["recordsMatched"] == 7.0


async def test_results_are_read_by_the_page(cloud: Cloud) -> None:
    await group(cloud)
    await put(cloud, *["line\nbreak \u2028 " + str(number) for number in range(25)])
    name = await start(cloud, "fields @message | sort @message | limit 100")
    found, token = [], {}
    while True:
        await over(cloud, name)
        page = await client(cloud).get_query_results(queryId=name, maxItems=10, **token)
        found += values(page)
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == [[f"line\nbreak \u2028 {number}"] for number in range(25)]
