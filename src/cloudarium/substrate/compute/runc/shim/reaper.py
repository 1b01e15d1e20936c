"""Pid 1 of a container's processes where its own program shall not be that (``init``), or where there is none (pause).

Docker puts a small program there. This is a fork of the shim instead, which needs no file in the container and next
to no memory. It holds nothing worth stealing: no descriptors, no capabilities, an empty root, and nobody may trace it.
"""

from __future__ import annotations

import os
import signal

from cloudarium.kernel.parentage import set_name
from cloudarium.substrate.compute.runc.shim import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def start(namespaces: int, network: int | None) -> tuple[int, dict[str, int]]:
    """Fork a reaper that is pid 1 of a new pid namespace, with further new ``namespaces``.

    ``network`` is a namespace it joins. Returns its id, and descriptors of its pid and ipc namespaces: once it runs,
    nobody can get them from it. Raises OSError.
    """
    read, write = os.pipe()
    wait, go = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.close(go)
        _middle(write, wait, namespaces, network)
    os.close(write)
    os.close(wait)
    fds: dict[str, int] = {}
    try:
        answer = os.read(read, 4096).split(b" ", 1)
        if len(answer) == 2 and (pid := int(answer[0])):
            fds = {kind: os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("pid", "ipc")}
            os.write(go, b"+")
            answer = os.read(read, 4096).split(b" ", 1)
    finally:
        os.close(read)
        os.close(go)
        os.waitpid(middle, 0)
    if len(answer) == 2 and int(answer[0]):
        return int(answer[0]), fds
    for fd in fds.values():
        os.close(fd)
    reason = answer[1].decode(errors="replace") if len(answer) == 2 else "it ended at once"
    raise OSError(f"starting an init process: {reason}")


def _middle(write: int, wait: int, namespaces: int, network: int | None) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        if network is not None:
            kernel.setns(network, kernel.CLONE_NEWNET)
        kernel.unshare(kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | namespaces)
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        ready, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            _reap(wait, tell)
        os.close(tell)
        os.write(write, b"%d made" % pid)
        if os.read(ready, 1) != b"+":
            raise OSError("it could not leave the root file system")
        os.write(write, b"%d ready" % pid)
        os._exit(0)
    except BaseException as error:
        os.write(write, b"0 " + str(error).encode())
    finally:
        os._exit(1)


def _reap(wait: int, tell: int) -> NoReturn:
    try:
        if not os.read(wait, 1):
            os._exit(1)
        kernel.set_dumpable(False)
        set_name("init")
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        kernel.mount("none", ".", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "size=4k,mode=555")
        os.chdir(os.getcwd())  # into the mount
        kernel.leave_root()
        os.write(tell, b"+")
        kernel.close_from(0)
        kernel.limit_capabilities(0)
        kernel.set_capabilities(0, 0, 0)
        while True:
            signal.sigwait([signal.SIGCHLD])
            _collect()
    finally:
        os._exit(1)


def _collect() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return
