"""A cloud that does nothing but live: it answers health, has one child, and dies on request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from typing import Any

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.restarts import RestartBudget
from cloudarium.kernel.supervision import Supervisor
from cloudarium.substrate.host.boot import Boot
from cloudarium.substrate.host.client import HostClient


def main(boot: Boot) -> None:
    """The entry, as ``cloudarium.cloud:main``."""
    asyncio.run(_serve(boot))


def broken(boot: Boot) -> None:
    """A cloud that cannot start."""
    raise RuntimeError("the fake cloud has no heart")


def never_ready(boot: Boot) -> None:
    """A cloud that is killed each time before it is ready."""
    os.kill(os.getpid(), signal.SIGKILL)


def deaf(boot: Boot) -> None:
    """A cloud that is ready, and does not stop when asked."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def serve() -> None:
        await HostClient(boot.channel_fd).ready()
        await asyncio.Event().wait()

    asyncio.run(serve())


def node(channel_fd: int) -> None:
    """A child that stays, whatever happens to its channel."""
    signal.pause()


def _stranger() -> subprocess.Popen[bytes]:
    """Somebody who knows nothing of us and asks for no death signal."""
    return subprocess.Popen(["sleep", "1000"], start_new_session=True)


async def _serve(boot: Boot) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    supervisor = Supervisor(Clock())
    host = HostClient(boot.channel_fd)
    child = supervisor.start("node", "tests.support.tree.fake_cloud:node", restart=RestartBudget())
    stranger = _stranger()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode().split()
        while (await reader.readline()).strip():
            pass
        path = line[1]
        facts: dict[str, Any] = {
            "status": "running",
            "version": boot.version,
            "boot": {
                "namespaces": boot.namespaces,
                "reason": boot.reason,
                "restarts": boot.restarts,
                "private_proc": boot.private_proc,
                "ephemeral": boot.ephemeral,
            },
            "uid": os.getuid(),
            "pid": os.getpid(),
            "interfaces": [name for _, name in socket.if_nameindex()],
            "processes": [*supervisor.processes(), {"name": "stranger", "pid": stranger.pid}],
        }
        if path.startswith("/dial/"):
            try:
                sock = await host.dial("127.0.0.1", int(path.rpartition("/")[2]), 5.0)
                facts = {"got": (await asyncio.get_running_loop().sock_recv(sock, 100)).decode()}
            except OSError as error:
                facts = {"errno": error.errno}
        elif path.startswith("/exit/"):
            os._exit(int(path.rpartition("/")[2]))
        elif path == "/listen":
            listener = await host.listen("127.0.0.1", 0)
            facts = {"port": listener.getsockname()[1]}
        body = json.dumps(facts).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, sock=socket.socket(fileno=boot.gateway_fd))
    await host.ready()
    await stop.wait()
    server.close()
    await supervisor.close()
    assert child.pid is None
