"""What the host agent tells of processes, for engines beside the cloud."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import threading

import pytest
from tests.support.cloud import until

from cloudarium.substrate.host import processes, wire
from cloudarium.substrate.host.client import HostClient
from cloudarium.substrate.host.listeners import Listeners
from cloudarium.substrate.host.loop import Loop
from cloudarium.substrate.host.session import Session


def test_the_cloud_learns_its_pid_and_gets_namespaces() -> None:
    if os.geteuid() != 0:
        pytest.skip("making a network namespace needs root")
    ours, theirs = wire.pair()
    ended = threading.Event()

    def agent() -> None:
        loop = Loop()
        Session(loop, theirs, Listeners(), lambda *_: None)
        while not ended.is_set():
            loop.call_later(0.05, lambda: None)
            loop.turn()

    thread = threading.Thread(target=agent)
    thread.start()
    process = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    path = f"/proc/{process.pid}/ns/net"
    until(lambda: os.stat(path).st_ino != os.stat("/proc/self/ns/net").st_ino, "the namespace is there")

    async def main() -> None:
        host = HostClient(ours)
        assert await host.own_pid() == os.getpid()
        fd = await host.namespace(process.pid)
        assert os.path.samestat(os.fstat(fd), os.stat(path))
        os.close(fd)
        with pytest.raises(PermissionError, match="host's own network"):
            await host.namespace(os.getpid())
        process.kill()
        process.wait()
        with pytest.raises(FileNotFoundError):
            await host.namespace(process.pid)
        for pid in (0, -1):
            with pytest.raises(OSError) as raised:
                await host.namespace(pid)
            assert raised.value.errno == errno.EINVAL
        host.close()

    try:
        asyncio.run(main())
    finally:
        process.kill()
        ended.set()
        thread.join()


def test_a_process_in_a_pid_namespace_is_found() -> None:
    if os.geteuid() != 0:
        pytest.skip("making a pid namespace needs root")
    middle = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "1000"])
    try:
        children = f"/proc/{middle.pid}/task/{middle.pid}/children"

        def child() -> int:
            with open(children) as file:
                return int(file.read() or 0)

        pid = until(child, "the child is there")
        namespace = os.stat(f"/proc/{pid}/ns/pid").st_ino
        assert processes.outer_pid(1, namespace) == pid
        with pytest.raises(ProcessLookupError):
            processes.outer_pid(2, namespace)
    finally:
        middle.kill()
        middle.wait()
