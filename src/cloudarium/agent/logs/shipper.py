"""The loop that ships: read what is new, make batches, send one per stream at a time, keep what AWS has taken.

A stream whose batches are not taken stops reading its files once 2 MB wait, and all streams together once 64 MB do:
the rest waits in the files. Time is the machine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event as Signal

from cloudarium.agent.logs.batches import Batch, Batcher
from cloudarium.agent.logs.sender import Retry, Sender, Target, backoff
from cloudarium.agent.logs.source import Source
from cloudarium.agent.logs.tail import Tail

_POLL = 0.25
_SCAN = 0.5
_WAITING = 2 * 1_048_576
_WAITING_ALL = 64 * 1_048_576
_SENDERS = 8
_RELEASE = 3.0
_LAST_WORDS = 5.0
"""Seconds an agent that is asked to stop goes on sending what it has read."""


class _Stream:
    """A log stream: what waits for it, and the batch on its way."""

    def __init__(self, target: Target, batcher: Batcher[Tail]) -> None:
        self.target = target
        self.batcher = batcher
        self.sending: Batch[Tail] | None = None
        self.attempts = 0
        self.not_before = 0.0
        self.blocked: float | None = None


class Shipper:
    """Ships the files of some sources. ``target`` says where a file of a source goes."""

    def __init__(
        self,
        sources: Sequence[Source],
        target: Callable[[Source, str], Target],
        sender: Sender,
        report: Callable[[str], None],
    ) -> None:
        self._sources = sources
        self._target = target
        self._sender = sender
        self._report = report
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._owner: dict[Tail, Source] = {}
        self._done: SimpleQueue[tuple[_Stream, str | None]] = SimpleQueue()
        self._scanned = -_SCAN
        self._flushing = False

    def run(self, stop: Signal) -> None:
        """Ship until asked to stop, then send what was read (for at most five seconds)."""
        with ThreadPoolExecutor(_SENDERS, thread_name_prefix="send") as pool:
            while not stop.is_set():
                busy = self._look(pool)
                self._settle(0.0 if busy else self._pause())
            self._flushing = True
            end = time.monotonic() + _LAST_WORDS
            while time.monotonic() < end and any(s.sending or len(s.batcher) for s in self._streams.values()):
                self._dispatch(pool, time.monotonic())
                self._settle(0.05)
        self._settle(0.0)
        for source in self._sources:
            self._save(source)
            source.close()

    def _pause(self) -> float:
        """Looking at many idle files must not cost more than a few per cent of a processor."""
        return max(_POLL, len(self._owner) / 1_000)

    def _look(self, pool: ThreadPoolExecutor) -> bool:
        tick, now = time.monotonic(), datetime.now(UTC)
        if tick - self._scanned >= _SCAN:
            self._scanned = tick
            for source in self._sources:
                for tail, events in source.scan(now, tick):
                    for event in events:
                        self._stream(source, tail).batcher.add(event, tail, tick)
            self._owner = {tail: source for source in self._sources for tail in source.tails}
        waiting = sum(stream.batcher.size for stream in self._streams.values())
        busy = False
        for tail, source in self._owner.items():
            stream = self._stream(source, tail)
            if stream.batcher.size >= _WAITING or waiting >= _WAITING_ALL:
                self._hold(stream, source, tail, tick)
                continue
            if not tail.is_open:
                continue
            before = stream.batcher.size
            events = source.read(tail, now, tick)
            for event in events:
                stream.batcher.add(event, tail, tick)
            waiting += stream.batcher.size - before
            busy |= tail.quiet(tick) == 0.0 and bool(events)
        self._dispatch(pool, tick)
        for source in self._sources:
            source.close_finished(tick)
        return busy

    def _stream(self, source: Source, tail: Tail) -> _Stream:
        target = self._target(source, tail.path)
        stream = self._streams.get(target[:2])
        if stream is None:
            plan = source.plan
            stream = _Stream(target, Batcher(plan.flush_seconds, plan.batch_events, plan.batch_bytes))
            self._streams[target[:2]] = stream
        return stream

    def _hold(self, stream: _Stream, source: Source, tail: Tail, tick: float) -> None:
        """A file whose stream is stuck is let go meanwhile where the configuration says so."""
        stream.blocked = stream.blocked if stream.blocked is not None else tick
        if source.plan.release_files and tick - stream.blocked >= _RELEASE and tail.is_open:
            tail.close()

    def _dispatch(self, pool: ThreadPoolExecutor, tick: float) -> None:
        for stream in self._streams.values():
            if tick < stream.not_before:
                continue
            if stream.sending is None:
                while stream.batcher.ready(tick) or (self._flushing and len(stream.batcher)):
                    batch = stream.batcher.take()
                    if batch.events:
                        stream.sending = batch
                        break
                    self._commit(batch)
            if stream.sending is not None:
                stream.not_before = float("inf")
                pool.submit(self._send, stream, stream.sending)

    def _send(self, stream: _Stream, batch: Batch[Tail]) -> None:
        try:
            self._sender.send(stream.target, batch.events)
            self._done.put((stream, None))
        except Retry as error:
            self._done.put((stream, str(error)))
        except Exception as error:  # whatever it is, the stream must not stand still for ever
            self._done.put((stream, f"{type(error).__name__}: {error}"))

    def _settle(self, seconds: float) -> None:
        """Note what became of batches, waiting so long for the first of them."""
        try:
            stream, error = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
            while True:
                self._settled(stream, error)
                stream, error = self._done.get_nowait()
        except Empty:
            return

    def _settled(self, stream: _Stream, error: str | None) -> None:
        assert stream.sending is not None
        if error is not None:
            wait = backoff(stream.attempts)
            stream.attempts += 1
            stream.not_before = time.monotonic() + wait
            self._report(f"{stream.target.group} {stream.target.stream}: {error}; again in {wait:.1f} s")
            return
        batch, stream.sending = stream.sending, None
        stream.attempts, stream.not_before, stream.blocked = 0, 0.0, None
        self._commit(batch)

    def _commit(self, batch: Batch[Tail]) -> None:
        sources = []
        for tail, end in batch.done.items():
            tail.committed = end
            source = self._owner.get(tail)
            if source is not None and source not in sources:
                sources.append(source)
        for source in sources:
            self._save(source)

    def _save(self, source: Source) -> None:
        try:
            source.save()
        except OSError as error:
            self._report(f"the state of {source.plan.path} cannot be kept: {error}")
