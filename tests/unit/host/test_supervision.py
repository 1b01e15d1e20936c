"""Children: started, heard, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.restarts import RestartBudget
from cloudarium.kernel.supervision import Child, Exit, Supervisor, inherited_channel

HERE = "tests.unit.host.test_supervision"


def echo(channel_fd: int, *fds: int) -> None:
    """A child that answers each message with its arguments, and fails on ``fail``."""
    sock = inherited_channel(channel_fd)
    while data := sock.recv(1000):
        if data == b"\x00fail":
            raise SystemExit(3)
        sock.send(b"\x00" + data[1:] + b" " + str([os.fstat(fd).st_ino for fd in fds]).encode())


def stubborn(channel_fd: int) -> None:
    """A child that starts another, and ends only when killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "1000"])
    inherited_channel(channel_fd).send(b"\x00" + str(child.pid).encode())
    while True:
        signal.pause()


class Heard:
    """What a child said, and how it lived."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.exits: asyncio.Queue[Exit] = asyncio.Queue()
        self.options: dict[str, Any] = {
            "on_message": lambda child, message, fds: self.messages.put_nowait(message),
            "on_exit": lambda child, end: self.exits.put_nowait(end),
        }

    async def message(self) -> bytes:
        return await asyncio.wait_for(self.messages.get(), 20)

    async def exit(self) -> Exit:
        return await asyncio.wait_for(self.exits.get(), 20)


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), *sys.path]))
    made = Supervisor(Clock())
    yield made
    await made.close()
    assert made.children == []


async def say(child: Child, message: bytes) -> None:
    assert child.channel is not None
    await child.channel.send(message)


async def test_entry_gets_its_channel_and_descriptors(supervisor: Supervisor) -> None:
    heard = Heard()
    with socket.socket() as extra:
        inode = os.fstat(extra.fileno()).st_ino
        child = supervisor.start("echo", f"{HERE}:echo", fds=[extra.fileno()], **heard.options)
        await say(child, b"hello")
        assert await heard.message() == f"hello [{inode}]".encode()
    assert supervisor.processes() == [{"name": "echo", "pid": child.pid}]
    assert os.getpgid(child.pid or 0) == child.pid


async def test_ended_child_is_started_again_with_a_new_channel(supervisor: Supervisor) -> None:
    heard = Heard()
    greeted: list[int | None] = []

    def greet(child: Child) -> None:
        greeted.append(child.pid)
        assert child.channel is not None
        child.channel.post(b"hello")

    child = supervisor.start("echo", f"{HERE}:echo", restart=RestartBudget(), on_start=greet, **heard.options)
    assert await heard.message() == b"hello []"
    await say(child, b"fail")
    assert await heard.exit() == Exit(code=3, signal=None, restarting=True)
    assert await heard.message() == b"hello []"
    assert (child.restarts, len(set(greeted)), child.pid) == (1, 2, greeted[-1])


async def test_child_is_given_up_when_its_budget_is_spent(supervisor: Supervisor) -> None:
    heard = Heard()
    child = supervisor.start("false", ["false"], restart=RestartBudget(limit=2, first_delay=0.0), **heard.options)
    assert [(await heard.exit()).restarting for _ in range(3)] == [True, True, False]
    assert (child.running, supervisor.children) == (False, [])


async def test_child_without_budget_is_not_started_again(supervisor: Supervisor) -> None:
    heard = Heard()
    child = supervisor.start("echo", f"{HERE}:echo", **heard.options)
    child.kill()
    assert await heard.exit() == Exit(code=None, signal=9, restarting=False)
    assert str(Exit(code=None, signal=9, restarting=False)) == "killed by signal 9"


async def test_stop_kills_what_does_not_listen_and_what_it_started(supervisor: Supervisor) -> None:
    heard = Heard()
    child = supervisor.start("stubborn", f"{HERE}:stubborn", restart=RestartBudget(), **heard.options)
    grandchild = int(await heard.message())
    await child.stop(grace=0.05)
    assert (await heard.exit()).signal == signal.SIGKILL
    assert not child.running
    async with asyncio.timeout(10):
        while _lives(grandchild):
            await asyncio.sleep(0)


async def test_programs_get_their_channel_by_number(supervisor: Supervisor) -> None:
    heard = Heard()
    script = r"printf '\0started' >&$1"
    supervisor.start("sh", ["bash", "-c", script, "bash", "{channel}"], **heard.options)
    assert await heard.message() == b"started"
    assert (await heard.exit()).code == 0


async def test_environment_and_output(supervisor: Supervisor) -> None:
    heard = Heard()
    read_end, write_end = os.pipe()
    supervisor.start("env", ["sh", "-c", "echo $WORD"], env={"WORD": "flower"}, output=write_end, **heard.options)
    os.close(write_end)
    await heard.exit()
    assert os.read(read_end, 100) == b"flower\n"
    os.close(read_end)


async def test_nothing_starts_after_close() -> None:
    supervisor = Supervisor(Clock())
    await supervisor.close()
    with pytest.raises(RuntimeError, match="stopping"):
        supervisor.start("late", ["true"])


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return ") Z " not in file.read()
    except OSError:
        return False
