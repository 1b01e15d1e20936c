"""A web program of one colour whose behaviour can be switched while it runs.

Listens on two loopback ports: one for traffic, one for the test that steers it. Prints one JSON line
``{"port": …, "control": …, "pid": …}`` when both are open.

Traffic is answered with a JSON echo of the request, or misbehaves as told. Control is plain HTTP with JSON:

    POST /behave {"where": "/path-prefix", "how": {"kind": "status", "status": 500}}
    POST /release            everyone held by the kinds "hold" and "hang" is let go
    GET  /stats              {"requests": [{"path": …, "agent": …}], "held": n}
    POST /forget             empty the list of requests

The longest matching prefix decides. Kinds: ``ok``, ``status`` (answers that status), ``hold`` (answers once released),
``hang`` (never answers; closes once released), ``close`` (closes without a word), ``reset`` (closes with a RST),
``garbage`` (answers with bytes that are not HTTP), ``short`` (promises more body than it sends), ``bytes`` (sends
``size`` bytes), ``headers`` (answers with a header of ``size`` bytes), ``crlf`` (answers with an ill-formed header),
``cookie`` (sets ``cookie``), ``digest`` (answers with the SHA-256 of the body).

Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class State:
    """What the program does at each path prefix, and what it saw."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.lock = threading.Lock()
        self.rules: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.held = 0
        self.released = threading.Event()

    def behaviour(self, path: str) -> dict[str, Any]:
        """What to do for a path."""
        with self.lock:
            found = max((p for p in self.rules if path.startswith(p)), key=len, default=None)
            return self.rules[found] if found is not None else {"kind": "ok"}

    def wait_for_release(self) -> None:
        """Hold the caller until the next release."""
        with self.lock:
            self.held += 1
            gate = self.released
        gate.wait()
        with self.lock:
            self.held -= 1

    def release(self) -> None:
        """Let everyone go who is held now."""
        with self.lock:
            gate, self.released = self.released, threading.Event()
        gate.set()


class Traffic(BaseHTTPRequestHandler):
    """Answers, or fails to."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: in two, the second would wait for an acknowledgement
    state: State

    def handle_any(self) -> None:
        """Serve one request of any method."""
        state = self.state
        body = self._body()
        with state.lock:
            state.requests.append({"path": self.path, "method": self.command, "agent": self.headers.get("User-Agent")})
        how = state.behaviour(self.path)
        match how["kind"]:
            case "ok":
                self._answer(200, body)
            case "status":
                self._answer(how["status"], body)
            case "hold":
                state.wait_for_release()
                self._answer(200, body)
            case "hang":
                state.wait_for_release()
                self._drop()
            case "close":
                self._drop()
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._drop()
            case "garbage":
                self.wfile.write(b"\x00\x01 this is not HTTP at all\r\n\r\n")
                self._drop()
            case "short":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
                self._drop()
            case "crlf":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nBad Header Name: x\r\nContent-Length: 0\r\n\r\n")
                self._drop()
            case "headers":
                self._answer(200, body, {"X-Large": "x" * how["size"]})
            case "cookie":
                self._answer(200, body, {"Set-Cookie": how["cookie"]})
            case "digest":
                self._answer(200, b"", content=hashlib.sha256(body).hexdigest().encode())
            case "bytes":
                self._answer(200, body, content=b"x" * how["size"])
            case other:
                self._answer(500, other.encode())

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = handle_any

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> None:
        echo = {
            "colour": self.state.colour,
            "pid": os.getpid(),
            "method": self.command,
            "path": self.path,
            "headers": [[name, value] for name, value in self.headers.items()],
            "body": body.decode("latin-1"),
            "peer": list(self.client_address[:2]),
        }
        data = json.dumps(echo).encode() if content is None else content
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Colour", self.state.colour)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _drop(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Control(BaseHTTPRequestHandler):
    """The steering port."""

    state: State

    def do_GET(self) -> None:
        """Statistics."""
        with self.state.lock:
            self._json({"requests": self.state.requests, "held": self.state.held})

    def do_POST(self) -> None:
        """Change the behaviour."""
        fields = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/behave":
            with self.state.lock:
                self.state.rules[fields["where"]] = fields["how"]
        elif self.path == "/release":
            self.state.release()
        elif self.path == "/forget":
            with self.state.lock:
                self.state.requests.clear()
        self._json({})

    def _json(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Many held requests at once, restartable on its port at once."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--colour", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=int, default=0)
    arguments = parser.parse_args()
    Traffic.state = Control.state = State(arguments.colour)
    traffic = Server(("127.0.0.1", arguments.port), Traffic)
    control = Server(("127.0.0.1", arguments.control), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    ports = {"port": traffic.server_address[1], "control": control.server_address[1], "pid": os.getpid()}
    print(json.dumps(ports), flush=True)
    traffic.serve_forever()


if __name__ == "__main__":
    main()
