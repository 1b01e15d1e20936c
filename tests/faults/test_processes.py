"""``kill -9`` of each process of the tree: either all of it is gone, or all of it is back."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.cloud import until
from tests.support.tree.running import Tree, python_for_everyone

WORLDS = [
    pytest.param(("-", False), id="namespaces"),
    pytest.param(("none", False), id="no-namespaces"),
    pytest.param(("-", True), id="namespaces-ordinary-user"),
    pytest.param(("none", True), id="no-namespaces-ordinary-user"),
]
Make = Callable[..., Tree]


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes trees that are removed with the test."""
    trees: list[Tree] = []

    def make(entry: str = "main", world: tuple[str, bool] = ("-", False)) -> Tree:
        modes, ordinary = world
        if ordinary and os.geteuid() != 0:
            pytest.skip("this is an ordinary user already")
        if ordinary and python_for_everyone() is None:
            pytest.skip("no Python that an ordinary user may run")
        trees.append(Tree(entry, modes, ordinary))
        return trees[-1]

    yield make
    for tree in trees:
        tree.remove()


def answers(tree: Tree) -> bool:
    """Whether the cloud answers."""
    try:
        return bool(tree.get()["status"] == "running")
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize("world", WORLDS)
def test_down_leaves_nothing(make: Make, world: tuple[str, bool]) -> None:
    tree = make(world=world)
    facts = tree.up()
    assert facts["namespaces"] is (world[0] == "-")
    assert set(tree.pids()) == {"host agent", "init", "cloud", "node", "stranger"}
    # What others mount meanwhile is no business of ours.
    mounts = Path("/proc/self/mounts").read_text()
    assert str(tree.folder) not in mounts and "cloudarium /" not in mounts

    done = tree.command("down", "--json")

    assert (done.returncode, json.loads(done.stdout)["forced"]) == (0, False)
    assert tree.alive() == []
    tree.assert_gone()
    assert list((tree.folder / "run" / "cloudarium").iterdir()) == []
    assert tree.command("status").returncode == 3


@pytest.mark.parametrize("world", WORLDS)
def test_killed_agent_takes_everything_with_it(make: Make, world: tuple[str, bool]) -> None:
    tree = make(world=world)
    tree.up()
    assert len(tree.alive()) == 5

    os.kill(tree.pids()["host agent"], signal.SIGKILL)

    tree.assert_gone()
    assert tree.command("down").returncode == 3
    assert tree.up()["phase"] == "running"


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("victim", ["init", "cloud"])
def test_killed_init_or_cloud_comes_back(make: Make, world: tuple[str, bool], victim: str) -> None:
    tree = make(world=world)
    tree.up()
    before = tree.pids()

    os.kill(before[victim], signal.SIGKILL)
    until(lambda: before["cloud"] not in tree.alive(), "the old cloud ends")

    # Nobody was refused meanwhile: the agent holds the port.
    answer = tree.get()
    assert answer["boot"]["restarts"] == 1
    assert answer["boot"]["namespaces"] is (world[0] == "-")
    after = tree.pids()
    assert set(after) == set(before)
    assert after["host agent"] == before["host agent"]
    assert (after["init"] == before["init"]) is (victim == "cloud")
    assert not {before["cloud"], before["node"], before["stranger"]} & set(tree.alive())


@pytest.mark.parametrize("world", WORLDS)
def test_killed_node_comes_back(make: Make, world: tuple[str, bool]) -> None:
    tree = make(world=world)
    tree.up()
    before = tree.pids()

    os.kill(before["node"], signal.SIGKILL)

    until(lambda: tree.pids().get("node", before["node"]) != before["node"], "the node is back")
    assert tree.pids()["cloud"] == before["cloud"]


def test_killed_agent_and_init_at_once(make: Make) -> None:
    tree = make()
    tree.up()
    pids = tree.pids()
    os.kill(pids["host agent"], signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it may have followed the agent already
        os.kill(pids["init"], signal.SIGKILL)
    tree.assert_gone()


def test_a_cloud_that_dies_again_and_again_is_given_up(make: Make) -> None:
    tree = make("never_ready")
    done = tree.command("up", "--detach")
    assert done.returncode == 1
    assert "the cloud was killed by SIGKILL, 6 times within 60 s" in done.stderr
    tree.assert_gone()


@pytest.mark.parametrize("detach", [True, False])
def test_a_cloud_that_cannot_start_says_why_and_is_not_tried_again(make: Make, detach: bool) -> None:
    tree = make("broken")
    done = tree.command("up", *(["--detach"] if detach else []))
    assert done.returncode == 1
    assert "the cloud failed (RuntimeError: the fake cloud has no heart)" in done.stderr
    assert done.stderr.count("Traceback") == 1
    tree.assert_gone()


def test_a_cloud_that_ends_by_itself_ends_the_tree(make: Make) -> None:
    tree = make()
    foreground = tree.foreground()
    until(lambda: answers(tree), "the cloud is up")
    with pytest.raises((OSError, http.client.HTTPException)):
        tree.get("/exit/0")
    assert foreground.wait(10) == 0
    tree.assert_gone()
    foreground.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_foreground_stops_in_order(make: Make, number: signal.Signals) -> None:
    tree = make()
    foreground = tree.foreground()
    until(lambda: answers(tree), "the cloud is up")
    foreground.send_signal(number)
    out, err = foreground.communicate(timeout=10)
    assert (foreground.returncode, err) == (0, "")
    assert f"is running at http://127.0.0.1:{tree.port}" in out
    tree.assert_gone()


def test_asking_twice_kills_a_cloud_that_does_not_stop(make: Make) -> None:
    tree = make("deaf")
    tree.up()
    init = [pid for pid in tree.alive() if Path(f"/proc/{pid}/comm").read_text() == "cloudarium-init\n"]
    agent = json.loads((tree.folder / "run/cloudarium" / str(tree.port) / "state.json").read_text())["pid"]
    assert len(init) == 1

    def ask_again() -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(agent, signal.SIGTERM)
        return not tree.alive()

    # Well before the agent itself would lose patience.
    until(ask_again, "the tree ends", 5)
    tree.assert_gone()


def test_up_says_who_is_in_the_way(make: Make) -> None:
    tree = make()
    tree.up()
    again = tree.command("up", "--ephemeral", "--detach")
    assert again.returncode == 1
    assert f"a cloud is already running on port {tree.port} (process {tree.pids()['host agent']})" in again.stderr

    other = make()
    other.environment |= {key: tree.environment[key] for key in ("XDG_RUNTIME_DIR",)}
    data = str(tree.folder / "data" / "cloudarium" / str(tree.port))
    shared = other.command("up", "--data", data, "--detach")
    assert shared.returncode == 1
    assert f"is in use by the cloud on port {tree.port}" in shared.stderr

    missing = other.command("status", "--json")
    assert missing.returncode == 3
    assert json.loads(missing.stderr)["hint"] == f"this user's clouds are on port {tree.port}: say --port {tree.port}"

    with socket.create_server(("127.0.0.1", other.port)):
        taken = other.command("up", "--ephemeral", "--detach", "--json")
    assert taken.returncode == 1
    assert json.loads(taken.stderr)["error"].startswith(f"port {other.port} is taken by ")
    assert f"(process {os.getpid()})" in taken.stderr


def test_agent_opens_sockets_of_the_host(make: Make) -> None:
    tree = make()
    tree.up()
    assert tree.get()["interfaces"] == ["lo"]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"from the host")

        thread = threading.Thread(target=serve)
        thread.start()
        assert tree.get(f"/dial/{server.getsockname()[1]}") == {"got": "from the host"}
        thread.join()
        port = server.getsockname()[1]
    assert tree.get(f"/dial/{port}") == {"errno": 111}


def test_listeners_outlive_the_cloud(make: Make) -> None:
    tree = make()
    tree.up()
    port = tree.get("/listen")["port"]
    os.kill(tree.pids()["cloud"], signal.SIGKILL)
    socket.create_connection(("127.0.0.1", port), 5).close()
    until(lambda: answers(tree), "the cloud is back")
    socket.create_connection(("127.0.0.1", port), 5).close()


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Supervision alone, without namespaces and init below it."""
    script = (
        "import asyncio\nfrom cloudarium.kernel.clock import Clock\n"
        "from cloudarium.kernel.supervision import Supervisor\n"
        "async def main():\n"
        "    child = Supervisor(Clock()).start('sleeper', ['sleep', '1000'])\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    stat = Path(f"/proc/{child}/stat")
    until(lambda: "(sleep)" in stat.read_text(), "the program runs")
    parent.kill()
    parent.wait()
    until(lambda: not stat.exists() or ") Z " in stat.read_text(), "the child dies too")
