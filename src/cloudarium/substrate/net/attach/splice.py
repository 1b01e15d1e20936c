"""Carrying connections that workloads make to an attached process's interface on to the process on the host.

The listener is in the interface's namespace, so security groups and network ACLs have been passed when a connection
arrives. Bytes go both ways with backpressure (one buffer per direction, read again only once it is written), each
side's end of stream is passed on by itself, and a reset becomes a reset.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

from cloudarium.substrate.net.host import HostClient
from cloudarium.substrate.net.spec import HostAttachment

log = logging.getLogger(__name__)

_BUFFER = 64 * 1024
MAX_CONNECTIONS = 1024
"""Open connections per attachment; further ones wait in the listener's backlog."""
_DIAL_TIMEOUT = 10.0
"""Host seconds to reach the process: it is on this machine, so it answers at once or is stopped in a debugger."""
_RETRY = 0.2
"""Host seconds before accepting again when the process is out of file descriptors."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Splice:
    """Serves one attachment on a listening socket until closed. Belongs to the running loop."""

    def __init__(
        self, listener: socket.socket, attachment: HostAttachment, host: HostClient, limit: int = MAX_CONNECTIONS
    ) -> None:
        self.attachment = attachment
        self._listener = listener
        self._host = host
        self._room = asyncio.Semaphore(limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept(), name="splice")

    async def close(self) -> None:
        """Stop listening and reset what is open."""
        tasks = [self._accepting, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                self._room.release()
                log.warning("accepting for an attached process failed: %s", error)
                # Not cloud time: the shortage is the host's.
                await asyncio.sleep(_RETRY)
                continue
            task = loop.create_task(self._carry(client), name="splice-connection")
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection to an attached process failed", exc_info=error)

    async def _carry(self, client: socket.socket) -> None:
        target: socket.socket | None = None
        clean = False
        try:
            target = await self._host.dial(self.attachment.host, self.attachment.host_port, _DIAL_TIMEOUT)
            for sock in (client, target):
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(pump(client, target))
                directions.create_task(pump(target, client))
            clean = True
        except* OSError as errors:
            log.debug("splice to %s:%d ended: %s", self.attachment.host, self.attachment.host_port, errors.exceptions)
        finally:
            for end in (client, target):
                if end is not None:
                    if not clean:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    end.close()


async def pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes one way until the source ends, and pass that on. Both sockets are non-blocking. Raises OSError."""
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(_BUFFER))
    while count := await loop.sock_recv_into(source, buffer):
        await loop.sock_sendall(sink, buffer[:count])
    sink.shutdown(socket.SHUT_WR)
