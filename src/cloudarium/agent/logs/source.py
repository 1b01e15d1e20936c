"""One entry of the configuration: which files it means by now, and the tail of each.

A file that lost its name, or that a newer one of the same pattern follows, is read to its end first and then let go;
of one that was copied and truncated, the copy is.
An agent that starts again looks for the files it knew by their inodes, so that what was written before a rotation in
between is not lost.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from cloudarium.agent.logs.events import Event, compile_pattern
from cloudarium.agent.logs.globs import Glob
from cloudarium.agent.logs.rotation import Change, Head, Identity
from cloudarium.agent.logs.state import Position, States
from cloudarium.agent.logs.tail import Tail

if TYPE_CHECKING:
    from cloudarium.agent.config.plan import FilePlan

_LINGER = 5.0
"""Seconds a superseded file must be quiet: its writer may still have it open."""


class Source:
    """The files of one entry. ``report`` takes what the agent's log should say."""

    def __init__(self, plan: FilePlan, states: States, report: Callable[[str], None], *, older: bool = False) -> None:
        self.plan = plan
        self._states = states
        self._report = report
        self._older = older
        blacklist = compile_pattern(plan.blacklist) if plan.blacklist else None
        self._glob = Glob(plan.path, blacklist)
        self.tails: list[Tail] = []
        self._known = {each.identity: each for each in states.load(plan.key)}
        self._refused: set[str] = set()
        self._from_end = plan.from_end and not self._known
        """Where to begin is said only for files of which nothing is known; later ones are new."""
        self._recover()

    def scan(self, now: datetime, tick: float) -> list[tuple[Tail, list[Event]]]:
        """Look which files there are, and follow them. Returns the last events of files that were truncated."""
        ends = []
        changes: dict[Tail, Change] = {}
        for tail in list(self.tails):
            if not tail.is_open and not self._reopen(tail):
                continue
            try:
                change = tail.change()
            except OSError as error:
                self._failed(tail, error)
                continue
            emptied = tail.identity
            if change is Change.TRUNCATED and self._move(tail):
                change = Change.REPLACED
                self._known.pop(emptied, None)
            changes[tail] = change
            if change is Change.TRUNCATED:
                self._report(f"{tail.path} was truncated; it is read from its beginning")
                ends.append((tail, tail.rest(now, tick)))
                self._drop(tail)
                self._known.pop(emptied, None)
            elif change is not Change.SAME:
                tail.draining = True
        wanted = self._glob.files()
        wanted = wanted if self.plan.every_file else wanted[:1]
        for tail in self.tails:
            if tail.path in wanted:
                tail.draining = changes.get(tail, Change.SAME) is not Change.SAME
            elif wanted and not self.plan.every_file:
                tail.draining = True
        followed = {tail.path for tail in self.tails if not tail.draining}
        for path in wanted:
            if path not in followed:
                self._open(path)
        self._from_end = False
        return ends

    def read(self, tail: Tail, now: datetime, tick: float) -> list[Event]:
        """What is new in a file, once the files before it were read to their (present) ends, to keep the order."""
        before = self.tails[: self.tails.index(tail)] if tail in self.tails and not self.plan.every_file else []
        if any(other.draining and other.is_open and not other.quiet_once for other in before):
            return []
        try:
            events = tail.read(now, tick)
        except OSError as error:
            self._failed(tail, error)
            return []
        if not events and tail.draining and tail.is_open and tail.quiet(tick) >= _LINGER:
            events = tail.rest(now, tick)
        return events

    def close_finished(self, tick: float) -> None:
        """Let superseded files go that AWS has to their ends; delete them if the configuration asks for it."""
        for tail in list(self.tails):
            if tail.draining and tail.is_open and tail.quiet(tick) >= _LINGER and tail.committed >= tail.queued:
                self._drop(tail)
                if self.plan.auto_removal:
                    self._remove(tail)
                self._remember(tail)
                self.save()

    def save(self) -> None:
        """Make the positions durable. Raises OSError."""
        self._states.save(self.plan.key, [tail.position() for tail in self.tails] + list(self._known.values()))

    def close(self) -> None:
        """Let go of all files."""
        for tail in list(self.tails):
            tail.close()

    def _recover(self) -> None:
        """Open files known from before that were renamed, or copied and truncated, meanwhile, to read their rest."""
        for position in list(self._known.values()):
            path = _whereabouts(position)
            if path is None:
                self._report(f"{position.path} of before is gone; what was not read of it is lost")
                del self._known[position.identity]
            elif (copy := _copy_of(position, path)) is not None:
                self._report(f"{position.path} was truncated; what was not read of it is read from {copy[0]}")
                del self._known[position.identity]
                self._known[copy[1]] = position._replace(identity=copy[1])
                self._open(copy[0], draining=True, name=position.path)
            elif _size(path) != position.offset and (path != position.path or not self.plan.every_file):
                self._open(path, draining=not self._glob.matches(path))

    def _open(self, path: str, *, draining: bool = False, name: str | None = None) -> None:
        """Follow a file. ``name`` is what it was called before, if that is not ``path``."""
        try:
            status = os.stat(path)
            identity = Identity(status.st_dev, status.st_ino)
            if any(tail.identity == identity for tail in self.tails):
                return
            known = self._known.pop(identity, None)
            tail = Tail(path, self.plan, self._report, known, older=self._older, from_end=self._from_end)
        except OSError as error:
            if path not in self._refused:
                self._refused.add(path)
                self._report(f"{path} cannot be read: {error.strerror}")
            return
        self._refused.discard(path)
        tail.path = name or path
        tail.draining = draining
        self.tails.append(tail)

    def _move(self, tail: Tail) -> bool:
        """Read a file that was copied and then truncated to its end where the copy is."""
        followed = {each.identity for each in self.tails}
        for path in _candidates(tail.path):
            try:
                status = os.stat(path)
                regular = stat.S_ISREG(status.st_mode) and Identity(status.st_dev, status.st_ino) not in followed
                if regular and status.st_size >= tail.queued and tail.move(path):
                    self._report(f"{tail.path} was truncated; what was not read of it is read from {path}")
                    return True
            except OSError:
                continue
        return False

    def _reopen(self, tail: Tail) -> bool:
        path = _whereabouts(tail.position())
        if path is None:
            self._report(f"{tail.path} was removed while it was let go; what was not read of it is lost")
            self._drop(tail)
            return False
        try:
            return tail.reopen(path)
        except OSError as error:
            self._failed(tail, error)
            return False

    def _failed(self, tail: Tail, error: OSError) -> None:
        """A disk or a network file system that does not answer: said once, tried again."""
        if tail.path not in self._refused:
            self._refused.add(tail.path)
            self._report(f"{tail.path} cannot be read: {error.strerror}")

    def _remember(self, tail: Tail) -> None:
        """A file that was let go but may be meant again (it was written to, or renamed within the pattern)."""
        self._known[tail.identity] = tail.position()
        there = ((_whereabouts(each), each) for each in self._known.values())
        kept = [each._replace(path=path) for path, each in there if path is not None and self._glob.matches(path)]
        self._known = {each.identity: each for each in kept}

    def _drop(self, tail: Tail) -> None:
        self.tails.remove(tail)
        tail.close()

    def _remove(self, tail: Tail) -> None:
        path = _whereabouts(tail.position())
        if path is None:
            return
        try:
            os.remove(path)
            self._report(f"{path} is removed: all of it was sent")
        except OSError as error:
            self._report(f"{path} cannot be removed: {error.strerror}")


def _whereabouts(position: Position) -> str | None:
    """Where a file is now: under its name or another one in the same folder; None when it is not there."""
    for path in _candidates(position.path):
        try:
            status = os.stat(path)
        except OSError:
            continue
        if Identity(status.st_dev, status.st_ino) == position.identity:
            return path
    return None


def _copy_of(position: Position, path: str) -> tuple[str, Identity] | None:
    """If the file at ``path`` was truncated since: a copy of what it was, known by the bytes before the position."""
    proof = position.proof
    if proof is None or _has(path, proof):
        return None
    for candidate in _candidates(position.path):
        try:
            status = os.stat(candidate)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size >= position.offset and _has(candidate, proof):
            return candidate, Identity(status.st_dev, status.st_ino)
    return None


def _has(path: str, part: Head) -> bool:
    """Whether a regular file has some bytes where they should be."""
    try:
        with open(path, "rb") as file:
            file.seek(part.start)
            return part.matches(file.read(part.length))
    except OSError:
        return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _candidates(path: str) -> Iterator[str]:
    yield path
    folder = os.path.dirname(path)
    try:
        yield from sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except OSError:
        return
