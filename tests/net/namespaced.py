"""Running a test inside network namespaces of its own, as the cloud runs: pid, mount, network and maybe user ones.

`@namespaced` turns `async def test_x(cloud: Cloud)` into a test that forks, enters the namespaces, runs the coroutine
there on a uvloop with a Fabric, and reports back. Nothing survives the test: the child is pid 1 of its pid namespace.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable

import pytest
from tests.net.cloud import Cloud

from cloudarium.substrate.host import namespaces

MODES = {namespaces.PLAIN: "root", namespaces.USER: "user"}
_LIMIT = 90
_PR_SET_PDEATHSIG = 1


class Overdue(BaseException):
    """Not an Exception: nothing that a test awaits may take it for its own."""


Body = Callable[[Cloud], Awaitable[None]]


def namespaced(body: Body) -> Callable[[str], None]:
    """A test of `body` in each way the cloud may run here; the fixture `mode` skips what the kernel refuses."""

    def test(mode: str) -> None:
        run_namespaced(mode, lambda: _with_cloud(body))

    test.__name__ = body.__name__
    test.__doc__ = body.__doc__
    test.__module__ = body.__module__
    return test


def run_namespaced(mode: str, body: Callable[[], None]) -> None:
    """Run `body` in a child in new namespaces; fail, or skip, as it did."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        _child(mode, body, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        report = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if report.startswith("skip:"):
        pytest.skip(report[5:])
    if report or status:
        pytest.fail(report or f"the test's process ended with status {status} (limit {_LIMIT} s)", pytrace=False)


def refusal(mode: str) -> str:
    """Why a mode cannot be had here; empty if it can."""
    try:
        run_namespaced(mode, lambda: None)
    except BaseException as error:
        return str(error).strip().splitlines()[-1]
    return ""


def _child(mode: str, body: Callable[[], None], write: int) -> None:
    """Enter the namespaces and fork the pid 1 in which `body` runs."""
    status = 1
    try:
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        namespaces.enter(mode)
        inner = os.fork()
        if inner == 0:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            # Pid 1 ignores signals it has no handler for, so the limit needs one.
            signal.signal(signal.SIGALRM, _overdue)
            signal.alarm(_LIMIT)
            os._exit(_report(body, write))
        _, raw = os.waitpid(inner, 0)
        status = os.waitstatus_to_exitcode(raw)
        status = status if status >= 0 else 128 - status
    except BaseException:
        os.write(write, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _overdue(_number: int, _frame: object) -> None:
    raise Overdue(f"the test took more than {_LIMIT} s")


def _report(body: Callable[[], None], write: int) -> int:
    try:
        body()
    except pytest.skip.Exception as skipped:
        os.write(write, f"skip:{skipped}".encode())
    except BaseException:
        os.write(write, traceback.format_exc()[-30_000:].encode())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _with_cloud(body: Body) -> None:
    import asyncio

    import uvloop

    async def main() -> None:
        cloud = Cloud()
        try:
            await body(cloud)
        finally:
            await cloud.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
