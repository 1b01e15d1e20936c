"""The child's memory: an append-only file of every call that changed something.

    entry = length (4 bytes) · CRC-32 (4 bytes) · msgpack map

The first entry is the journal's birth. A tail that was being written when the process died fails its check and is cut
off; its call had not been answered. Nothing is synced to the platter: what a process has written survives the
process, and that is what is promised. Bodies from 64 KiB up are files named by their digest, so that the same object
put a hundred times is stored once.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

_PREFIX = struct.Struct(">II")
_FORMAT = 1
_BLOB_FROM = 64 << 10

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class UnknownFormat(Exception):
    """The journal was written by a version that this one does not understand."""


class Journal:
    """One journal in ``folder`` (made if need be, readable by its owner only)."""

    def __init__(self, folder: Path, now: float) -> None:
        """``now`` (cloud seconds) becomes the birth of a journal that does not exist yet."""
        self._folder = folder
        self._blobs = folder / "blobs"
        for each in (folder, self._blobs):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "journal", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._end = 0
        first = self._read_one()
        if first is None:
            self._file.seek(0)
            self._file.truncate()
            first = {"format": _FORMAT, "birth": now}
            self._write(first)
        if first.get("format") != _FORMAT:
            raise UnknownFormat(f"{folder / 'journal'} has format {first.get('format')!r}, not {_FORMAT}")
        self.birth = float(first["birth"])

    def replay(self) -> Iterator[dict[str, Any]]:
        """Every entry so far, oldest first. Must be read to its end before anything is appended."""
        while (entry := self._read_one()) is not None:
            if (digest := entry.pop("blob", None)) is not None:
                entry["body"] = (self._blobs / digest).read_bytes()
            yield entry
        self._file.seek(self._end)
        self._file.truncate()

    def append(self, entry: dict[str, Any]) -> None:
        """Write one entry; when this returns, it survives the death of this process."""
        body = entry.get("body", b"")
        if len(body) >= _BLOB_FROM:
            entry = {**entry, "blob": self._store(body)}
            del entry["body"]
        self._write(entry)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _store(self, body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        path = self._blobs / digest
        if not path.exists():
            partial = self._blobs / f"{digest}.partial"
            partial.write_bytes(body)
            partial.rename(path)
        return digest

    def _write(self, entry: dict[str, Any]) -> None:
        data = _encode(entry)
        line = memoryview(_PREFIX.pack(len(data), zlib.crc32(data)) + data)
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError:
            # A full disk must not leave half an entry in front of the next one.
            self._file.seek(self._end)
            self._file.truncate()
            raise
        self._end += len(line)

    def _read_one(self) -> dict[str, Any] | None:
        prefix = self._read_exactly(_PREFIX.size)
        if prefix is None:
            return None
        length, check = _PREFIX.unpack(prefix)
        data = self._read_exactly(length)
        if data is None or zlib.crc32(data) != check:
            return None
        self._end += _PREFIX.size + length
        entry = _decode(data)
        return entry if isinstance(entry, dict) else None

    def _read_exactly(self, size: int) -> bytes | None:
        parts: list[bytes] = []
        while size:
            part = self._file.read(min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
