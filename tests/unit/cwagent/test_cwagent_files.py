"""Real files: what is read of them, once, whatever happens to them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.cwagent.machine import NOW, Machine


def test_a_line_without_its_end_waits(machine: Machine) -> None:
    machine.write("a", "one\ntw")
    source = machine.source("a")
    assert machine.ship(source, 2) == ["one"]
    machine.write("a", "o\n")
    assert machine.ship(source, 2) == ["two"]


def test_renamed_and_the_last_line_has_no_end(machine: Machine) -> None:
    path = machine.write("a", "one\n")
    source = machine.source("a")
    assert machine.ship(source, 2) == ["one"]
    machine.write("a", "two")
    path.rename(machine.folder / "a.1")
    machine.write("a", "three\n")
    assert machine.ship(source, 2) == ["three"]
    assert machine.ship(source, 6) == ["two"]
    assert [tail.path for tail in source.tails] == [str(path)]


def test_copied_and_truncated_then_longer_than_before(machine: Machine) -> None:
    path = machine.write("a", "one\n")
    source = machine.source("a")
    assert machine.ship(source, 2) == ["one"]
    os.truncate(path, 0)
    machine.write("a", "two is longer than one was\n")
    assert machine.ship(source, 3) == ["two is longer than one was"]
    assert any("was truncated" in said for said in machine.said)


LONG = "a line that is long enough to know it again"


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_not_read_before_a_truncation_is_read_from_the_copy(machine: Machine, restart: bool) -> None:
    path = machine.write("a", f"{LONG} 1\n")
    machine.write("a.0", f"{LONG} 0\n{LONG} 0\n")
    source = machine.source("a")
    assert machine.ship(source, 2) == [f"{LONG} 1"]
    if restart:
        source.close()
        source = machine.source("a")
        assert machine.ship(source, 1) == []
    machine.write("a", "2\n3 without an end")
    shutil.copy(path, machine.folder / "a.1")
    os.truncate(path, 0)
    machine.write("a", "4\n")
    assert machine.ship(source, 12) == ["2", "4", "3 without an end"]
    assert [tail.path for tail in source.tails] == [str(path)]
    machine.write("a", "5\n")
    assert machine.ship(source, 2) == ["5"]


def test_a_copy_made_while_the_agent_was_gone_is_read_on(machine: Machine) -> None:
    path = machine.write("a", f"{LONG} 1\n")
    source = machine.source("a")
    assert machine.ship(source, 2) == [f"{LONG} 1"]
    source.close()
    machine.write("a", "2\n")
    shutil.copy(path, machine.folder / "a.1")
    os.truncate(path, 0)
    machine.write("a", "3\n")
    source = machine.source("a")
    assert machine.ship(source, 12) == ["2", "3"]
    assert machine.ship(machine.source("a"), 12) == []


def test_the_end_is_where_the_older_agent_begins_but_not_where_it_goes_on(machine: Machine) -> None:
    path = machine.write("a", "before\n")
    source = machine.source("a", older=True, from_end=True)
    assert machine.ship(source, 2) == []
    machine.write("a", "one\n")
    assert machine.ship(source, 2) == ["one"]
    path.rename(machine.folder / "a.1")
    machine.write("a", "two, in a new file\n")
    assert machine.ship(source, 8) == ["two, in a new file"]
    os.truncate(path, 0)
    machine.write("a", "three\n")
    assert machine.ship(source, 3) == ["three"]
    source.close()
    path.rename(machine.folder / "a.2")
    machine.write("a", "four\n")
    assert machine.ship(machine.source("a", older=True, from_end=True), 3) == ["four"]


def test_a_copy_that_is_followed_by_itself_is_sent_once(machine: Machine) -> None:
    path = machine.write("a.log", f"{LONG} 1\n")
    source = machine.source("a.log*", every_file=True)
    assert machine.ship(source, 2) == [f"{LONG} 1"]
    machine.write("a.log", f"{LONG} 2\n")
    shutil.copy(path, machine.folder / "a.log.1")
    os.truncate(path, 0)
    machine.write("a.log", "3\n")
    assert sorted(machine.ship(source, 12)) == ["3", f"{LONG} 2"]


def test_a_restart_continues_where_it_was(machine: Machine) -> None:
    path = machine.write("a", "one\ntwo\n")
    assert machine.ship(machine.source("a"), 2) == ["one", "two"]
    machine.write("a", "three\n")
    assert machine.ship(machine.source("a"), 2) == ["three"]
    machine.write("a", "four\n")
    path.rename(machine.folder / "renamed")
    machine.write("a", "five\n")
    assert machine.ship(machine.source("a"), 3) == ["four", "five"]
    os.truncate(path, 0)
    machine.write("a", "six is longer\n")
    assert machine.ship(machine.source("a"), 2) == ["six is longer"]


def test_a_pending_event_is_not_counted_as_sent(machine: Machine) -> None:
    machine.write("a", "1 one\nmore\n")
    assert machine.ship(machine.source("a", start_pattern="^[0-9]"), 1) == []
    machine.write("a", "even more\n2 two\n")
    assert machine.ship(machine.source("a", start_pattern="^[0-9]"), 1) == ["1 one\nmore\neven more"]


def test_the_newest_of_several_files_is_followed_after_the_older_is_read(machine: Machine) -> None:
    os.utime(machine.write("app.2026-01", "old\n"), (1, 1))
    os.utime(machine.write("app.2026-02", "new\n"), (2, 2))
    source = machine.source("app.*")
    assert machine.ship(source, 2) == ["new"]
    machine.write("app.2026-02", "last words\n")
    os.utime(machine.folder / "app.2026-02", (3, 3))
    os.utime(machine.write("app.2026-03", "newest\n"), (4, 4))
    assert sorted(machine.ship(source, 8)) == ["last words", "newest"]
    # Somebody writes to the older one again: what was sent of it is not sent again.
    machine.write("app.2026-02", "afterwards\n")
    os.utime(machine.folder / "app.2026-02", (5, 5))
    assert machine.ship(source, 3) == ["afterwards"]
    assert machine.ship(machine.source("app.*"), 3) == []


def test_two_files_that_take_turns_are_sent_once(machine: Machine) -> None:
    source = machine.source("app.*")
    sent = []
    for turn in range(6):
        name = f"app.{turn % 2}"
        os.utime(machine.write(name, f"{turn}\n"), (turn, turn))
        sent += machine.ship(source, 2)
    assert sent == ["0", "1", "2", "3", "4", "5"]


def test_a_rotated_file_that_matches_the_pattern_too_is_not_sent_again(machine: Machine) -> None:
    path = machine.write("app.log", "one\n")
    source = machine.source("app.log*", every_file=True)
    assert machine.ship(source, 2) == ["one"]
    path.rename(machine.folder / "app.log.1")
    machine.write("app.log", "two\n")
    assert machine.ship(source, 8) == ["two"]
    assert machine.ship(source, 8) == []
    assert machine.ship(machine.source("app.log*", every_file=True), 3) == []


def test_finished_files_are_removed_where_asked(machine: Machine) -> None:
    os.utime(machine.write("app.1", "one\n"), (1, 1))
    source = machine.source("app.*", auto_removal=True)
    assert machine.ship(source, 8) == ["one"]
    assert (machine.folder / "app.1").exists()
    machine.write("app.2", "two\n")
    assert machine.ship(source, 8) == ["two"]
    assert not (machine.folder / "app.1").exists() and (machine.folder / "app.2").exists()


def test_blacklisted_and_compressed_files_are_left_alone(machine: Machine) -> None:
    for name in ("a.log", "b.log", "c.log.gz"):
        machine.write(name, f"{name}\n")
    assert machine.ship(machine.source("*", every_file=True, blacklist="^b"), 2) == ["a.log"]


def test_the_older_agent_waits_for_its_fingerprint_and_may_start_at_the_end(machine: Machine) -> None:
    machine.write("a", "one\ntwo\n")
    source = machine.source("a", older=True, fingerprint_lines=(2, 3))
    assert machine.ship(source, 2) == []
    machine.write("a", "three\n")
    assert machine.ship(source, 2) == ["one", "two", "three"]
    machine.write("b", "before\n")
    late = machine.source("b", key="late", from_end=True)
    assert machine.ship(late, 2) == []
    machine.write("b", "after\n")
    assert machine.ship(late, 2) == ["after"]


def test_a_file_let_go_is_found_again(machine: Machine) -> None:
    path = machine.write("a", "one\n")
    source = machine.source("a")
    machine.ship(source, 2)
    source.tails[0].close()
    path.rename(machine.folder / "a.1")
    with open(machine.folder / "a.1", "a") as file:
        file.write("two\n")
    assert machine.ship(source, 2) == ["two"]


def test_a_file_that_cannot_be_read_is_told_once_and_tried_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write("a", "one\n")
    source = machine.source("a")
    source.scan(NOW, 0.0)
    read = os.pread

    def broken(*arguments: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    assert machine.ship(source, 3) == []
    monkeypatch.setattr(os, "pread", read)
    assert machine.ship(source, 2) == ["one"]
    assert [said for said in machine.said if "Input/output" in said] == [
        f"{machine.folder}/a cannot be read: Input/output error"
    ]


def test_a_file_that_is_removed_while_it_is_let_go_is_given_up(machine: Machine) -> None:
    path = machine.write("a", "one\n")
    source = machine.source("a")
    machine.ship(source, 2)
    source.tails[0].close()
    path.unlink()
    assert machine.ship(source, 1) == []
    machine.write("a", "two\n")
    assert machine.ship(source, 2) == ["two"]
    assert any("was removed" in said for said in machine.said)


def test_utf16_with_a_byte_order_mark(machine: Machine) -> None:
    (machine.folder / "a").write_bytes("日本\nline\n".encode("utf-16"))
    assert machine.ship(machine.source("a", encoding="utf-16"), 2) == ["日本", "line"]
    (machine.folder / "b").write_bytes(b"\xfe\xff" + "日本\n".encode("utf-16-be"))
    assert machine.ship(machine.source("b", encoding="utf-16"), 2) == ["日本"]


def test_a_state_that_is_no_state_is_put_aside(machine: Machine) -> None:
    machine.write("a", "one\n")
    machine.ship(machine.source("a"), 2)
    (state,) = (machine.folder / ".state").iterdir()
    state.write_text("{")
    assert machine.ship(machine.source("a"), 2) == ["one"]
    assert any("is not understood" in said for said in machine.said)
    state.write_text('{"files": [{"path": 5}]}')
    assert machine.ship(machine.source("a"), 2) == ["one"]


@settings(max_examples=40, deadline=None)
@example(["append", "partial", "rename", "append", "restart", "copy", "restart"])
@given(st.lists(st.sampled_from(["append", "partial", "rename", "truncate", "copy", "restart", "wait"]), max_size=14))
def test_every_line_once_whatever_happens(operations: list[str]) -> None:
    """Appended in one piece or two, renamed away, emptied once it was read or copied, the agent gone in between."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        source, number, unfinished = machine.source("log"), 0, False
        written: list[str] = []
        sent: list[str] = []
        path = Path(folder) / "log"
        for step, operation in enumerate(operations):
            if operation in ("append", "partial"):
                text = "" if unfinished else f"{LONG} {number} of {step}"
                unfinished = operation == "partial"
                written += [text] if text else []
                number += 1
                machine.write("log", text + ("" if unfinished else "\n"))
            elif operation == "rename" and path.exists():
                sent += machine.ship(source, 0.5)  # a file that had its name for no look at all is never known
                path.rename(Path(folder) / f"log.{step}")
                unfinished = False
                sent += machine.ship(source, 1)
            elif operation == "truncate" and path.exists() and not unfinished:
                sent += machine.ship(source, 2)
                os.truncate(path, 0)
            elif operation == "copy" and path.exists() and path.stat().st_size and not unfinished:
                sent += machine.ship(source, 2)  # what was sent of a file is all by which its copy is known again
                written.append(f"{LONG} {number} before {step}")
                number += 1
                machine.write("log", written[-1] + "\n")
                shutil.copy(path, Path(folder) / f"log.{step}")
                os.truncate(path, 0)
                sent += machine.ship(source, 0.5 * (number % 2))
            elif operation == "restart":
                source.save()
                source.close()
                source = machine.source("log")
            else:
                sent += machine.ship(source, 1)
        if unfinished:
            machine.write("log", "\n")
        sent += machine.ship(source, 8)
        source.close()
        assert sorted(sent) == sorted(written)
