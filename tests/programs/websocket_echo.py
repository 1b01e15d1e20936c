"""A WebSocket server that sends every text or binary message back (RFC 6455). Standard library only.

Prints its port. Answers 200 to everything that is no WebSocket handshake, so that health checks pass.
"""

from __future__ import annotations

import base64
import hashlib
import socketserver
import struct

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


class Echo(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """A handshake, then frames."""
        head = b""
        while line := self.rfile.readline():
            head += line
            if line in (b"\r\n", b"\n"):
                break
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.splitlines()[1:])
        }
        key = headers.get(b"sec-websocket-key")
        if key is None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        while True:
            kind, payload = self._frame()
            if kind in (_TEXT, _BINARY):
                self._send(kind, payload)
            elif kind == _PING:
                self._send(_PONG, payload)
            elif kind == _CLOSE:
                self._send(_CLOSE, payload)
                return

    def _frame(self) -> tuple[int, bytes]:
        first = self.rfile.read(2)
        if len(first) < 2:
            return _CLOSE, b""
        length = first[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        masked = self.rfile.read(length)
        whole = int.from_bytes(mask * (length // 4 + 1), "big") >> (32 - length % 4 * 8)
        return first[0] & 0x0F, (int.from_bytes(masked, "big") ^ whole).to_bytes(length, "big")

    def _send(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x80 | kind, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 127, size)
        self.wfile.write(head + payload)


class Server(socketserver.ThreadingTCPServer):
    """Ends with the process."""

    daemon_threads = True


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Echo)
    print(server.server_address[1], flush=True)
    server.serve_forever()
