"""Writing to a plain socket at once instead of at the end of the loop's turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


def writer(transport: asyncio.Transport) -> Callable[[bytes], None]:
    """A function that writes to the transport, past its buffer while that is empty."""
    own = transport.get_extra_info("socket")
    if os.environ.get("DIRECT") != "1" or own is None or transport.get_extra_info("ssl_object") is not None:
        return transport.write
    descriptor = own.fileno()
    write_now, waiting, write_later = os.write, transport.get_write_buffer_size, transport.write

    def write(data: bytes) -> None:
        if waiting():
            write_later(data)
            return
        try:
            written = write_now(descriptor, data)
        except BlockingIOError:
            written = 0
        except OSError:
            written = 0  # the transport meets the error itself, and tells its protocol
        if written != len(data):
            write_later(data[written:])

    return write
