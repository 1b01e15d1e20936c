"""Running a further process in a container: its descriptors are made here, and given to the shim."""

from __future__ import annotations

import contextlib
import json
import os

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc.container import Container
from cloudarium.substrate.compute.runc.sessions import Session
from cloudarium.substrate.compute.spec import ExecSpec


async def execute(container: Container, spec: ExecSpec) -> Session:
    """See ``Runtime.exec``. Raises ComputeError."""
    if not spec.argv:
        raise ComputeError("invalid", "no command specified")
    wanted = {
        "argv": spec.argv,
        "env": list(spec.env) + (["TERM=xterm"] if spec.terminal else []),
        "cwd": spec.cwd,
        "user": spec.user,
        "terminal": [spec.rows, spec.cols] if spec.terminal else None,
    }
    memory = os.memfd_create("exec", os.MFD_CLOEXEC)
    mine: list[int] = []
    theirs: list[int] = []
    key = 0
    try:
        os.write(memory, json.dumps(wanted).encode())
        if spec.terminal:
            theirs.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            theirs += [os.dup(theirs[0]), os.dup(theirs[0])]
        else:
            (stdin, to_stdin), (from_out, out), (from_err, err) = os.pipe(), os.pipe(), os.pipe()
            theirs, mine = [stdin, out, err], [to_stdin, from_out, from_err]
        key, code = container.expect_exec()
        answer, fds = await container.ask("exec", [*theirs, memory], key=key)
    except BaseException:
        container.execs.pop(key, None)
        for fd in mine:
            os.close(fd)
        raise
    finally:
        for fd in (memory, *theirs):
            os.close(fd)

    async def kill(number: int) -> None:
        with contextlib.suppress(ComputeError):
            await container.ask("exec-signal", key=key, signal=number)

    pipes = None if spec.terminal else (mine[0], mine[1], mine[2])
    return Session(answer["pid"], fds[0] if fds else None, pipes, code, kill)
