"""A node worker: a process of its own that carries the traffic of load balancers' nodes.

It opens no sockets: listening ones come from the cloud, connections to targets are asked of it. When the cloud dies,
the kernel ends the worker (its supervisor's death signal); what it knows it is told anew after a restart.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import socket
import sys
import time
from collections.abc import Callable

from cloudarium.kernel.channel import Channel
from cloudarium.kernel.clock import ClockState
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.balancer import BalancerState
from cloudarium.services.elbv2.node.counting import Counts
from cloudarium.substrate.http.engine import ProxyEngine

log = logging.getLogger(__name__)

_DIAL_TIMEOUT = 10.0
"""Host seconds to connect to a target: AWS's connection timeout."""
_LOG_LINES = 2000
"""Log lines after which they are sent on without being asked for."""
_LOOK, _MUCH = 1.0, 500
"""Every so many host seconds it is looked whether so many requests have been counted: then the cloud is told, which
may add nodes. A process is loaded in the host's time, whatever the cloud's is."""


class Worker:
    """The worker's state and its conversation with the cloud."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._clock = ClockState(0.0, 0.0, 1.0)
        self._engine = ProxyEngine(loop, self.now)
        self._balancers: dict[str, BalancerState] = {}
        self._channel: Channel | None = None
        self._ids = itertools.count(1)
        self._dials: dict[int, asyncio.Future[socket.socket]] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._lines = 0
        self._gone = asyncio.Event()

    def now(self) -> float:
        """Cloud time in seconds since 1970."""
        return self._clock.at(time.time())

    async def run(self, channel_fd: int) -> None:
        """Serve until the cloud hangs up."""
        self._channel = Channel(channel_fd, self._received, self._gone.set)
        self._post(wire.Ready())
        self._loop.call_later(_LOOK, self._look)
        await self._gone.wait()
        await self._engine.close()

    # -- from the cloud --------------------------------------------------------------------------------------------

    def _received(self, data: bytes, fds: list[int]) -> None:
        message = wire.decode_to_node(data)
        match message:
            case wire.Dialed():
                self._dialed(message, fds)
            case wire.HealthChange():
                if (state := self._balancers.get(message.arn)) is not None:
                    state.health_changed(message)
            case wire.Adopt():
                self._spawn(self._adopt(message, fds.pop()))
            case wire.Clock():
                self._clock = message.state
                self._engine.now = message.state.reader()
            case wire.Balancer():
                self._apply(message)
            case wire.Gone():
                if (state := self._balancers.pop(message.arn, None)) is not None:
                    state.close()
            case wire.Listen():
                self._spawn(self._listen(message, socket.socket(fileno=fds.pop())))
            case wire.Unlisten():
                if (state := self._balancers.get(message.arn)) is not None:
                    state.unlisten(message.node, message.port)
            case wire.Collect():
                self._post(self._collected(message.id))
        for fd in fds:
            os.close(fd)

    def _apply(self, snap: wire.Balancer) -> None:
        state = self._balancers.get(snap.arn)
        if state is None:
            state = self._balancers[snap.arn] = BalancerState(self._engine, self._dial, self._log_written)
        try:
            state.apply(snap)
        except Exception:
            log.exception("the snapshot of %s could not be applied", snap.id)
            return
        self._post(wire.Applied(snap.arn, snap.revision))

    async def _listen(self, message: wire.Listen, listening: socket.socket) -> None:
        if (state := self._balancers.get(message.arn)) is None:
            listening.close()
            return
        await state.listen(message.node, message.port, listening)

    async def _adopt(self, message: wire.Adopt, fd: int) -> None:
        state = self._balancers.get(message.arn)
        listener = state.listener(message.node, message.port) if state is not None else None
        if state is None or listener is None:
            os.close(fd)
            return
        if not message.shared:
            await self._engine.adopt(fd, message.initial, listener=listener)
            return
        state.nodes[message.node].record.counts.new_connections += 1
        port = state.shared_port(message.node, message.port, message.hosts, self._hand_back)
        await self._engine.adopt(fd, message.initial, listener=port)

    def _hand_back(self, fd: int, initial: bytes) -> None:
        self._post(wire.HandBack(initial), [fd])

    # -- targets ---------------------------------------------------------------------------------------------------

    async def _dial(self, eni_id: str, address: str, port: int) -> socket.socket:
        number = next(self._ids)
        future: asyncio.Future[socket.socket] = self._loop.create_future()
        self._dials[number] = future
        try:
            self._post(wire.Dial(number, eni_id, address, port, _DIAL_TIMEOUT))
            return await future
        finally:
            del self._dials[number]

    def _dialed(self, message: wire.Dialed, fds: list[int]) -> None:
        future = self._dials.get(message.id)
        if future is None or future.done():
            return
        if fds and not message.errno:
            future.set_result(socket.socket(fileno=fds.pop()))
        elif message.errno == errno.ETIMEDOUT:
            future.set_exception(TimeoutError())
        else:
            # OSError makes ConnectionRefusedError of ECONNREFUSED by itself.
            future.set_exception(OSError(message.errno or errno.EIO, os.strerror(message.errno or errno.EIO)))

    # -- records ---------------------------------------------------------------------------------------------------

    def _log_written(self) -> None:
        self._lines += 1
        if self._lines >= _LOG_LINES:
            self._post(self._collected(0))

    def _look(self) -> None:
        if self._gone.is_set():
            return
        if sum(state.pending() for state in self._balancers.values()) >= _MUCH:
            self._post(self._collected(0))
        self._loop.call_later(_LOOK, self._look)

    def _collected(self, number: int) -> wire.Collected:
        counts: dict[str, Counts] = {}
        logs: dict[str, dict[str, list[str]]] = {}
        for arn, state in self._balancers.items():
            counts[arn], lines = state.collect()
            if lines:
                logs[arn] = lines
        self._lines = 0
        return wire.Collected(number, counts, logs, time.process_time())

    # -- means -----------------------------------------------------------------------------------------------------

    def _post(self, message: wire.FromNode, fds: list[int] | None = None) -> None:
        assert self._channel is not None
        self._channel.post(wire.encode(message), fds or [])

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[object] = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the worker failed", exc_info=error)


async def _serve(channel_fd: int) -> None:
    await Worker(asyncio.get_running_loop()).run(channel_fd)


def main(channel_fd: int) -> None:
    """The process's entry: serve until the cloud hangs up."""
    import gc
    import signal

    import uvloop

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is loaded by now stays for good; traffic makes few cycles, and full collections would be felt as latency.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    runner: Callable[[object], None] = uvloop.run  # type: ignore[assignment]
    runner(_serve(channel_fd))
