"""The docker driver with a real engine behind Docker's API (Podman's service), and a whole cloud on it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place
from tests.support.engine import EngineProcess
from tests.support.engine import engine as _engine
from tests.unit.compute.tree import rootfs

from cloudarium.kernel.clock import Clock
from cloudarium.substrate.compute.docker.driver import DockerRuntime
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec, LogPolicy, LogRecord, Mount, Resources, Ulimit

engine = pytest.fixture(scope="module")(_engine)


class Host:
    """The host agent's answers, where there is no other pid namespace than the host's."""

    async def own_pid(self) -> int:
        return os.getpid()

    async def namespace(self, pid: int) -> int:
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class World:
    """A runtime, and what a later cloud process would have."""

    def __init__(self, engine: EngineProcess, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.clock = Clock()
        self.compute = self.another()

    def another(self, *, volatile: bool = False) -> DockerRuntime:
        """The runtime of the next cloud process."""
        return DockerRuntime(self.folder / "engine", self.clock, self.engine.url, Host(), volatile=volatile)

    def spec(self, id: str, *argv: str, **fields: Any) -> ContainerSpec:
        """On a root file system of busybox, in two layers."""
        upper = self.folder / "upper"
        (upper / "etc").mkdir(parents=True, exist_ok=True)
        (upper / "etc" / "layer").write_text("upper\n")
        return ContainerSpec(id=id, lowers=[str(upper), str(rootfs(self.folder))], argv=list(argv), **fields)

    async def run(self, id: str, *argv: str, **fields: Any) -> None:
        await self.compute.create(self.spec(id, *argv, **fields))
        await self.compute.start(id)

    async def output(self, id: str, **fields: Any) -> str:
        """All that it writes until it ends."""
        found: list[LogRecord] = []
        async for batch in self.compute.logs(id):
            found += batch
        return "".join(each.data.decode() + ("" if each.partial else "\n") for each in found)

    async def script(self, id: str, script: str, **fields: Any) -> str:
        """Of a container that runs a shell script."""
        await self.run(id, "sh", "-c", script, **fields)
        return await self.output(id)


Run = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.fixture
def run(engine: EngineProcess, tmp_path: Path) -> Run:
    """Runs a body with a runtime of its own; nothing may be left in the engine."""

    def within(body: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            world = World(engine, tmp_path)
            try:
                async with asyncio.timeout(40):
                    await body(world)
            finally:
                await world.compute.reset()
                await world.compute.close()

        asyncio.run(main())
        assert engine.names() == []
        assert "cloudarium" not in engine.run("images", "--all", "--format", "{{.Repository}}")

    return within


@pytest.fixture
def namespace() -> Iterator[int]:
    """A network namespace, as the fabric gives one to a container."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    here = os.stat("/proc/self/ns/net").st_ino
    until(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino != here, "the namespace is there")
    fd = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    process.kill()
    process.wait()
    yield fd
    os.close(fd)


def test_life(run: Run) -> None:
    async def body(world: World) -> None:
        compute = world.compute
        assert compute.capabilities.available and compute.capabilities.driver == "docker"
        seen = []
        compute.watch(lambda id, end: seen.append((id, end.code)))
        await compute.create(world.spec("a", "sh", "-c", "echo out; echo err >&2; hostname; exit 7", hostname="web"))
        logs = asyncio.ensure_future(world.output("a"))  # begun before there is any
        assert compute.state("a") == "created"
        await compute.start("a")
        end = await compute.wait("a")
        assert (end.code, end.oom_killed, end.error) == (7, False, "")
        assert end.started_at is not None and end.finished_at > 0
        assert sorted((await logs).split()) == ["err", "out", "web"]
        assert seen == [("a", 7)] and compute.state("a") == "exited"
        with pytest.raises(ComputeError, match="exists already"):
            await compute.create(world.spec("a", "true"))
        with pytest.raises(ComputeError) as ended:
            await compute.signal("a", 15)
        assert ended.value.kind == "exited"
        await compute.delete("a")
        await compute.delete("a")
        assert compute.state("a") == "unknown" and not (world.folder / "engine" / "a").exists()

    run(body)


def test_a_container_is_as_specified(run: Run) -> None:
    async def body(world: World) -> None:
        (world.folder / "volume").mkdir()
        (world.folder / "volume" / "file").write_text("seen\n")
        text = await world.script(
            "a",
            "cat /etc/layer /volume/file /etc/hosts /etc/resolv.conf; pwd; id -u; id -g; echo $GIVEN; ulimit -n;"
            "touch /volume/x 2>/dev/null || echo volume is read-only; touch /x 2>/dev/null || echo root is read-only;"
            "touch /scratch/x && echo scratch; grep -c NoNewPrivs:.1 /proc/self/status; grep CapBnd /proc/self/status;"
            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
            mounts=[
                Mount(source=str(world.folder / "volume"), target="/volume", readonly=True),
                Mount(kind="tmpfs", target="/scratch", options=["size=1m", "mode=1777"]),
            ],
            hosts="10.0.0.1 web\n",
            resolv_conf="nameserver 10.0.0.2\n",
            cwd="/tmp",
            user="app",
            env=["GIVEN=value"],
            # Both, since Podman raises the one that is not given, which not every machine allows.
            ulimits=[Ulimit(name="nofile", soft=500, hard=600), Ulimit(name="nproc", soft=200, hard=200)],
            readonly_rootfs=True,
            no_new_privileges=True,
            capabilities_drop=["ALL"],
            resources=Resources(memory=64 * 1024 * 1024, cpu_shares=256, pids=50),
        )
        assert text.splitlines() == [
            "upper", "seen", "10.0.0.1 web", "nameserver 10.0.0.2", "/tmp", "1000", "1001", "value", "500",
            "volume is read-only", "root is read-only", "scratch", "1", "CapBnd:\t0000000000000000", "67108864",
        ]  # fmt: skip

    run(body)


def test_refusals_leave_nothing(run: Run) -> None:
    async def body(world: World) -> None:
        for spec, kind, text in (
            (world.spec("a", "true", mounts=[Mount(source="/nonexistent", target="/x")]), "failed", "/nonexistent"),
            (world.spec("b", "true", capabilities_add=["CAP_FLY"]), "failed", "CAP_FLY"),
            (world.spec("c", "true", share_pid_with="z"), "not-found", "no such container: z"),
            (world.spec("d"), "invalid", "no command specified"),
            (ContainerSpec(id="e", merged="/", argv=["true"]), "unsupported", "layers, not folders"),
        ):
            with pytest.raises(ComputeError) as raised:
                await world.compute.create(spec)
            assert (raised.value.kind, text in raised.value.message) == (kind, True), raised.value
            assert world.compute.state(spec.id) == "unknown"
        await world.compute.create(world.spec("a", "nope"))
        with pytest.raises(ComputeError, match="executable file not found") as raised:
            await world.compute.start("a")
        assert raised.value.kind == "failed"

    run(body)


def test_stop_signal_and_patience(run: Run) -> None:
    async def body(world: World) -> None:
        script = "trap 'exit 3' INT; trap '' TERM; echo ready; while true; do sleep 0.05; done"
        for id, name in (("asks", "SIGINT"), ("deaf", "SIGTERM")):
            await world.run(id, "sh", "-c", script, stop_signal=name)
            async for _ in world.compute.logs(id):
                break
        await world.compute.stop("asks", 1000)
        assert (await world.compute.wait("asks")).code == 3
        stopping = asyncio.ensure_future(world.compute.stop("deaf", 1000))
        await asyncio.sleep(0)
        while not stopping.done():
            await world.clock.advance(1000)
            await asyncio.sleep(0.01)
        assert (await world.compute.wait("deaf")).code == 137

    run(body)


def test_networks_of_the_cloud(run: Run, namespace: int) -> None:
    async def body(world: World) -> None:
        inode = f"net:[{os.fstat(namespace).st_ino}]"
        script = "readlink /proc/self/ns/net"
        named = f"{script}; hostname; sleep 1000"
        shared = {"network": namespace, "hostname": "web"}
        await asyncio.gather(*(world.run(id, "sh", "-c", named, **shared) for id in ("a", "b")))
        holders = [each for each in world.engine.names() if not each.startswith("cloudarium-")]
        assert len(holders) == 1, "both are in the network of one holder"
        for id in ("a", "b"):
            said: list[str] = []
            async for batch in world.compute.logs(id):
                said += [each.data.decode() for each in batch]
                if len(said) == 2:
                    break
            assert said == [inode, "web"]
        assert await world.script("own", script, host_network=True) == f"{os.readlink('/proc/self/ns/net')}\n"
        assert await world.script("none", script) not in (f"{inode}\n", f"{os.readlink('/proc/self/ns/net')}\n")
        for id in ("a", "b", "own"):
            await world.compute.delete(id)
        assert [each for each in world.engine.names() if "none" not in each] == [], "the last one takes the holder"

    run(body)


def test_exec(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sleep", "1000", env=["X=1"])
        session = await world.compute.exec("a", ExecSpec(argv=["sh", "-c", "cat; echo $X$Y >&2; exit 5"], env=["Y=2"]))
        await session.write(b"hello\n")
        assert await session.read() == ("stdout", b"hello\n")
        session.close_stdin()
        assert await session.read() == ("stderr", b"12\n")
        assert await session.read() == ("", b"")
        assert await session.wait() == 5
        await session.close()
        script = 'read x; until [ "$(stty size)" = "40 100" ]; do sleep 0.05; done; echo sized $x'
        terminal = await world.compute.exec("a", ExecSpec(argv=["sh", "-c", script], terminal=True))
        terminal.resize(40, 100)
        await terminal.write(b"well\n")
        said = b""
        while part := (await terminal.read())[1]:
            said += part
        assert said.endswith(b"sized well\r\n") and await terminal.wait() == 0
        await terminal.close()
        sleeper = await world.compute.exec("a", ExecSpec(argv=["sleep", "1000"]))
        await sleeper.signal(signal.SIGTERM)
        assert await sleeper.wait() == 143
        await sleeper.close()
        assert (await world.compute.stats("a")).memory_usage > 0
        await world.compute.stop("a", 0)
        with pytest.raises(ComputeError, match="not running"):
            await world.compute.exec("a", ExecSpec(argv=["true"]))

    run(body)


def test_a_cloud_that_comes_back_knows_all(run: Run, namespace: int) -> None:
    async def body(world: World) -> None:
        (world.folder / "volume").mkdir()
        mounts = [Mount(source=str(world.folder / "volume"), target="/volume")]
        script = "echo 1; echo 2; echo 3; while [ ! -e /volume/go ]; do sleep 0.05; done; echo 4; exit 9"
        await world.run(
            "runs", "sh", "-c", script, mounts=mounts, network=namespace, network_key="eni-1", labels={"k": "v"}
        )
        await world.run("ended", "sh", "-c", "exit 4")
        await world.compute.create(world.spec("silent", "true", logs=LogPolicy(mode="none")))
        await world.compute.wait("ended")
        logs, seen = world.compute.logs("runs"), []
        async for batch in logs:
            seen += [each.data for each in batch]
            logs.ack()
            if len(seen) == 3:
                break
        logs.close()
        # No orderly end: the next one finds what this one left.
        world.compute = later = world.another()
        found = {each.id: each for each in await later.recover()}
        assert {id: each.state for id, each in found.items()} == {
            "runs": "running", "ended": "exited", "silent": "created",
        }  # fmt: skip
        assert found["ended"].exit is not None and found["ended"].exit.code == 4
        runs = found["runs"]
        assert (runs.labels, runs.network_key) == ({"k": "v"}, "eni-1")
        fd = runs.take_network()
        assert fd is not None and os.fstat(fd).st_ino == os.fstat(namespace).st_ino
        os.close(fd)
        (world.folder / "volume" / "go").touch()
        assert (await later.wait("runs")).code == 9
        assert await world.output("runs") == "4\n", "what was acknowledged does not come again"
        await later.start("silent")
        assert (await later.wait("silent")).code == 0
        assert await world.output("silent") == ""

    run(body)


def test_an_orderly_end(run: Run, namespace: int) -> None:
    async def body(world: World) -> None:
        script = "trap 'exit 3' TERM; echo ready; while true; do sleep 0.05; done"
        await world.run("a", "sh", "-c", script, network=namespace)
        async for _ in world.compute.logs("a"):
            break
        await world.compute.close()
        assert world.engine.run("ps", "--quiet") == "", "nothing runs, not even what held its network"
        world.compute = world.another()
        found = await world.compute.recover()
        assert [(each.id, each.exit and each.exit.code) for each in found] == [("a", 3)]
        assert await world.output("a") == "ready\n"
        # Whoever kept its records in memory does not know it any more.
        world.compute = world.another(volatile=True)
        assert await world.compute.recover() == [] and world.engine.names() == []

    run(body)


def test_an_engine_that_goes_away(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sh", "-c", "sleep 1; echo late; exit 6")
        logs = asyncio.ensure_future(world.output("a"))
        await asyncio.sleep(0)
        world.engine.stop()
        with pytest.raises(ComputeError) as raised:
            await world.compute.stats("a")
        assert raised.value.kind == "unavailable"
        world.engine.start()
        assert (await world.compute.wait("a")).code == 6
        assert await logs == "late\n"

    run(body)


# -- a whole cloud ---------------------------------------------------------------------------------------------------

APP = """
import json, os, time, urllib.request
while not os.path.exists("/data/go"):
    time.sleep(0.1)
for attempt in range(100):
    # As any SDK would: nobody answers while the cloud comes back.
    try:
        uri = os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"
        task = json.loads(urllib.request.urlopen(uri, timeout=5).read())
        break
    except OSError:
        time.sleep(0.1)
raise SystemExit(21 if task["KnownStatus"] == "RUNNING" else 1)
"""


@pytest.fixture
def engine_cloud(engine: EngineProcess) -> Iterator[RunningCloud]:
    """A cloud whose tasks are the engine's containers; its state is on disk."""
    cloud = RunningCloud(ephemeral=False)
    cloud.environment |= {"CLOUDARIUM_COMPUTE": "docker", "DOCKER_HOST": engine.url}
    yield from life(cloud)


def test_tasks_on_an_engine_survive_the_cloud(engine: EngineProcess, engine_cloud: RunningCloud) -> None:
    place = Place(engine_cloud, Account(engine_cloud, fresh_number()))
    mounts = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    options = {"awslogs-group": "jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    logs = {"logDriver": "awslogs", "options": {**options, "awslogs-create-group": "true"}}
    helper = "echo before; while [ ! -e /data/helper-go ]; do sleep 0.1; done; echo after; touch /data/go; exit 5"
    arn = place.run(
        place.define(
            {"name": "app", "image": "web", "command": ["python3", "-c", APP], **mounts},
            {"name": "helper", "command": ["sh", "-c", helper], "essential": False, "logConfiguration": logs, **mounts},
            volumes=[{"name": "data"}],
            executionRoleArn=place.execution_role,
        )
    )
    before = place.until(arn, "RUNNING")
    assert len([each for each in engine.names() if each.startswith("cloudarium-")]) == 2
    killed = engine_cloud.pids()["cloud"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: engine_cloud.pids().get("cloud", killed) != killed, "the cloud is back", 30)
    after = place.task(arn)
    assert (after["lastStatus"], after["startedAt"]) == ("RUNNING", before["startedAt"])
    folder = engine_cloud.folder / "data" / "images" / "ecs" / "tasks" / arn.rpartition("/")[2] / "volumes" / "data"
    (folder / "helper-go").touch()
    task = place.until(arn, "STOPPED")
    codes = {each["name"]: each["exitCode"] for each in task["containers"]}
    assert codes == {"app": 21, "helper": 5}, "its network leads to the metadata endpoint of the new cloud"
    events = place.account.logs.filter_log_events(logGroupName="jobs")["events"]
    assert [each["message"] for each in events] == ["before", "after"]
    until(lambda: not engine.names(), "its containers and the holder of its network are gone")
