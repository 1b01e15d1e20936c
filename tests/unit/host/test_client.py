"""The cloud's client against the agent's session."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from cloudarium.substrate.host import wire
from cloudarium.substrate.host.client import HostClient
from cloudarium.substrate.host.listeners import Listeners
from cloudarium.substrate.host.loop import Loop
from cloudarium.substrate.host.session import Session


@pytest.fixture
async def host() -> AsyncIterator[HostClient]:
    """A client whose agent runs in a thread."""
    ours, theirs = wire.pair()
    loop, done = Loop(), threading.Event()
    session = Session(loop, theirs, Listeners(), lambda *_: None)

    def serve() -> None:
        while not done.is_set():
            loop.call_later(0.02, lambda: None)
            loop.turn()
        session.close()
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    client = HostClient(ours.detach())
    yield client
    client.close()
    done.set()
    thread.join()


async def test_dial(host: HostClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socks = await asyncio.gather(*(host.dial("127.0.0.1", port, 5.0) for _ in range(50)))
        assert {sock.getpeername()[1] for sock in socks} == {port}
        assert len({sock.fileno() for sock in socks}) == 50
        assert not any(sock.getblocking() for sock in socks)
        for sock in socks:
            sock.close()
    with pytest.raises(ConnectionRefusedError):
        await host.dial("127.0.0.1", port, 5.0)


async def test_listen_and_unlisten(host: HostClient) -> None:
    listener = await host.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    socket.create_connection(("127.0.0.1", port)).close()
    listener.close()
    await host.unlisten("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(PermissionError):
        await host.listen("0.0.0.0", 0)


async def test_an_answer_nobody_waits_for_is_closed(host: HostClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = len(os.listdir("/proc/self/fd"))
        tasks = [asyncio.create_task(host.dial("127.0.0.1", port, 5.0)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        (await host.dial("127.0.0.1", port, 5.0)).close()
        # Answers come in order, so all of the above have come before this one, and the agent closed its copies.
        await host.ready()
        assert len(os.listdir("/proc/self/fd")) == before


async def test_a_lost_agent_fails_all_that_waits() -> None:
    ours, theirs = wire.pair()
    lost: list[bool] = []
    client = HostClient(ours, on_lost=lambda: lost.append(True))
    waiting = asyncio.create_task(client.ready())
    await asyncio.sleep(0)
    theirs.close()
    with pytest.raises(ConnectionResetError):
        await waiting
    with pytest.raises(ConnectionResetError):
        await client.ready()
    assert lost == [True]
