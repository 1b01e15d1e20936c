"""``kill -9`` of the cloud, a shim, a container, init: a container goes on or its end is told, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from glob import glob
from pathlib import Path
from typing import Any

import pytest
from tests.support.cloud import until
from tests.unit.compute.tree import MODES, World, die, in_tree

from cloudarium.substrate.compute.spec import ExecSpec
from cloudarium.substrate.host import proctree

Run = Callable[..., None]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as made:
        yield Path(made)


@pytest.fixture(params=MODES)
def run(request: pytest.FixtureRequest, folder: Path) -> Run:
    """Runs bodies one after another, each as a cloud below the same init."""
    return lambda *bodies: in_tree(str(request.param), list(bodies), folder)


def shims() -> list[int]:
    """Their process ids, as this pid namespace has them."""
    return [process.pid for process in proctree.everyone() if process.name == "cloudarium-shim"]


def strangers() -> list[str]:
    """Processes beside init and this cloud."""
    return [process.name for process in proctree.everyone() if process.pid not in (1, os.getpid())]


async def gone(what: Callable[[], Any]) -> None:
    """Wait until there is nothing of it any more."""
    async with asyncio.timeout(10):
        while what():
            await asyncio.sleep(0.01)


def test_killed_cloud_finds_its_containers_again(run: Run) -> None:
    async def first(world: World) -> None:
        network = os.open("/proc/self/ns/net", os.O_RDONLY)
        await world.run("ticks", "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done")
        await world.run("net", "sleep", "1000", network=network, network_key="eni-1", labels={"task": "t"})
        await world.run("brief", "sh", "-c", "sleep 0.3; echo last words; exit 6")
        await world.compute.create(world.spec("waits", "sh", "-c", "echo started"))
        await world.compute.exec("net", ExecSpec(argv=["sleep", "4242"]))
        logs = world.compute.logs("ticks")
        async for batch in logs:
            (world.folder / "acked").write_text(batch[-1].data.decode())
            logs.ack()
            break
        die()

    async def second(world: World) -> None:
        found = {each.id: each for each in world.compute.recovered()}
        assert {id: each.state for id, each in found.items() if id != "brief"} == {
            "net": "running",
            "ticks": "running",
            "waits": "created",
        }
        net = found["net"]
        assert (net.labels, net.network_key) == ({"task": "t"}, "eni-1")
        fd = net.take_network()
        assert fd is not None and os.fstat(fd).st_ino == os.stat("/proc/self/ns/net").st_ino
        os.close(fd)
        # Its execs were the dead cloud's.
        await gone(lambda: [p for p in glob("/proc/[0-9]*/cmdline") if b"4242" in _read(p)])
        assert (await world.compute.wait("brief")).code == 6
        assert await world.output("brief") == "last words\n"
        await world.compute.start("waits")
        assert (await world.compute.wait("waits")).code == 0
        assert await world.command("ticks", "echo still here") == (0, "still here\n")
        # Output goes on where it was acknowledged: no line twice, none missing.
        want = int((world.folder / "acked").read_text()) + 1
        logs = world.compute.logs("ticks")
        async for batch in logs:
            assert [int(record.data) for record in batch] == list(range(want, want + len(batch)))
            break
        await world.compute.stop("ticks", 0)
        for id in ("ticks", "net", "brief", "waits"):
            await world.compute.delete(id)
        await gone(strangers)
        assert "overlay" not in "".join(line for line in _mounts() if str(world.folder) in line)

    run(first, second)


def test_killed_while_creating(run: Run) -> None:
    async def first(world: World) -> None:
        for number in range(8):
            asyncio.get_running_loop().create_task(world.run(f"c{number}", "sleep", "1000"))
        await asyncio.sleep(0.05)
        die()

    async def second(world: World) -> None:
        for each in world.compute.recovered():
            assert each.state in ("created", "running")
            await world.compute.delete(each.id)
        await gone(strangers)
        await world.run("c0", "true")
        assert (await world.compute.wait("c0")).code == 0

    run(first, second)


def test_killed_shim_takes_its_container_along(run: Run) -> None:
    async def body(world: World) -> None:
        seen = []
        world.compute.watch(lambda id, end: seen.append(id))
        await world.run("other", "sleep", "1000")
        (keep,) = shims()
        await world.run("a", "sh", "-c", "sleep 1001 & sleep 1002")
        session = await world.compute.exec("a", ExecSpec(argv=["sleep", "1003"]))
        (victim,) = set(shims()) - {keep}
        os.kill(victim, signal.SIGKILL)
        end = await world.compute.wait("a")
        assert end.code is None and "supervisor was killed" in end.error
        assert seen == ["a"] and world.compute.state("a") == "exited"
        assert await session.wait() == 137
        await session.close()
        await gone(lambda: [p for p in glob("/proc/[0-9]*/cmdline") if b"100" in _read(p) and b"1000" not in _read(p)])
        assert world.compute.state("other") == "running"
        await world.compute.delete("a")
        await world.run("a", "true")
        assert (await world.compute.wait("a")).code == 0

    run(body)


def test_killed_container_and_shim_while_no_cloud_looks(run: Run) -> None:
    async def first(world: World) -> None:
        await world.run("a", "sleep", "1001")
        (shim,) = shims()
        await world.run("b", "sleep", "1002")
        container = world.compute._containers["b"].pid
        assert container is not None
        os.kill(shim, signal.SIGKILL)
        os.kill(container, signal.SIGKILL)
        die()

    async def second(world: World) -> None:
        found = {each.id: each for each in world.compute.recovered()}
        assert found["a"].exit is not None and found["a"].exit.error and found["a"].exit.code is None
        assert (await world.compute.wait("b")).signal == 9
        await world.compute.delete("a")
        await world.compute.delete("b")
        await gone(strangers)

    run(first, second)


def test_cloud_stops_in_order(run: Run, folder: Path) -> None:
    async def first(world: World) -> None:
        await world.run("a", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while true; do sleep 0.02; done")
        await world.run("b", "sleep", "1000")
        async for _ in world.compute.logs("a"):
            break
        world.orderly = True

    async def second(world: World) -> None:
        await gone(strangers)
        found = {each.id: each for each in world.compute.recovered()}
        assert found["a"].exit is not None and found["a"].exit.code == 3
        assert found["b"].exit is not None and found["b"].exit.signal == 9
        assert await world.output("a") == "ready\nbye\n"

    run(first, second)
    assert not glob(f"/sys/fs/cgroup/*/*{folder.name}*")


def test_killed_tree_leaves_cgroups_only_until_the_next_start() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has cgroups")
    groups = "/sys/fs/cgroup/**/cloudarium-test-*"

    async def stays(world: World) -> None:
        if not world.compute.capabilities.limits:
            pytest.skip("cgroups cannot be written here")
        await world.run("a", "sleep", "1000")
        (world.folder / "left").write_text(world.compute._machine.cgroups._name)
        os._exit(0)  # without the orderly end; the tree is killed next

    async def after(world: World) -> None:
        (lost,) = world.compute.recovered()
        assert lost.exit is not None and "killed while the container ran" in lost.exit.error
        assert world.compute.capabilities.limits
        await world.compute.delete("a")

    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as folder:
        in_tree("root", stays, Path(folder))
        left = Path(folder, "left").read_text()
        assert [path for path in glob(groups) if path.endswith(left)]
        in_tree("root", after, Path(folder))
        until(lambda: not [path for path in glob(groups) if path.endswith(left)], "old cgroups are removed", 1)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _mounts() -> list[str]:
    return Path("/proc/1/mounts").read_text().splitlines()


def test_killed_agent_takes_containers_along() -> None:
    async def body(world: World) -> None:
        await world.run("a", "sleep", "1000", init=True)
        await world.run("b", "sleep", "1000")
        (world.folder / "ready").touch()
        await asyncio.sleep(60)

    def theirs() -> list[str]:
        """Programs of processes that stand in the folder, or hang on those that do."""
        roots = [p for p in proctree.everyone() if _cwd(p.pid).startswith(folder)]
        return [p.name for root in roots for p in (root, *proctree.descendants(root.pid))]

    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as folder:
        tester = os.fork()
        if tester == 0:
            try:
                in_tree(MODES[0], body, Path(folder))
            finally:
                os._exit(0)
        try:
            until((Path(folder) / "ready").exists, "containers run")
            assert sorted(theirs()).count("sleep") == 2
            agent = next(p.pid for p in proctree.everyone() if p.parent == tester)
            os.kill(agent, signal.SIGKILL)
            until(lambda: not theirs(), "nothing is left", 5)
        finally:
            os.kill(tester, signal.SIGKILL)
            os.waitpid(tester, 0)
        assert folder not in Path("/proc/self/mounts").read_text()


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
