"""Events on disk: order, sealing, damage, retention, addresses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.logs.storage import LogStorage
from cloudarium.services.logs.storage import group as group_module
from cloudarium.services.logs.storage import segment as segment_module
from cloudarium.services.logs.storage.batch import Batch
from cloudarium.services.logs.storage.wal import Wal

GROUP = "abc123"


class Store:
    """A storage whose background work can be waited for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tasks: set[asyncio.Task[None]] = set()
        self.storage = LogStorage(root, self._spawn)

    def _spawn(self, work, name):  # type: ignore[no-untyped-def]
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def settle(self) -> None:
        while self.tasks:
            await asyncio.gather(*self.tasks)

    def reopen(self) -> None:
        """As after ``kill -9``: nothing was closed, nothing flushed."""
        self.storage = LogStorage(self.root, self._spawn)

    def stream(self, name: str) -> int:
        self.storage.catalog.create(GROUP, name, 0)
        found = self.storage.catalog.id_of(GROUP, name)
        assert found is not None
        return found

    def texts(self, **how) -> list[str]:  # type: ignore[no-untyped-def]
        return [m.decode(errors="replace") for batch in self.storage.scan(GROUP, **how) for m in batch.messages()]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(tmp_path)
    yield made
    await made.settle()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 2 KiB and blocks of some events, so that a few hundred events make many of both."""
    monkeypatch.setattr(group_module, "SEAL_BYTES", 2048)
    monkeypatch.setattr(segment_module, "BLOCK_EVENTS", 16)


async def test_events_come_back_in_order_of_time_and_arrival(store: Store) -> None:
    a, b = store.stream("a"), store.stream("b")
    store.storage.append(GROUP, a, 9, [10, 30], [b"one", b"three"])
    store.storage.append(GROUP, b, 9, [20, 30], [b"two", b"three too"])
    assert store.texts() == ["one", "two", "three", "three too"]
    assert store.texts(streams=[b]) == ["two", "three too"]
    assert store.texts(start=20, end=29) == ["two"]
    newest = [batch.messages() for batch in store.storage.scan(GROUP, newest_first=True)]
    assert [m for batch in newest for m in batch][-1] == b"three too"


async def test_every_event_is_found_once_however_files_overlap(store: Store, small: None) -> None:
    """Against a plain sorted list, with several streams whose batches overlap in time, sealed and not."""
    random.seed(7)
    streams, expected = [store.stream(name) for name in "abc"], []
    for number in range(300):
        start = random.randrange(1000)
        times = sorted(start + random.randrange(100) for _ in range(random.randrange(1, 9)))
        stream = random.choice(streams)
        seq = store.storage.append(GROUP, stream, number, times, [f"{number}/{t}".encode() for t in times])
        expected += [(t, seq + i, stream) for i, t in enumerate(times)]
        await asyncio.sleep(0)
    await store.settle()
    assert len(store.storage.segments(GROUP)) > 5

    def found(batches: list[Batch]) -> list[tuple[int, int, int]]:
        return [row for b in batches for row in zip(b.times, b.seqs, b.streams, strict=True)]

    assert found(list(store.storage.scan(GROUP))) == sorted(expected)
    for start, end, streams_ in ((200, 300, None), (0, 2000, [streams[1]]), (500, 500, streams[:2])):
        wanted = [e for e in sorted(expected) if start <= e[0] <= end and (streams_ is None or e[2] in streams_)]
        assert found(list(store.storage.scan(GROUP, start, end, streams_))) == wanted
        backwards = found(list(store.storage.scan(GROUP, start, end, streams_, newest_first=True))[::-1])
        assert backwards == wanted
    since = [seq for batch in store.storage.since(GROUP, 400) for seq in batch.seqs]
    assert since == list(range(400, len(expected)))
    store.reopen()
    assert found(list(store.storage.scan(GROUP))) == sorted(expected)
    assert store.storage.next(GROUP) == len(expected)


async def test_a_frame_cut_off_is_cut_away_and_nothing_else(store: Store) -> None:
    stream = store.stream("a")
    store.storage.append(GROUP, stream, 1, [1, 2], [b"kept", b"kept too"])
    (path,) = (store.root / GROUP).glob("*.wal")
    whole = path.stat().st_size
    store.storage.append(GROUP, stream, 1, [3], [b"torn"])
    for size in range(whole + 1, path.stat().st_size, 7):
        data = path.read_bytes()
        path.write_bytes(data[:size])
        store.reopen()
        assert store.texts() == ["kept", "kept too"]
        assert path.stat().st_size == whole
        assert store.storage.append(GROUP, stream, 1, [4], [b"next"]) == 2
        assert store.texts() == ["kept", "kept too", "next"]
        path.write_bytes(data)


async def test_a_segment_half_written_does_not_count(store: Store, small: None) -> None:
    stream = store.stream("a")
    for number in range(100):
        store.storage.append(GROUP, stream, 1, [number], [b"x" * 50])
    await store.settle()
    before = store.texts()
    (store.root / GROUP / "00000000000000ff.tmp").write_bytes(b"half")
    # Both there: the crash came between the new file and the removal of the old one, and before the streams' times
    # had been written.
    sealed = store.storage.segments(GROUP)[0]
    late = Wal(sealed.with_suffix(".wal"))
    late.append(stream, 77, [0, 5000], [b"a", b"b"])
    store.reopen()
    assert store.texts() == before
    assert not list((store.root / GROUP).glob("*.tmp"))
    assert not sealed.with_suffix(".wal").exists()
    row = store.storage.catalog.find(GROUP, "a")
    assert row is not None and (row.last, row.ingested) == (5000, 77)


async def test_damage_within_a_growing_file_costs_only_what_is_damaged(store: Store) -> None:
    a = store.stream("a")
    texts = [b"zero", b"one", b"two", b"three"]
    sizes = [0]
    path = store.root / GROUP / f"{0:016x}.wal"
    for number, text in enumerate(texts):
        store.storage.append(GROUP, a, 9, [number], [text])
        sizes.append(path.stat().st_size)
    # What a client sent may look like a frame.
    store.storage.append(GROUP, a, 9, [4], [path.read_bytes()[sizes[1] : sizes[2]] + b"x" * 99])
    data = bytearray(path.read_bytes())
    data[sizes[1] + 60] ^= 0xFF
    path.write_bytes(data)
    store.reopen()
    assert store.texts()[:3] == ["zero", "two", "three"]
    assert store.storage.append(GROUP, a, 9, [5], [b"after"]) == 5
    data = bytearray(path.read_bytes())
    data[0:4] = b"none"
    path.write_bytes(data)
    store.reopen()
    assert [text for text in store.texts() if "CWLF" not in text] == ["two", "three", "after"]
    assert [seq for batch in store.storage.since(GROUP, 3) for seq in batch.seqs] == [3, 4, 5]
    # Cut off in the middle of the frame that holds another one.
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"CWLF", whole.index(b"three")) + 170])
    store.reopen()
    assert store.texts() == ["two", "three"]


async def test_a_damaged_segment_costs_only_its_damaged_blocks(store: Store, small: None) -> None:
    a = store.stream("a")
    for number in range(200):
        store.storage.append(GROUP, a, 9, [number], [f"event {number}".encode()])
    await store.settle()
    first, second, *_ = sorted((store.root / GROUP).glob("*.seg"))
    block = segment_module.Segment(first).index.blocks[0]
    for path, at in ((first, block.offset + block.columns + 12), (second, -30)):
        data = bytearray(path.read_bytes())
        data[at] ^= 0xFF
        path.write_bytes(data)
    store.reopen()
    lost = {*range(block.count), *range(int(second.stem, 16), int(sorted((store.root / GROUP).glob("*"))[2].stem, 16))}
    assert store.texts() == [f"event {number}" for number in range(200) if number not in lost]
    assert [seq for batch in store.storage.since(GROUP, 3) for seq in batch.seqs] == sorted(set(range(200)) - lost)
    assert store.storage.append(GROUP, a, 9, [300], [b"after"]) == 200


async def test_closing_while_a_file_is_sealed_loses_nothing(store: Store, small: None) -> None:
    stream = store.stream("a")
    for number in range(40):
        store.storage.append(GROUP, stream, 1, [number], [b"x" * 50])
    await asyncio.sleep(0)
    store.storage.close()
    await store.settle()
    store.reopen()
    assert [t for batch in store.storage.scan(GROUP) for t in batch.times] == list(range(40))


async def test_streams_times_survive_without_being_written(store: Store) -> None:
    stream = store.stream("a")
    store.storage.append(GROUP, stream, 55, [10, 20], [b"a", b"b"])
    store.reopen()
    store.storage.next(GROUP)
    row = store.storage.catalog.find(GROUP, "a")
    assert row is not None and (row.first, row.last, row.ingested) == (10, 20, 55)


async def test_retention_drops_whole_files(store: Store, small: None) -> None:
    stream = store.stream("a")
    for number in range(400):
        store.storage.append(GROUP, stream, 1, [number], [b"x" * 50])
    await store.settle()
    before = store.storage.stored(GROUP)
    assert store.storage.expire(GROUP, 300) > 0
    assert store.storage.stored(GROUP) < before
    left = [t for batch in store.storage.scan(GROUP) for t in batch.times]
    assert left[-100:] == list(range(300, 400))
    assert store.storage.expire(GROUP, 1000) > 0
    assert store.texts() == []
    # Numbers go on: an address is never given twice.
    assert store.storage.append(GROUP, stream, 1, [2000], [b"new"]) == 400


async def test_a_removed_group_leaves_nothing(store: Store) -> None:
    store.storage.append(GROUP, store.stream("a"), 1, [1], [b"x"])
    store.storage.remove(GROUP)
    assert store.storage.catalog.count(GROUP) == 0
    assert not (store.root / GROUP).exists()
    store.storage.catalog.create("orphan", "s", 1)
    (store.root / "orphan").mkdir()
    store.storage.sweep({"other"})
    assert store.storage.catalog.groups() == []
    assert not (store.root / "orphan").exists()


async def test_what_events_belong_to_is_noted_when_it_changes(store: Store) -> None:
    one, other = store.stream("a"), store.stream("b")
    said = [(one, None), (one, "X"), (one, "X"), (other, "Y"), (one, None), (one, None), (one, "X"), (one, "Z")]
    for number, (stream, entity) in enumerate(said):
        store.storage.append(GROUP, stream, 1, [number], [b"x"], entity)
        if number in (2, 5):
            store.reopen()
    expected = {one: [(1, "X"), (4, None), (6, "X"), (7, "Z")], other: [(3, "Y")]}
    assert store.storage.catalog.entities.of_group(GROUP) == expected
    store.storage.catalog.delete(GROUP, "b")
    again = store.stream("b")
    store.storage.append(GROUP, again, 1, [9], [b"x"])
    assert store.storage.catalog.entities.of_group(GROUP) == {one: expected[one]}
    store.storage.remove(GROUP)
    store.storage.catalog.create(GROUP, "a", 0)
    assert store.storage.catalog.entities.of_group(GROUP) == {}


async def test_a_disk_that_takes_no_entity_takes_no_event(store: Store) -> None:
    stream = store.stream("a")
    store.storage.catalog._db.execute("PRAGMA query_only = ON")
    with pytest.raises(OSError, match="readonly"):
        store.storage.append(GROUP, stream, 1, [1], [b"x"], "X")
    assert store.texts() == []
    store.storage.catalog._db.execute("PRAGMA query_only = OFF")
    store.storage.append(GROUP, stream, 1, [1], [b"y"], "X")
    assert store.texts() == ["y"] and store.storage.catalog.entities.of_group(GROUP) == {stream: [(0, "X")]}


async def test_a_full_disk_keeps_nobody_from_reading(store: Store) -> None:
    a = store.stream("a")
    store.storage.append(GROUP, a, 1, [1], [b"x"])
    catalog = store.storage.catalog
    catalog.flush()
    store.storage.append(GROUP, a, 3, [2], [b"y"])
    catalog._db.execute("PRAGMA query_only = ON")
    row = catalog.find(GROUP, "a")
    assert row is not None and row[3:] == (1, 2, 3)
    assert catalog.by_name(GROUP) == catalog.by_last(GROUP) == [row] and store.texts() == ["x", "y"]
    for writing in (lambda: catalog.create(GROUP, "b", 0), lambda: catalog.delete(GROUP, "a"), catalog.flush):
        with pytest.raises(OSError, match="readonly"):
            writing()
    with pytest.raises(OSError, match="readonly"):
        store.storage.remove(GROUP)
    assert not (store.root / GROUP).exists(), "what takes room is gone"
    catalog._db.execute("PRAGMA query_only = OFF")
    catalog.flush()
    assert catalog.find(GROUP, "a") == row


async def test_streams_are_listed_by_name_and_by_last_event(store: Store) -> None:
    for number, name in enumerate(("b", "a/2", "a/1", "c")):
        stream = store.stream(name)
        if name != "c":
            store.storage.append(GROUP, stream, 1, [100 - number], [b"x"])
    catalog = store.storage.catalog
    assert [row.name for row in catalog.by_name(GROUP, prefix="a/")] == ["a/1", "a/2"]
    assert [row.name for row in catalog.by_name(GROUP, after="a/2", limit=1)] == ["b"]
    assert [row.name for row in catalog.by_name(GROUP, descending=True)] == ["c", "b", "a/2", "a/1"]
    assert [row.name for row in catalog.by_last(GROUP)] == ["c", "a/1", "a/2", "b"]
    assert [row.name for row in catalog.by_last(GROUP, after=(99, "a/2"), descending=True)] == ["a/1", "c"]
    assert not catalog.create(GROUP, "b", 1)
    assert catalog.delete(GROUP, "b") is not None
    assert catalog.id_of(GROUP, "b") is None


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=400))
def test_any_file_can_be_opened_as_a_growing_end(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("wal") / "0000000000000000.wal"
    path.write_bytes(data)
    wal = Wal(path)
    assert len(wal.frames) == 0
    wal.append(1, 1, [5], [b"after"])
    assert Wal(path).load([0]).messages() == [b"after"]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudarium.services.logs.storage import wal as wal_module

    wal = wal_module.Wal(tmp_path / "0000000000000000.wal")
    wal.append(1, 1, [5], [b"first"])
    real = wal_module.os.pwrite

    def half(fd: int, data: bytes, at: int) -> int:
        if len(data) > 40:
            return real(fd, data[:40], at)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wal_module.os, "pwrite", half)
    with pytest.raises(OSError, match="No space"):
        wal.append(1, 1, [6], [b"second"])
    monkeypatch.undo()
    wal.append(1, 1, [7], [b"third"])
    assert wal_module.Wal(wal.path).load([0, 1]).messages() == [b"first", b"third"]
