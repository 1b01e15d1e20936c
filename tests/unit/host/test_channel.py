"""Messages and descriptors between two processes."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel import channel as module
from cloudarium.kernel.channel import Channel

Got = list[tuple[bytes, list[int]]]


def ends() -> tuple[Channel, Channel, Got, list[str]]:
    """Two ends; what arrived at the second, and whether it heard of the end."""
    ours, theirs = Channel.pair()
    got: Got = []
    closed: list[str] = []
    return (
        Channel(ours, lambda *_: None),
        Channel(theirs, lambda message, fds: got.append((message, fds)), lambda: closed.append("closed")),
        got,
        closed,
    )


async def arrived(got: Got, count: int) -> None:
    """Let the loop turn until ``count`` messages have come."""
    async with asyncio.timeout(10):
        while len(got) < count:
            await asyncio.sleep(0)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.sampled_from([0, 1, 59_999, 60_000, 60_001, 300_000]) | st.integers(0, 2000), max_size=6))
def test_messages_arrive_whole_and_in_order(sizes: list[int]) -> None:
    async def scenario() -> None:
        sender, receiver, got, _ = ends()
        messages = [os.urandom(size) for size in sizes]
        for message in messages:
            sender.post(message)
        await arrived(got, len(messages))
        assert got == [(message, []) for message in messages]
        sender.close()
        receiver.close()

    asyncio.run(scenario())


async def test_send_waits_for_a_slow_reader_and_keeps_order() -> None:
    ours, theirs = Channel.pair()
    sender = Channel(ours, lambda *_: None)
    sending = asyncio.create_task(sender.send(b"x" * 5_000_000))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not sending.done()
    got: Got = []
    receiver = Channel(theirs, lambda message, fds: got.append((message, fds)))
    await sending
    await arrived(got, 1)
    assert len(got[0][0]) == 5_000_000
    sender.close()
    receiver.close()


async def test_descriptors_go_along() -> None:
    sender, receiver, got, _ = ends()
    before = len(os.listdir("/proc/self/fd"))
    mine, kept = socket.socketpair()
    fd = mine.detach()
    await sender.send(b"kept" + b"x" * 100_000, [kept.fileno()])
    sender.post(b"given", [fd])
    await arrived(got, 2)
    (_, [first]), (_, [second]) = got
    with socket.socket(fileno=first) as one, socket.socket(fileno=second) as two:
        assert not os.get_inheritable(one.fileno())
        two.send(b"hello")
        assert one.recv(5) == b"hello" and not kept._closed
    kept.close()
    assert len(os.listdir("/proc/self/fd")) == before
    sender.close()
    receiver.close()


async def test_a_bad_descriptor_loses_only_its_message() -> None:
    sender, receiver, got, closed = ends()
    with pytest.raises(OSError):
        await sender.send(b"x" * 150_000, [9999])
    await sender.send(b"good")
    await arrived(got, 1)
    assert (got, closed) == ([(b"good", [])], [])
    sender.close()
    receiver.close()


async def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, receiver, _, _ = ends()
    with pytest.raises(ValueError, match="too much"):
        await sender.send(b"x" * (module.MESSAGE_LIMIT + 1))
    with pytest.raises(ValueError, match="too much"):
        sender.post(b"", [os.dup(0) for _ in range(module.MAX_FDS + 1)])
    monkeypatch.setattr(module, "BACKLOG_LIMIT", 1_000_000)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BufferError):
        while True:
            sender.post(b"x" * 500_000, [os.dup(0)])
    sender.close()
    receiver.close()
    assert len(os.listdir("/proc/self/fd")) < before + 3


async def test_the_end_is_heard_once_and_fails_senders() -> None:
    sender, receiver, got, closed = ends()
    sender.post(b"last words")
    sender.close()
    sender.close()
    await arrived(got, 1)
    async with asyncio.timeout(5):
        while not closed:
            await asyncio.sleep(0)
    assert closed == ["closed"]
    for channel in (sender, receiver):
        with pytest.raises(ConnectionResetError):
            await channel.send(b"x")


async def test_broken_framing_ends_it() -> None:
    ours, theirs = Channel.pair()
    closed: list[str] = []
    channel = Channel(theirs, lambda *_: None, lambda: closed.append("closed"))
    ours.send(b"\x00" + b"x" * 70_000)
    async with asyncio.timeout(5):
        while not closed:
            await asyncio.sleep(0)
    assert channel.closed
    ours.close()
