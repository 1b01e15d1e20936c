"""A sealed file: events sorted by time, in compressed blocks, with an index at the end."""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudarium.services.logs.storage.batch import Batch

log = logging.getLogger(__name__)

BLOCK_BYTES = 512 * 1024
BLOCK_EVENTS = 8_192
_MAGIC = b"CWLSEG1\n"
_LISTED_STREAMS = 16
"""A block with more streams than this does not list them."""


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Where a block is and what is in it."""

    offset: int
    columns: int
    texts: int
    count: int
    first: int
    last: int
    streams: tuple[int, ...]


class Index(msgspec.Struct, frozen=True, array_like=True):
    """What a segment holds: sequence numbers ``base`` to ``end`` (exclusive), times, blocks. ``size``: of messages."""

    base: int
    end: int
    first: int
    last: int
    size: int
    blocks: tuple[Block, ...]


class Segment:
    """One ``.seg`` file."""

    __slots__ = ("damaged", "index", "path", "stored")

    def __init__(self, path: Path) -> None:
        """Read the index; raises ``ValueError`` for a file that is none of ours or not whole."""
        import zstandard

        self.path = path
        self.damaged: set[int] = set()
        """Where blocks begin that could not be read: said once."""
        with path.open("rb") as file:
            self.stored = file.seek(0, os.SEEK_END)
            if self.stored < 2 * len(_MAGIC) + 4:
                raise ValueError(f"{path} is too short")
            file.seek(self.stored - len(_MAGIC) - 4)
            tail = file.read()
            length = int.from_bytes(tail[:4], "little")
            if tail[4:] != _MAGIC or length > self.stored - 2 * len(_MAGIC) - 4:
                raise ValueError(f"{path} is not a whole segment")
            file.seek(self.stored - len(_MAGIC) - 4 - length)
            packed = file.read(length)
        try:
            self.index = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=Index)
        except zstandard.ZstdError as error:
            raise ValueError(f"the index of {path} is damaged: {error}") from error

    def blocks(self, start: int, end: int, streams: frozenset[int] | None) -> Iterator[Block]:
        """Blocks that may have events between two times (inclusive) of some streams."""
        for block in self.index.blocks:
            listed = block.streams
            wanted = streams is None or not listed or not streams.isdisjoint(listed)
            if block.first <= end and block.last >= start and wanted:
                yield block

    def load(self, block: Block) -> Batch | None:
        """Read and unpack one block; None once the segment is gone, or when something has damaged the block."""
        import zstandard

        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            data = os.pread(fd, block.columns + block.texts, block.offset)
        finally:
            os.close(fd)
        try:
            return self._unpacked(data, block)
        except (zstandard.ZstdError, ValueError) as error:
            if block.offset not in self.damaged:
                self.damaged.add(block.offset)
                log.error("%d log events cannot be read and are left out: %s is damaged: %s",
                          block.count, self.path, error)  # fmt: skip
            return None

    def _unpacked(self, data: bytes, block: Block) -> Batch:
        import zstandard

        unpack = zstandard.ZstdDecompressor().decompress
        columns = memoryview(unpack(data[: block.columns]))
        count = block.count
        if len(columns) != 36 * count + 4:
            raise ValueError("columns of the wrong length")
        longs = []
        for position in range(4):
            column = array("q")
            column.frombytes(columns[position * 8 * count : (position + 1) * 8 * count])
            longs.append(column)
        offsets = array("i")
        offsets.frombytes(columns[32 * count :])
        return Batch(longs[0], longs[1], longs[2], longs[3], offsets, unpack(data[block.columns :]))


def write(path: Path, events: Batch, end: int) -> None:
    """Write sorted events as a segment; the file has its name only once it is whole. ``end``: next sequence number."""
    import zstandard

    pack = zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=True).compress
    temporary = path.with_suffix(".tmp")
    blocks: list[Block] = []
    with temporary.open("wb") as file:
        file.write(_MAGIC)
        at = len(_MAGIC)
        for start, stop in _cuts(events):
            part = events.cut(start, stop)
            columns = pack(
                b"".join([c.tobytes() for c in (part.times, part.ingested, part.streams, part.seqs, part.offsets)])
            )
            texts = pack(part.blob)
            streams = set(part.streams)
            listed = tuple(sorted(streams)) if len(streams) <= _LISTED_STREAMS else ()
            blocks.append(Block(at, len(columns), len(texts), len(part), part.times[0], part.times[-1], listed))
            file.write(columns)
            file.write(texts)
            at += len(columns) + len(texts)
        index = Index(
            int(path.stem, 16), end, events.times[0], events.times[-1], len(events.blob), tuple(blocks)
        )  # fmt: skip
        packed = pack(msgspec.msgpack.encode(index))
        file.write(packed + len(packed).to_bytes(4, "little") + _MAGIC)
    os.rename(temporary, path)


def _cuts(events: Batch) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end."""
    offsets, total, start = events.offsets, len(events), 0
    while start < total:
        stop = min(start + BLOCK_EVENTS, total)
        while stop - start > 1 and offsets[stop] - offsets[start] > BLOCK_BYTES:
            stop = start + (stop - start) // 2
        yield start, stop
        start = stop
