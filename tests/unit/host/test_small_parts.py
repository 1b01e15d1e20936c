"""Locks, folders, the log, the process table, namespaces' explanations."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.kernel.restarts import RestartBudget
from cloudarium.substrate.host import namespaces, proctree, runtime, wire
from cloudarium.substrate.host.logsink import LogSink, tail
from cloudarium.substrate.host.loop import READ, Loop


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_lock_excludes_and_names_its_holder(private: Path) -> None:
    path = str(private / "cloudarium" / "1" / "lock")
    assert runtime.holder_of(path) is None
    lock = runtime.Lock(path, {"pid": 5})
    with pytest.raises(runtime.Locked) as locked:
        runtime.Lock(path, {"pid": 6})
    assert locked.value.holder == {"pid": 5}
    lock.rewrite({"pid": 77777})
    assert runtime.holder_of(path) == {"pid": 77777}
    assert runtime.running_ports() == [1]
    lock.release()
    assert runtime.holder_of(path) is None
    assert not os.path.exists(os.path.dirname(path))
    runtime.Lock(path, {}).release()


def test_lock_is_held_by_forked_children_too(private: Path) -> None:
    path = str(private / "lock")
    read_end, write_end = os.pipe()
    lock = runtime.Lock(path, {"pid": os.getpid()})
    child = os.fork()
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    os.close(lock._fd)
    assert runtime.holder_of(path) == {"pid": os.getpid()}
    os.close(write_end)
    os.waitpid(child, 0)
    os.close(read_end)
    assert runtime.holder_of(path) is None


def test_runtime_dir_is_private(private: Path) -> None:
    (private / "cloudarium").mkdir(mode=0o755)
    path = runtime.make_runtime_dir(4566)
    assert path == str(private / "cloudarium" / "4566")
    assert {os.stat(folder).st_mode & 0o777 for folder in (path, os.path.dirname(path))} == {0o700}


def test_runtime_dir_that_is_a_link_is_refused(private: Path) -> None:
    (private / "elsewhere").mkdir()
    (private / "cloudarium").symlink_to(private / "elsewhere")
    with pytest.raises(PermissionError):
        runtime.make_runtime_dir(4566)


def test_runtime_dir_of_somebody_else_is_not_used(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/1" if os.getuid() else "/nonexistent")
    monkeypatch.setenv("TMPDIR", str(private))
    assert runtime.runtime_dir(4566) == str(private / f"cloudarium-{os.getuid()}" / "4566")


def test_state_is_read_back_and_torn_state_is_none(private: Path) -> None:
    runtime.write_state(str(private), {"pid": 1})
    assert runtime.read_state(str(private)) == {"pid": 1}
    (private / "state.json").write_text("{")
    assert runtime.read_state(str(private)) == {}
    runtime.remove_state(str(private))
    assert list(private.iterdir()) == []


@settings(deadline=None)
@given(chunks=st.lists(st.binary(max_size=300), max_size=60))
def test_log_is_bounded_and_ends_with_the_newest(chunks: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    sink = LogSink(str(path), limit=1000)
    for chunk in chunks:
        sink.write(chunk)
    older = Path(f"{path}.1")
    kept = (older.read_bytes() if older.exists() else b"") + path.read_bytes()
    everything = b"".join(chunks)
    assert everything.endswith(kept)
    assert len(kept) <= 2000
    assert len(kept) >= min(len(everything), 700)


def test_log_tail(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(f"line {number}" for number in range(10_000)))
    assert tail(str(tmp_path / "log"), 2) == "line 9998\nline 9999"
    assert tail(str(tmp_path / "none")) == ""


def test_process_table() -> None:
    name = "a) S ( b"
    script = f"import ctypes; ctypes.CDLL(None).prctl(15, {name!r}.encode(), 0, 0, 0); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    found = {process.pid: process for process in proctree.descendants(os.getpid())}
    assert (found[child.pid].name, found[child.pid].parent) == (name, os.getpid())
    assert proctree.inner_pid(os.getpid(), 0) == os.getpid()
    assert proctree.inner_pid(os.getpid(), 7) is None
    assert child.pid in {process.pid for process in proctree.members(proctree.pid_namespace(os.getpid()) or 0)}
    child.communicate(b"\n")
    assert proctree.read(child.pid) is None


def test_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        holder = proctree.listener(port)
        assert holder is not None and holder.pid == os.getpid()
    assert proctree.listener(port) is None


def test_explanations_say_what_to_do() -> None:
    step = "making a user namespace"
    assert "sysctl user.max_user_namespaces" in namespaces.explain(errno.ENOSPC, step)
    assert namespaces.explain(errno.EPERM, step).startswith("making a user namespace is refused here (Operation not")
    assert namespaces.explain(errno.EINVAL, step) == "making a user namespace is refused here (Invalid argument)"


def test_modes() -> None:
    assert namespaces.candidates(0) == ["plain", "user", "none"]
    assert namespaces.candidates(1000) == ["user", "none"]


def test_budget_waits_longer_and_then_gives_up() -> None:
    budget = RestartBudget(limit=4, window=60, first_delay=0.1)
    assert [budget.spend(float(now)) for now in range(5)] == [0.0, 0.1, 0.2, 0.4, None]
    assert budget.spend(60.5) == 0.4
    assert budget.spend(1000.0) == 0.0


def test_loop_survives_callbacks_that_fail(capsys: pytest.CaptureFixture[str]) -> None:
    loop, seen = Loop(), []
    one, other = socket.socketpair()
    loop.watch(one, READ, lambda _: 1 / 0)
    loop.call_later(0, lambda: [][0])
    cancelled = loop.call_later(0, lambda: seen.append("cancelled"))
    cancelled.cancel()
    loop.call_later(0, lambda: seen.append("later"))
    other.send(b"x")
    loop.turn()
    assert seen == ["later"]
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err and "IndexError" in err
    loop.unwatch(one)
    loop.unwatch(one)
    one.close()
    other.close()
    loop.close()


def test_loop_forgets_what_an_earlier_callback_closed() -> None:
    loop, seen = Loop(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def first_one_wins(index: int) -> None:
        seen.append(index)
        for mine, _ in pairs:
            loop.unwatch(mine)

    for index, (mine, other) in enumerate(pairs):
        loop.watch(mine, READ, lambda _, index=index: first_one_wins(index))
        other.send(b"x")
    loop.turn()
    assert len(seen) == 1
    for mine, other in pairs:
        mine.close()
        other.close()
    loop.close()


def test_wire_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="longer than"):
        wire.encode({"reason": "x" * wire.LIMIT})
    assert wire.decode(b"[" * 30_000) is None
    assert wire.decode(b"[]") is None
    assert wire.decode(b"\xff") is None
