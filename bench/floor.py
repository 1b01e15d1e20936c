"""The floor: what uvloop alone does when every request gets the same prepared answer. Usage: floor.py PORT."""

from __future__ import annotations

import asyncio
import sys

_BODY = b"<GetCallerIdentityResponse>" + b"x" * 330 + b"</GetCallerIdentityResponse>"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY


class Floor(asyncio.Protocol):
    """Finds the end of each request, and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
