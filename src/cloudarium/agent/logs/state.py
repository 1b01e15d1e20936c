"""How far each file has been sent, kept across the agent's death.

A position is written (to another name, fsync, rename, fsync of the folder) after AWS took the events before it, never
earlier. An agent that is killed at any point therefore loses nothing, and sends at most the batches again that were on
their way. A state that cannot be read is put aside and said to be so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from cloudarium.agent.logs.rotation import Head, Identity


class Position(NamedTuple):
    """How far a file has been sent. ``proof`` are bytes before the offset, which a copy of the file has too."""

    path: str
    identity: Identity
    offset: int
    head: Head | None
    proof: Head | None = None


class States:
    """Positions per source: one file for each of them in a folder, or one file for all."""

    def __init__(self, path: str, report: Callable[[str], None], *, single: bool = False) -> None:
        self._path = path
        self._single = single
        self._report = report
        self._all: dict[str, Any] = self._read(path) if single else {}
        if not single:
            os.makedirs(path, exist_ok=True)

    def load(self, key: str) -> list[Position]:
        """The positions of a source, none if it is new."""
        held = self._all.get(key, []) if self._single else self._read(self._file(key)).get("files", [])
        try:
            return [_position(each) for each in held]
        except (KeyError, TypeError, ValueError):
            self._report(f"the state of {key} is not understood; its files are read anew")
            return []

    def save(self, key: str, positions: list[Position]) -> None:
        """Make positions durable. Raises OSError."""
        records = [_record(each) for each in positions]
        if self._single:
            self._all[key] = records
            _write(self._path, self._all)
        else:
            _write(self._file(key), {"source": key, "files": records})

    def _file(self, key: str) -> str:
        name = "".join(character if character.isalnum() or character in "._-" else "_" for character in key)
        return os.path.join(self._path, f"{name[:150]}.{hashlib.sha256(key.encode()).hexdigest()[:12]}")

    def _read(self, path: str) -> dict[str, Any]:
        try:
            with open(path, encoding="utf-8") as file:
                held = json.load(file)
            if isinstance(held, dict):
                return held
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            pass
        self._report(f"the state file {path} is not understood; it is kept as {path}.unreadable")
        os.replace(path, path + ".unreadable")
        return {}


def _position(record: dict[str, Any]) -> Position:
    return Position(
        str(record["path"]),
        Identity(int(record["device"]), int(record["inode"])),
        int(record["offset"]),
        _head(record["head"]),
        _head(record.get("proof")),
    )


def _head(listed: Any) -> Head | None:
    return Head(int(listed[0]), int(listed[1]), str(listed[2])) if listed else None


def _record(position: Position) -> dict[str, Any]:
    return {
        "path": position.path,
        "device": position.identity.device,
        "inode": position.identity.inode,
        "offset": position.offset,
        "head": list(position.head) if position.head else None,
        "proof": list(position.proof) if position.proof else None,
    }


def _write(path: str, value: dict[str, Any]) -> None:
    new = path + ".new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
