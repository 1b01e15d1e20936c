import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudarium.kernel.store import Record, Scope, Store

HERE = Scope("000000000000", "us-east-1")
THERE = Scope("111111111111", "eu-west-1")


class Thing(Record, frozen=True, kw_only=True):
    TABLE = "test.things"
    KEY = "id"
    INDEXES = ("owner", "tags")

    id: str
    owner: str = ""
    tags: tuple[str, ...] = ()


class NewThing(Record, frozen=True, kw_only=True):
    TABLE = "test.things"
    KEY = "id"
    VERSION = 2

    id: str
    proprietor: str

    @classmethod
    def migrate(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        return {"id": fields["id"], "proprietor": fields["owner"]}


async def test_scopes_are_apart_and_order_is_kept(tmp_path: Path) -> None:
    things = Store(tmp_path / "s").table(Thing)
    for name in ("b", "a", "c"):
        things.put(HERE, Thing(id=name))
    things.put(THERE, Thing(id="x"))
    assert [t.id for t in things.all(HERE)] == ["b", "a", "c"]
    assert things.get(THERE, "a") is None
    assert things.count(THERE) == 1


async def test_indexes_follow_changes() -> None:
    things = Store(None).table(Thing)
    things.put(HERE, Thing(id="1", owner="ann", tags=("red", "big")))
    things.put(HERE, Thing(id="2", owner="ann"))
    assert [t.id for t in things.find(HERE, "owner", "ann")] == ["1", "2"]
    things.put(HERE, Thing(id="1", owner="bob", tags=("big",)))
    assert [t.id for t in things.find(HERE, "owner", "ann")] == ["2"]
    assert [t.id for t in things.find(HERE, "tags", "big")] == ["1"]
    assert things.find(HERE, "tags", "red") == []
    things.delete(HERE, "1")
    assert things.find(HERE, "owner", "bob") == []


async def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    things = store.table(Thing)
    things.put(HERE, Thing(id="old", owner="ann"))
    with pytest.raises(RuntimeError):
        async with store.transaction():
            things.put(HERE, Thing(id="new"))
            things.put(HERE, Thing(id="old", owner="bob"))
            things.delete(HERE, "old")
            raise RuntimeError
    assert [(t.id, t.owner) for t in things.all(HERE)] == [("old", "ann")]
    assert things.find(HERE, "owner", "bob") == []
    store.close()
    assert [t.id for t in Store(tmp_path / "s").table(Thing).all(HERE)] == ["old"]


async def test_watchers_hear_of_committed_changes_only() -> None:
    store = Store(None)
    things = store.table(Thing)
    heard: list[tuple[str, bool, bool]] = []
    things.watch(lambda scope, key, old, new: heard.append((key, old is None, new is None)))
    with pytest.raises(RuntimeError):
        async with store.transaction():
            things.put(HERE, Thing(id="lost"))
            raise RuntimeError
    async with store.transaction():
        things.put(HERE, Thing(id="1"))
        assert heard == []
    things.delete(HERE, "1")
    assert heard == [("1", True, False), ("1", False, True)]


async def test_a_task_that_outlives_its_transaction_writes_on_its_own() -> None:
    store = Store(None)
    things = store.table(Thing)
    gate = asyncio.Event()

    async def late() -> None:
        await gate.wait()
        things.put(HERE, Thing(id="late"))

    async with store.transaction():
        task = asyncio.create_task(late())
    gate.set()
    await task
    assert things.get(HERE, "late") is not None


async def test_older_rows_are_lifted(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.table(Thing).put(HERE, Thing(id="1", owner="ann"))
    store.close()
    assert Store(tmp_path / "s").table(NewThing).get(HERE, "1") == NewThing(id="1", proprietor="ann")


async def test_what_was_answered_survives_kill(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_store import HERE, Store, Thing
async def main():
    store = Store(Path({str(tmp_path / "s")!r}))
    for n in range(1_000_000):
        async with store.transaction():
            store.table(Thing).put(HERE, Thing(id=str(n)))
            store.append("j", HERE, float(n), "k", b"x")
        print(n, flush=True)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(50):
            answered = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        answered = max([answered, *(int(line) for line in child.stdout.read().split(b"\n")[:-1])])
    store = Store(tmp_path / "s")
    things = store.table(Thing)
    assert all(things.get(HERE, str(n)) is not None for n in range(answered + 1))
    assert len(store.read("j", HERE, limit=10_000_000)) > answered


async def test_a_disk_that_refuses_is_told_and_nothing_is_lost_when_it_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "s")
    things = store.table(Thing)
    commit = store._disk.commit

    def refuse(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store._disk, "commit", refuse)
    with pytest.raises(OSError, match="disk is full"):
        async with store.transaction():
            things.put(HERE, Thing(id="1"))
    monkeypatch.setattr(store._disk, "commit", commit)
    async with store.transaction():
        things.put(HERE, Thing(id="2"))
    store.close()
    assert [t.id for t in Store(tmp_path / "s").table(Thing).all(HERE)] == ["1", "2"]


async def test_journals_read_newest_first_by_time_and_key_and_are_trimmed() -> None:
    store = Store(None)
    for n in range(10):
        store.append("j", HERE, float(n), "even" if n % 2 == 0 else "odd", str(n).encode())
    store.append("j", THERE, 5.0, "odd", b"there")
    read = [line.data for line in store.read("j", HERE, start=2.0, end=8.0, key="even", limit=3)]
    assert read == [b"8", b"6", b"4"]
    page = store.read("j", HERE, limit=2)
    assert [line.data for line in store.read("j", HERE, before_id=page[-1].id, limit=2)] == [b"7", b"6"]
    store.trim("j", keep=4)
    assert [line.data for line in store.read("j", HERE)] == [b"9", b"8", b"7"]


async def test_a_checkpoint_shrinks_the_log(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for n in range(40):
        store.append("j", HERE, 0.0, "k", bytes(600_000))
        await store.durable()
        await asyncio.sleep(0.005 if n % 4 == 0 else 0)
    for _ in range(400):
        if not store._disk.checkpointing:
            break
        await asyncio.sleep(0.01)
    size = (tmp_path / "s-wal").stat().st_size
    for _ in range(10):
        store.append("j", HERE, 0.0, "k", bytes(100_000))
        await store.durable()
    assert (tmp_path / "s-wal").stat().st_size < size + 20_000_000
    store.close()
