"""Decompressing layers as a stream of bounded pieces, hashed on the way, ahead of whoever consumes them.

A compressed piece may stand for a thousand times its size, so the output is asked for in pieces, never the input
pushed. Decompressing and hashing leave the interpreter's lock, so doing both in a thread lets the unpacking of files
go on beside it.
"""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cloudarium.substrate.images.digests import Hash, new_hash
from cloudarium.substrate.images.errors import CorruptLayer, HostileArchive, ImageError

_PIECE = 1 << 20
_AHEAD = 4
_MAX_WINDOW = 128 << 20
"""Bytes of memory a zstd frame may ask for: what ``zstd --long`` makes needs as much."""

_MAGICS = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"))


def sniff(start: bytes) -> str:
    """``gzip``, ``zstd``, ``bzip2``, ``xz`` or ``none``, by the first bytes."""
    if start[:4].endswith(b"\x2a\x4d\x18") and 0x50 <= start[0] <= 0x5F:
        return "zstd"  # a skippable frame first, as seekable zstd has
    return next((name for magic, name in _MAGICS if start.startswith(magic)), "none")


def pieces(path: Path) -> Iterator[bytes]:
    """The decompressed contents of a file, in pieces. Raises ``CorruptLayer``."""
    with path.open("rb", buffering=0) as file:
        kind = sniff(file.read(8))
        file.seek(0)
        if kind == "gzip":
            yield from _gunzip(file)
        elif kind == "zstd":
            yield from _unzstd(file)
        elif kind == "none":
            while piece := file.read(_PIECE):
                yield piece
        else:
            raise CorruptLayer(f"compression with {kind} is not supported: use gzip or zstd")


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    state = zlib.decompressobj(wbits=31)
    pending = b""
    try:
        while True:
            if not pending and not (pending := file.read(_PIECE)):
                break
            if state.eof:
                pending = pending.lstrip(b"\0")
                if not pending:
                    continue
                state = zlib.decompressobj(wbits=31)
            if piece := state.decompress(pending, _PIECE):
                yield piece
            pending = state.unused_data if state.eof else state.unconsumed_tail
    except zlib.error as error:
        raise CorruptLayer(f"gzip: invalid data ({error})") from error
    if not state.eof:
        raise CorruptLayer("gzip: unexpected end of the data")


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(file, read_across_frames=True)
    try:
        while piece := reader.read(_PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise CorruptLayer(f"zstd: invalid data ({error})") from error


class Pump:
    """Iterates over the decompressed pieces of a file while a thread works ahead. Use as a context manager."""

    def __init__(self, path: Path, algorithm: str, limit: int) -> None:
        """Hashes with ``algorithm``; more than ``limit`` decompressed bytes raise ``HostileArchive``."""
        self._path, self._limit = path, limit
        self._hash: Hash = new_hash(algorithm)
        self._algorithm = algorithm
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="decompress", daemon=True)

    def __enter__(self) -> Pump:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    @property
    def digest(self) -> str:
        """Of everything decompressed; meaningful after the iteration has ended."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def _work(self) -> None:
        total = 0
        try:
            for piece in pieces(self._path):
                total += len(piece)
                if total > self._limit:
                    raise HostileArchive(f"the layer is larger than {self._limit} bytes when unpacked")
                self._hash.update(piece)
                self._queue.put(piece)
                if self._stopped.is_set():
                    return
            self._queue.put(None)
        except (ImageError, OSError, MemoryError) as error:
            self._queue.put(error)
