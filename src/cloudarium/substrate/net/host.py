"""What the fabric needs of the host agent's client; substrate/host implements it."""

from __future__ import annotations

import socket
from typing import Protocol


class HostClient(Protocol):
    """Opens sockets in the host's network."""

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connected TCP socket; raises ConnectionRefusedError, TimeoutError (after `timeout` seconds), OSError."""
        ...
