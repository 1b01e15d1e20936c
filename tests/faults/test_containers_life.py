"""Containers do what their specification says: real ones, through the runtime, as root and as an ordinary user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from glob import glob
from pathlib import Path

import pytest
from tests.unit.compute.tree import MODES, ROOT, World, in_tree, rootfs

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ExecSpec, LogPolicy, Mount, Resources, Ulimit

Run = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Who runs the cloud."""
    return str(request.param)


@pytest.fixture
def run(mode: str) -> Iterator[Run]:
    """Runs a body in a cloud of its own."""
    # Not pytest's folder: an ordinary user must get in.
    with tempfile.TemporaryDirectory(prefix="cloudarium-test-") as folder:
        yield lambda body: in_tree(mode, body, Path(folder))


@pytest.fixture
def run_as_root(mode: str, run: Run) -> Run:
    """The same, where only root can."""
    if mode != ROOT:
        pytest.skip("needs root")
    return run


def test_life(run: Run) -> None:
    async def body(world: World) -> None:
        seen = []
        world.compute.watch(lambda id, end: seen.append((id, end.code)))
        await world.run("a", "sh", "-c", "echo out; echo err >&2; hostname; exit 7", hostname="web", labels={"x": "y"})
        end = await world.compute.wait("a")
        assert (end.code, end.signal, end.oom_killed, end.error) == (7, None, False, "")
        assert end.started_at is not None and end.started_at <= end.finished_at
        assert sorted((await world.output("a")).split()) == ["err", "out", "web"]
        assert seen == [("a", 7)]
        assert world.compute.state("a") == "exited"
        with pytest.raises(ComputeError, match="exists already"):
            await world.compute.create(world.spec("a", "true"))
        await world.compute.delete("a")
        await world.compute.delete("a")
        assert world.compute.state("a") == "unknown"
        assert not (world.folder / "containers" / "a").exists()

    run(body)


def test_refusals_are_in_runcs_words(run: Run) -> None:
    async def body(world: World) -> None:
        for spec, kind, text in (
            (world.spec("a", "nope"), "failed", 'exec: "nope": executable file not found in $PATH'),
            (world.spec("b", "true", user="nobody-such"), "invalid", "unable to find user nobody-such"),
            (world.spec("c", "true", capabilities_add=["CAP_FLY"]), "invalid", "unknown capability"),
            (world.spec("d", "true", mounts=[Mount(source="/nonexistent", target="/x")]), "failed", "nonexistent"),
            (world.spec("e", "true", share_pid_with="z"), "not-found", "no such container: z"),
        ):
            with pytest.raises(ComputeError) as raised:
                await world.compute.create(spec)
            assert raised.value.kind == kind and text in raised.value.message
            assert world.compute.state(spec.id) == "unknown"
        # A refused id may be used again.
        await world.run("a", "true")
        assert (await world.compute.wait("a")).code == 0

    run(body)


def test_stop_signal_and_patience(run: Run) -> None:
    async def body(world: World) -> None:
        # With sleep in the foreground the shell would not run its trap.
        script = "trap 'exit 3' INT; trap '' TERM; echo ready; while true; do sleep 0.05; done"
        for id, signal in (("asks", "SIGINT"), ("deaf", "SIGTERM")):
            await world.run(id, "sh", "-c", script, stop_signal=signal)
            async for _ in world.compute.logs(id):
                break
        await world.compute.stop("asks", 30)
        assert (await world.compute.wait("asks")).code == 3
        world.clock.scale(100)
        await world.compute.stop("deaf", 30)
        end = await world.compute.wait("deaf")
        assert (end.code, end.signal) == (137, 9)

    run(body)


def test_exec(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sleep", "1000", env=["COLOUR=red"], cwd="/tmp", capabilities_drop=["NET_RAW"])
        assert await world.command("a", "echo $COLOUR $SHAPE; pwd", env=["SHAPE=round"]) == (0, "red round\n/tmp\n")
        assert (await world.command("a", "exit 9"))[0] == 9
        assert (await world.command("a", "kill -9 $$"))[0] == 137
        # The same capabilities, namespaces and cgroup as the container's own program.
        own = "grep -E 'Cap|NoNewPrivs|Groups' /proc/1/status; cut -d: -f3 /proc/1/cgroup | sort -u"
        mine = own.replace("/1/", "/self/")
        status, text = await world.command("a", own.replace("grep", "busybox grep").replace("cut", "busybox cut"))
        assert (status, text.count("Cap")) == (0, 5)
        again = await world.command("a", mine.replace("grep", "busybox grep").replace("cut", "busybox cut"))
        assert again == (status, text)
        for kind in ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup"):
            code, links = await world.command(
                "a", f"busybox readlink /proc/1/ns/{kind}; busybox readlink /proc/self/ns/{kind}"
            )
            assert code == 0 and len(set(links.split())) == 1
        # Nothing of the shim's came along.
        assert set((await world.command("a", "ls /proc/self/fd"))[1].split()) <= {"0", "1", "2", "3"}
        with pytest.raises(ComputeError, match="executable file not found"):
            await world.compute.exec("a", ExecSpec(argv=["nope"]))
        with pytest.raises(ComputeError, match="no such file or directory"):
            await world.compute.exec("a", ExecSpec(argv=["true"], cwd="/proc/self/fd/9"))

    run(body)


def test_exec_streams_and_terminal(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sleep", "1000")
        session = await world.compute.exec("a", ExecSpec(argv=["sh", "-c", "cat; echo err >&2"]))
        await session.write(b"x" * 300_000)
        session.close_stdin()
        found = {"stdout": b"", "stderr": b""}
        while (part := await session.read())[1]:
            found[part[0]] += part[1]
        assert found == {"stdout": b"x" * 300_000, "stderr": b"err\n"}
        assert await session.wait() == 0
        await session.close()

        session = await world.compute.exec("a", ExecSpec(argv=["sh"], terminal=True, rows=40, cols=120))

        seen = b""

        async def until(text: bytes) -> None:
            nonlocal seen
            while text not in seen:
                _, data = await session.read()
                assert data, seen
                seen += data
            seen = seen.partition(text)[2]

        await session.write(b"stty size; test -t 0 && echo $((40+2))\n")
        await until(b"40 120")
        await until(b"42")
        session.resize(50, 132)
        await session.write(b"stty size\n")
        await until(b"50 132")
        await session.write(b"exit 5\n")
        assert await session.wait() == 5
        await session.close()
        # One that is forgotten is killed.
        session = await world.compute.exec("a", ExecSpec(argv=["sleep", "1000"]))
        await session.close()
        assert await session.wait() == 137

    run(body)


def test_users(run_as_root: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sh", "-c", "id; echo $HOME", user="app")
        await world.compute.wait("a")
        assert await world.output("a") == "uid=1000(app) gid=1001(app) groups=1001(app),1002(extra)\n/home/app\n"
        await world.run("b", "sleep", "1000", user="app")
        assert await world.command("b", "id -u; id -g; echo $HOME") == (0, "1000\n1001\n/home/app\n")
        assert await world.command("b", "id -u; echo $HOME", user="0") == (0, "0\n/root\n")
        assert await world.command("b", "id -u; id -g", user="4242:77") == (0, "4242\n77\n")
        assert "CapEff:\t0000000000000000" in (await world.command("b", "cat /proc/self/status"))[1]

    run_as_root(body)


def test_other_users_are_refused_to_an_ordinary_user(mode: str, run: Run) -> None:
    if mode == ROOT:
        pytest.skip("root has all users")

    async def body(world: World) -> None:
        assert not world.compute.capabilities.users
        with pytest.raises(ComputeError, match="runs as an ordinary user") as raised:
            await world.compute.create(world.spec("a", "true", user="app"))
        assert raised.value.kind == "unsupported"

    run(body)


def test_hostile_passwd(run: Run) -> None:
    async def body(world: World) -> None:
        secret = world.folder / "secret"
        secret.write_text("evil:x:0:0::/:/bin/sh\n")
        etc = rootfs(world.folder) / "etc"
        for replace in (lambda path: path.symlink_to(secret), os.mkfifo, os.mkdir):
            for name in ("passwd", "group"):
                path = etc / name
                path.unlink() if not path.is_dir() else path.rmdir()
                replace(path)
            with pytest.raises(ComputeError, match="unable to find user evil"):
                await world.compute.create(world.spec("a", "true", user="evil"))

    run(body)


def test_mounts(run: Run) -> None:
    async def body(world: World) -> None:
        shared = world.folder / "shared"
        shared.mkdir()
        (shared / "file").write_text("from outside\n")
        mounts = [
            Mount(source=str(shared), target="/data"),
            Mount(source=str(shared), target="/data/inner", readonly=True),
            Mount(target="/scratch", kind="tmpfs", options=["size=1m", "mode=1777"]),
            Mount(source=str(shared / "file"), target="/etc/one"),
        ]
        (shared / "inner").mkdir()
        await world.run(
            "a", "sleep", "1000", mounts=mounts, readonly_rootfs=True, shm_size=2 << 20, hosts="1.2.3.4 x\n"
        )
        assert await world.command("a", "cat /data/file /etc/one /etc/hosts") == (
            0,
            "from outside\n" * 2 + "1.2.3.4 x\n",
        )
        for path, ok in (("/data/new", True), ("/data/inner/no", False), ("/no", False), ("/scratch/yes", True)):
            assert ((await world.command("a", f"touch {path}"))[0] == 0) is ok, path
        assert (shared / "new").exists()
        code, _ = await world.command("a", "dd if=/dev/zero of=/dev/shm/x bs=1M count=3")
        assert code != 0
        assert (await world.command("a", "touch /proc/sysrq-trigger && echo b > /proc/sysrq-trigger"))[0] != 0

    run(body)


def test_init_reaps_and_ends_with_the_program(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sh", "-c", "(sleep 0.01 &); sleep 1000", init=True)
        code, text = await world.command("a", "sleep 0.1; ps")
        assert code == 0
        rows = [line.split(None, 2) for line in text.splitlines()[1:]]
        assert rows[0][0] == "1" and "sleep 0.01" not in text
        # Its pid 1 shows nothing of the machine.
        assert (await world.command("a", "busybox readlink /proc/1/exe"))[0] != 0
        for path in ("/proc/1/root/", "/proc/1/fd/"):
            assert (await world.command("a", f"ls -lA {path} 2>/dev/null"))[1] in ("", "total 0\n")
        await world.command("a", "sleep 1000 >/dev/null 2>&1 &")
        # Not being pid 1 the program needs no handler to end.
        await world.compute.stop("a", 30)
        assert (await world.compute.wait("a")).code == 143
        await world.run("b", "sh", "-c", "sleep 1000 & exit 4", init=True)
        assert (await world.compute.wait("b")).code == 4

    run(body)


def test_shared_namespaces_and_pause(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("pause")
        await world.run("a", "sleep", "1000", share_pid_with="pause", share_ipc_with="pause")
        await world.run("b", "sleep", "1001", share_pid_with="pause")
        text = (await world.command("a", "ps"))[1]
        assert "sleep 1000" in text and "sleep 1001" in text
        await world.compute.stop("a", 0)
        assert world.compute.state("b") == "running"
        await world.compute.stop("pause", 10)
        assert (await world.compute.wait("b")).code == 137

    run(body)


def test_output_nothing_is_lost_and_long_lines_are_cut(run: Run) -> None:
    async def body(world: World) -> None:
        script = "seq 1 200000; head -c 40000 /dev/zero | busybox tr '\\0' z; echo; echo -n unfinished"
        await world.run("a", "sh", "-c", script)
        records, streams = [], set()
        async for batch in (logs := world.compute.logs("a")):
            records += batch
            streams |= {record.stream for record in batch}
            logs.ack()
        assert [record.data for record in records[:200_000]] == [str(n).encode() for n in range(1, 200_001)]
        tail = [(len(record.data), record.partial) for record in records[200_000:]]
        assert tail == [(16384, True), (16384, True), (7232, False), (10, False)]
        assert streams == {"stdout"} and logs.dropped == 0
        # What was acknowledged does not come again.
        assert await world.output("a") == ""

    run(body)


def test_full_spool_blocks_or_drops(run: Run) -> None:
    async def body(world: World) -> None:
        line = "seq 1 400000"
        await world.run("waits", "sh", "-c", line, logs=LogPolicy(limit=256 * 1024))
        await world.run("drops", "sh", "-c", line, logs=LogPolicy(mode="non-blocking", limit=256 * 1024))
        await world.compute.wait("drops")
        assert world.compute.state("waits") == "running"
        size = sum(path.stat().st_size for path in (world.folder / "containers" / "drops" / "log").iterdir())
        assert size <= 512 * 1024
        lines = (await world.output("drops")).split()
        assert lines[-1] == "400000" and len(lines) < 200_000
        assert world.compute.logs("drops").dropped > 1_000_000
        assert (await world.output("waits")).split() == [str(n) for n in range(1, 400_001)]
        assert (await world.compute.wait("waits")).code == 0

    run(body)


def test_terminal_output(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sh", "-c", "test -t 1 && echo terminal $TERM", terminal=True)
        assert (await world.compute.wait("a")).code == 0
        assert await world.output("a") == "terminal xterm\r\n"

    run(body)


def test_limits(run_as_root: Run) -> None:
    async def body(world: World) -> None:
        if not {"memory", "pids"} <= world.compute.capabilities.limits:
            pytest.skip("cgroups cannot be written here")
        await world.compute.group("task", Resources(memory=12 << 20, cpu_shares=512))
        hog = "x=a; while true; do x=$x$x; done"
        await world.run("a", "sh", "-c", hog, cgroup_parent="task", resources=Resources(memory=8 << 20))
        end = await world.compute.wait("a")
        assert end.oom_killed and end.signal == 9
        # The group's limit holds for a container without one.
        await world.run("b", "sh", "-c", hog, cgroup_parent="task")
        assert (await world.compute.wait("b")).oom_killed
        limits = Resources(pids=5, cpu_quota_us=20_000, memory=10 << 20)
        nofile = [Ulimit(name="nofile", soft=100, hard=200)]
        await world.run("c", "sleep", "1000", cgroup_parent="task", resources=limits, ulimits=nofile)
        assert (await world.command("c", "ulimit -n; ulimit -Hn"))[1] == "100\n200\n"
        assert (await world.command("c", "for n in 1 2 3 4 5 6; do sleep 9 >/dev/null 2>&1 & done"))[0] != 0
        stats = await world.compute.stats("c")
        assert (stats.memory_limit, stats.pids_limit) == (10 << 20, 5)
        assert stats.memory_usage > 0 and stats.cpu_total_ns > 0 and stats.pids >= 1
        for id in "abc":
            await world.compute.delete(id)
        await world.compute.ungroup("task")
        assert not [path for path in glob("/sys/fs/cgroup/**/task", recursive=True) if "cloudarium-test" in path]

    run_as_root(body)


def test_stats_without_cgroups_too(run: Run) -> None:
    async def body(world: World) -> None:
        await world.run("a", "sh", "-c", "while true; do :; done")
        first = await world.compute.stats("a")
        while (second := await world.compute.stats("a")).cpu_total_ns == first.cpu_total_ns:
            await world.command("a", "true")
        assert second.cpu_total_ns > first.cpu_total_ns and second.pids >= 1

    run(body)
