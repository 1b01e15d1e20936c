"""Connecting a socket as real peers see it: with the errors, and the waiting, of a real network."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import NoReturn


async def connect(sock: socket.socket, address: str, port: int, timeout: float) -> socket.socket:
    """Connect a non-blocking socket, closing it where that fails; no route to a network is EHOSTUNREACH here."""
    try:
        # The loop's own timer, not the cloud's clock: this guards a real connection.
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError) and error.errno == errno.ENETUNREACH:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)) from error
        raise
    return sock


async def drop(timeout: float) -> NoReturn:
    """Wait as one does whose packets are dropped; the loop's timer, as for a real connection."""
    async with asyncio.timeout(timeout):
        await asyncio.get_running_loop().create_future()
    raise TimeoutError
