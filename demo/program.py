"""One of the demo's two programs: a small web page of one colour. Standard library only.

It is no part of the cloud: an ordinary program on this machine that joins a network in it. It ends when the cloud
does, however the cloud ends: it watches the process ``--while``.
"""

from __future__ import annotations

import argparse
import os
import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><title>{colour}</title>
<body style="background:{colour};color:white;font:2em sans-serif;text-align:center;padding-top:20vh">
{colour}, process {pid}<p style="font-size:.5em">{method} {path}<br>for {client}</p>
"""


class Handler(BaseHTTPRequestHandler):
    """Answers everything."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and page in one segment: in two, the second would wait for an acknowledgement
    colour = ""

    def do_GET(self) -> None:
        """Say who answers."""
        asked = {"method": self.command, "path": self.path.replace("<", "&lt;")}
        client = self.headers.get("X-Forwarded-For", self.client_address[0]).replace("<", "&lt;")
        page = PAGE.format(colour=self.colour, pid=os.getpid(), client=client, **asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("X-Colour", self.colour)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def end_with(pid: int) -> None:
    """End this process when another ends."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        os._exit(0)
    select.select([watched], [], [])
    os._exit(0)


def main() -> None:
    """Serve on a loopback port, which is printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--colour", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--while", dest="watched", type=int, required=True, metavar="PID")
    options = parser.parse_args()
    Handler.colour = options.colour
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=end_with, args=(options.watched,), daemon=True).start()
    print(server.server_address[1], flush=True)
    # Whoever started this may be gone when somebody writes to these.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    server.serve_forever()


if __name__ == "__main__":
    main()
