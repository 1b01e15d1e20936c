"""Output on its way: frames on disk, lines from frames."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.compute.runc.reader import Reader
from cloudarium.substrate.compute.runc.shim.spool import PIECE, Spool


def spool(folder: Path, limit: int = 1 << 20, lossy: bool = False) -> Spool:
    return Spool(os.open(folder, os.O_RDONLY), limit, lossy)


def everything(reader: Reader) -> list[tuple[str, bytes, bool]]:
    found = []
    while batch := reader.read():
        found += [(record.stream, record.data, record.partial) for record in batch]
    return found


def test_lines_and_the_unfinished_last(tmp_path: Path) -> None:
    writer, reader = spool(tmp_path), Reader(tmp_path)
    assert reader.read() == []
    writer.add(1, b"one\ntw", 1.0)
    writer.add(2, b"error\n", 2.0)
    assert everything(reader) == [("stdout", b"one", False), ("stderr", b"error", False)]
    writer.add(1, b"o\n\n", 3.0)
    writer.add(1, b"end", 4.0)
    writer.finish(5.0)
    assert everything(reader) == [("stdout", b"two", False), ("stdout", b"", False), ("stdout", b"end", False)]
    assert reader.ended


@given(st.lists(st.binary(max_size=3 * PIECE // 2), max_size=8), st.integers(1, 5000))
def test_no_byte_is_lost_however_it_is_cut(parts: list[bytes], size: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = spool(folder)
        data = b"\n".join(parts)
        for start in range(0, len(data), size):
            writer.add(1, data[start : start + size], 0.0)
        writer.finish(0.0)
        records = everything(Reader(folder))
        assert all(len(text) <= PIECE for _, text, _ in records)
        assert all(len(text) == PIECE for _, text, partial in records if partial)
        whole = b"".join(text + (b"" if partial else b"\n") for _, text, partial in records)
        assert whole in (data, data + b"\n")


def test_acknowledged_is_deleted_and_does_not_come_again(tmp_path: Path) -> None:
    writer, reader = spool(tmp_path, limit=1 << 18), Reader(tmp_path)
    for number in range(3):
        writer.add(1, b"%d" % number * 70_000 + b"\n", 0.0)
    assert writer.full is False
    first = reader.read()
    assert first
    reader.ack()
    again = Reader(tmp_path)
    assert everything(again)[0][1][:1] == b"1"
    again.ack()
    assert len([path for path in tmp_path.iterdir() if path.name.isdigit()]) == 1
    assert everything(Reader(tmp_path)) == []


def test_full_until_acknowledged(tmp_path: Path) -> None:
    writer, reader = spool(tmp_path, limit=1 << 18), Reader(tmp_path)
    while not writer.full:
        writer.add(1, b"x" * 999 + b"\n", 0.0)
    assert len(everything(reader)) >= 250
    reader.ack()
    writer.acknowledge((reader.position[0], reader.position[1]))
    assert not writer.full


def test_lossy_drops_the_oldest_and_counts(tmp_path: Path) -> None:
    writer = spool(tmp_path, limit=1 << 18, lossy=True)
    for number in range(4000):
        writer.add(1, b"%0999d\n" % number, 0.0)
    assert not writer.full
    reader = Reader(tmp_path)
    numbers = [int(text) for _, text, _ in everything(reader)]
    assert numbers == list(range(numbers[0], 4000)) and 100 < len(numbers) < 400
    assert reader.dropped >= numbers[0] * 1000


def test_a_frame_cut_off_by_death_is_not_there(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.add(1, b"whole\n", 0.0)
    (segment,) = tmp_path.iterdir()
    with segment.open("ab") as file:
        file.write(b"\xff\x00\x00\x00 half a frame")
    reader = Reader(tmp_path)
    assert everything(reader) == [("stdout", b"whole", False)]
    assert not reader.ended


def test_goes_on_in_the_next_segment_after_a_restart(tmp_path: Path) -> None:
    spool(tmp_path).add(1, b"before\n", 0.0)
    reader = Reader(tmp_path)
    assert everything(reader) == [("stdout", b"before", False)]
    spool(tmp_path).add(1, b"after\n", 0.0)
    assert everything(reader) == [("stdout", b"after", False)]
