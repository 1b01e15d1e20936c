"""A node worker's process as the cloud sees it: started on first need, asked and answered over its channel."""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import socket
from collections.abc import Callable
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.restarts import RestartBudget
from cloudarium.services.elbv2.node import wire
from cloudarium.substrate.net.errors import NetworkError, NotSupported, UnknownInterface

log = logging.getLogger(__name__)

WORKER = "cloudarium.services.elbv2.node.worker:main"
_ANSWER_TIMEOUT = 10.0
"""Host seconds within which the worker must hand over its counters."""


class NodeLink:
    """The worker, and what it asks for: connections to targets."""

    def __init__(
        self,
        cloud: Cloud,
        on_start: Callable[[], None],
        on_applied: Callable[[str, int], None],
        on_collected: Callable[[wire.Collected], None],
        name: str = "alb-nodes",
    ) -> None:
        """``on_start`` is called after each start of the worker, which then knows nothing."""
        self._cloud = cloud
        self._name = name
        self._on_start = on_start
        self._on_applied = on_applied
        self._on_collected = on_collected
        self._child: Any = None
        self._channel: Any = None
        self._ids = itertools.count(1)
        self._collections: dict[int, asyncio.Future[wire.Collected]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock_stale = False
        self._ready = asyncio.Event()
        cloud.clock.watch(lambda _: self._clock_changed())

    @property
    def connected(self) -> bool:
        """Whether there is a worker to talk to."""
        return self._channel is not None

    def ensure(self) -> None:
        """Start the worker unless it runs (or is about to be started again)."""
        if self._child is None:
            assert self._cloud.supervisor is not None, "load balancers need a supervisor to run nodes"
            self._child = self._cloud.supervisor.start(
                self._name,
                WORKER,
                on_message=lambda child, data, fds: self.received(data, fds),
                on_start=lambda child: self.started(child.channel),
                on_exit=self._exited,
                restart=RestartBudget(),
            )

    def started(self, channel: Any) -> None:
        """A worker runs at the other end of ``channel``."""
        self._channel = channel
        self.post(wire.Clock(self._cloud.clock.state))
        self._on_start()

    def _exited(self, child: Any, end: Any) -> None:
        # One that was closed may end when another has been started in its place.
        if self._child is None or child is self._child:
            self.ended(end.restarting)

    def ended(self, restarting: bool) -> None:
        """The worker is gone."""
        self._channel = None
        self._ready.clear()
        if not restarting:
            self._child = None
        for waiting in self._collections.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the node worker is gone"))

    async def wait_until_ready(self) -> None:
        """Wait until the worker reads its channel, or for some host seconds at most."""
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                await self._ready.wait()
        except TimeoutError:
            log.warning("the node worker does not start")

    async def close(self) -> None:
        """End the worker."""
        child, self._child, self._channel = self._child, None, None
        for task in list(self._tasks):
            task.cancel()
        if child is not None:
            await child.stop(1.0)

    # -- to the worker ---------------------------------------------------------------------------------------------

    def post(self, message: wire.ToNode, fds: list[int] | None = None) -> bool:
        """Send a message; the descriptors are given away either way. False when there is nobody to take it."""
        if self._channel is None:
            for fd in fds or ():
                os.close(fd)
            return False
        try:
            self._channel.post(wire.encode(message), fds or [])
        except (ConnectionError, BufferError) as error:
            log.warning("the node worker does not take messages: %s", error)
            return False
        return True

    async def collect(self) -> None:
        """Have counters and log lines handed over to ``on_collected``."""
        number = next(self._ids)
        answer = self._collections[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.post(wire.Collect(number)):
                return
            # Guards a process, whose time is the host's.
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                self._on_collected(await answer)
        except (TimeoutError, ConnectionError) as error:
            log.warning("the counters of a minute are lost: %s", error or "the node worker does not answer")
        finally:
            del self._collections[number]

    def _clock_changed(self) -> None:
        # An advance moves the line often; the worker needs only the last of a turn of the loop.
        if not self._clock_stale and self._channel is not None:
            self._clock_stale = True
            asyncio.get_running_loop().call_soon(self._send_clock)

    def _send_clock(self) -> None:
        self._clock_stale = False
        self.post(wire.Clock(self._cloud.clock.state))

    # -- from the worker -------------------------------------------------------------------------------------------

    def received(self, data: bytes, fds: list[int]) -> None:
        """A message from the worker."""
        message = wire.decode_from_node(data)
        match message:
            case wire.Ready():
                self._ready.set()
            case wire.Dial():
                task = asyncio.get_running_loop().create_task(self._dial(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case wire.Applied():
                self._on_applied(message.arn, message.revision)
            case wire.Collected():
                waiting = self._collections.get(message.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
                else:
                    self._on_collected(message)
            case wire.HandBack():
                if self._cloud.front_door is not None:
                    self._cloud.front_door.take_back(fds.pop(), message.initial)
        for fd in fds:
            os.close(fd)

    async def _dial(self, request: wire.Dial) -> None:
        number = 0
        fds: list[int] = []
        try:
            connected: socket.socket = await self._cloud.fabric.dial(
                request.eni_id, request.address, request.port, request.timeout
            )
            fds.append(connected.detach())
        except TimeoutError:
            number = errno.ETIMEDOUT
        except (NetworkError, NotSupported, UnknownInterface) as error:
            log.debug("no way to %s: %s", request.address, error)
            number = errno.EHOSTUNREACH
        except OSError as error:
            number = error.errno or errno.EIO
        self.post(wire.Dialed(request.id, number), fds)
