"""What tests do in a cloud: a fabric, a host agent's stand-in, tiny servers on interfaces, and who reaches whom."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys

from cloudarium.substrate.net import Fabric

SERVICE = "198.18.0.1"
DROPPED_AFTER, PATIENCE = 0.3, 10.0
"""Seconds without an answer that count as dropped, where that is expected and where it is not."""


class LoopbackHost:
    """The host agent's part: "the host" is the loopback of the namespace that the test runs in."""

    async def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        return sock


def records(vpc_id: str, name: str, kind: str) -> list[str] | None:
    """The test clouds' names."""
    table: dict[str, dict[str, list[str]]] = {
        "web.internal": {"A": ["10.0.1.10", "10.0.2.10"], "TXT": ["v=1"]},
        "alias.internal": {"CNAME": ["web.internal"]},
        "big.internal": {"A": [f"10.1.{n // 250}.{n % 250}" for n in range(200)]},
        "vpc.internal": {"TXT": [vpc_id]},
    }
    found = table.get(name)
    return None if found is None else found.get(kind, [])


class Cloud:
    """One fabric and what runs in it."""

    def __init__(self) -> None:
        self.fabric = Fabric(LoopbackHost(), resolver=records, service_address=SERVICE)
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self._processes:
            process.kill()
            process.wait()
        await self.fabric.close()

    async def serve(self, eni: str, port: int = 80) -> None:
        """Answer on an interface with its id and the address of who asks."""
        self.answer(await self.fabric.listen(eni, port), eni)

    def answer(self, listener: socket.socket, name: str) -> None:
        """Answer on a listener with a name and the address of who asks."""
        self._tasks.append(asyncio.create_task(_answer(listener, name)))

    async def within(self, eni: str, address: str, port: int = 80) -> str:
        """What a process in an interface's namespace is answered at an address the VPC does not know of."""
        with self.fabric.enter(eni):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with sock:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
            return (await read_all(sock)).decode()

    async def serve_host(self, name: str, address: str = "127.0.0.1", port: int = 0) -> int:
        """The same on the host; returns the port."""
        listener = socket.create_server((address, port))
        listener.setblocking(False)
        self._tasks.append(asyncio.create_task(_answer(listener, name)))
        return int(listener.getsockname()[1])

    async def knock(self, eni: str, address: str, port: int = 80) -> str:
        """What comes of connecting where nothing should: like `ask`, but soon content that there is no answer."""
        return await self.ask(eni, address, port, DROPPED_AFTER)

    async def ask(self, eni: str, address: str, port: int = 80, timeout: float = PATIENCE) -> str:
        """What comes of connecting: the server's answer, or refused, dropped, unreachable."""
        try:
            sock = await self.fabric.dial(eni, address, port, timeout)
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "dropped"
        except OSError as error:
            if error.errno == errno.EHOSTUNREACH:
                return "unreachable"
            raise
        with sock:
            return (await read_all(sock)).decode()

    async def connection(self, source: str, target: str, address: str) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection from one interface to port 80 of another, whose address is given."""
        with await self.fabric.listen(target, 80) as listener:
            client = await self.fabric.dial(source, address, 80, 5)
            server, _ = await asyncio.get_running_loop().sock_accept(listener)
        return client, server

    def udp(self, eni: str, port: int = 0) -> socket.socket:
        """A non-blocking UDP socket on an interface."""
        with self.fabric.enter(eni):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if port:
            sock.bind(("0.0.0.0", port))
        return sock

    def run(self, eni: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python program as a process of its own in an interface's namespace."""
        with self.fabric.enter(eni):
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        self._processes.append(process)
        return process


async def _answer(listener: socket.socket, name: str) -> None:
    loop = asyncio.get_running_loop()
    with listener:
        while True:
            client, peer = await loop.sock_accept(listener)
            with client:
                await loop.sock_sendall(client, f"{name} {peer[0]}".encode())


def retransmissions(sock: socket.socket) -> int:
    """How many segments of a connection, its first included, had to be sent again (tcpi_total_retrans)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[100:104], sys.byteorder)


async def read_all(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    async with asyncio.timeout(10):
        while part := await loop.sock_recv(sock, 65536):
            received += part
    return received


async def receive(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """The next datagram and its sender; uvloop has no sock_recvfrom."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock.fileno(), ready.set)
    try:
        async with asyncio.timeout(5):
            await ready.wait()
    finally:
        loop.remove_reader(sock.fileno())
    data, sender = sock.recvfrom(65536)
    return data, (sender[0], sender[1])


def links_here() -> set[str]:
    """Names of the links in this namespace, without what the kernel itself puts into every one."""
    return {name for _, name in socket.if_nameindex()} - {"lo"} - _FALLBACK


_FALLBACK = {"tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"}


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
