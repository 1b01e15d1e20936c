"""Real containers in a test: the real init in its namespaces, and a coroutine in the place of the cloud.

    in_tree(mode, body, folder)                 # async def body(world: World)
    in_tree(mode, [first, second], folder)      # second runs in the next cloud, after the first has killed itself

Nothing survives: init is pid 1 of a pid namespace and ends with the test.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

import cloudarium.substrate.compute.runc.shim.main  # noqa: F401  an ordinary user may not be able to read it later
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.parentage import adopt_orphans
from cloudarium.substrate.compute.runc.driver import RuncRuntime
from cloudarium.substrate.compute.runc.machine import find_program
from cloudarium.substrate.compute.runc.shim import kernel
from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec
from cloudarium.substrate.host import namespaces, wire
from cloudarium.substrate.host.boot import Boot
from cloudarium.substrate.host.spawn import spawn_init

_LIMIT = 24
ROOT, ORDINARY, USER = "root", "ordinary-user", "user"
"""As root; as an ordinary user, which root becomes for it; as whoever runs the tests, when that is not root."""
MODES = (ROOT, ORDINARY) if os.geteuid() == 0 else (USER,)
NOBODY = 65_534
_APPLETS = """
    sh sleep echo cat ls id true false kill yes head seq stty ps test mkdir hostname env pwd touch wc dd
"""
_bodies: list[Callable[[World], Awaitable[None]]] = []
_folder = Path()
_limit = _LIMIT


class World:
    """What a body has."""

    def __init__(self, folder: Path, init_fd: int, volatile: bool = False) -> None:
        self.folder = folder
        self.orderly = False
        """Whether the end of the body is the end of a cloud, with time for programs to end, and their exits kept."""
        self.clock = Clock()
        self.compute = RuncRuntime(folder / "containers", self.clock, init_fd, f"test-{os.getpid()}-{folder.name}")

    def spec(self, id: str, *argv: str, **fields: Any) -> ContainerSpec:
        """A container on a root file system of busybox alone, as a layer that containers share."""
        lower = rootfs(self.folder)
        place = self.folder / "mounts" / id
        for name in ("upper", "work", "merged"):
            (place / name).mkdir(parents=True, exist_ok=True)
        paths = {name: str(place / name) for name in ("upper", "work", "merged")}
        return ContainerSpec(id=id, lowers=[str(lower)], argv=list(argv), **paths, **fields)

    async def run(self, id: str, *argv: str, **fields: Any) -> None:
        """Create and start."""
        await self.compute.create(self.spec(id, *argv, **fields))
        await self.compute.start(id)

    async def output(self, id: str) -> str:
        """All that a container wrote until it ended, acknowledged."""
        logs = self.compute.logs(id)
        found = []
        async for batch in logs:
            found += [record.data.decode() + ("" if record.partial else "\n") for record in batch]
            logs.ack()
        return "".join(found)

    async def command(self, id: str, script: str, **fields: Any) -> tuple[int, str]:
        """Run a shell script in a container: exit code and output."""
        session = await self.compute.exec(id, ExecSpec(argv=["sh", "-c", script], **fields))
        found = b""
        while (part := await session.read())[1]:
            found += part[1]
        code = await session.wait()
        await session.close()
        return code, found.decode()


def rootfs(folder: Path) -> Path:
    """A root file system of busybox."""
    root = folder / "rootfs"
    if not root.exists():
        for name in ("bin", "etc", "tmp", "root", "home/app", "proc", "sys", "dev"):
            (root / name).mkdir(parents=True)
        shutil.copy(busybox(), root / "bin" / "busybox")
        for name in _APPLETS.split():
            (root / "bin" / name).symlink_to("busybox")
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\napp:x:1001:\nextra:x:1002:app\n")
    return root


def busybox() -> str:
    """A static busybox; skips without."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path) and b"ld-linux" not in Path(path).read_bytes()[:4096]:
            return path
    pytest.skip("busybox-static is needed")


def in_tree(mode: str, bodies: Any, folder: Path, limit: int = _LIMIT) -> None:
    """Run bodies as one cloud after another below one init; fails as they do."""
    if find_program() is None:
        pytest.skip("runc is needed")
    busybox()
    if mode == ORDINARY:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    global _folder, _limit
    _limit = limit
    _bodies[:] = bodies if isinstance(bodies, list) else [bodies]
    _folder = folder
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    agent = os.fork()
    if agent == 0:
        os.close(read)
        _agent(mode, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        report = pipe.read().decode(errors="replace")
    os.waitpid(agent, 0)
    if report:
        pytest.fail(report, pytrace=False)


def _agent(mode: str, write: int) -> None:
    try:
        if mode == ORDINARY:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            kernel.set_dumpable(True)  # else its /proc files are root's
        adopt_orphans()
        signal.alarm(_limit)
        init = spawn_init(
            "tests.unit.compute.tree:_cloud", [namespaces.PLAIN if mode == ROOT else namespaces.USER], lambda: None
        )
        init.channel.settimeout(_limit)
        for number in range(len(_bodies)):
            os.set_inheritable(write, True)
            boot = {
                "port": number,
                "data_dir": str(_folder),
                "ephemeral": False,
                "gateway_fd": write,
                "namespaces": True,
                "reason": "",
                "private_proc": init.private_proc,
                "runtime_dir": str(_folder),
                "version": "",
            }
            wire.send(init.channel, wire.encode({"do": "start", "boot": boot}))
            while True:
                data, fds = wire.receive(init.channel)
                wire.discard(fds)
                message = wire.decode(data) or {}
                if message.get("event") == "exit":
                    break
            killed = message.get("signal") == signal.SIGKILL and number < len(_bodies) - 1
            if message.get("code") != 0 and not killed:
                os.write(write, f"body {number} ended: {message}".encode())
                break
        os.kill(init.pid, signal.SIGKILL)
        os.waitpid(init.pid, 0)
    except BaseException:
        os.write(write, traceback.format_exc().encode())
    finally:
        os._exit(0)


def _cloud(boot: Boot) -> None:
    async def main() -> None:
        world = World(Path(boot.data_dir or ""), boot.init_fd)
        await world.compute.recover()
        async with asyncio.timeout(_limit / 2):
            await _bodies[boot.port](world)
        if not world.orderly:
            await world.compute.reset()  # without asking programs that do not listen
        await world.compute.close()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except BaseException:
        os.write(boot.gateway_fd, traceback.format_exc()[-20_000:].encode())
        raise SystemExit(1) from None


def die() -> None:
    """End this cloud as a crash would."""
    os.kill(os.getpid(), signal.SIGKILL)
