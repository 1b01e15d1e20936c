"""Further processes in a running container, without a run of runc for each: two forks and a few system calls.

The process becomes what runc would make of it: in the container's cgroups and namespaces, with its capabilities, user,
limits and terminal. Until its program is executed nothing in the container may look into it, and it holds no
descriptor but its three and one socket when it first touches the container's file system: so neither a working
directory nor a program of ``/proc/self/fd/…`` leads anywhere. (A program ``#!/proc/self/exe`` runs our interpreter,
which cannot be written to while this tree executes it, nor at all by an ordinary user's containers.)
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import termios

from cloudarium.substrate.compute.runc.shim import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_NAMESPACES = {
    "mnt": kernel.CLONE_NEWNS,
    "uts": kernel.CLONE_NEWUTS,
    "ipc": kernel.CLONE_NEWIPC,
    "pid": kernel.CLONE_NEWPID,
    "net": kernel.CLONE_NEWNET,
    "cgroup": kernel.CLONE_NEWCGROUP,
}
_TIOCGPTPEER, _TIOCSPTLCK = 0x5441, 0x40045431
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD)
_CANNOT_EXECUTE, _NOT_FOUND = 126, 127
_PATIENCE = 10.0
"""Host seconds: a frozen cgroup takes processes in and stops them there."""


class ExecFailed(Exception):
    """The process could not be made; the text is for people."""


def start(target: int, cgroups: list[str], wanted: dict[str, Any], stdio: list[int]) -> tuple[int, int | None]:
    """Start a process beside the container process ``target``.

    Args:
        target: a process of the container.
        cgroups: the files ``cgroup.procs`` to enter.
        wanted: ``argv``, ``env``, ``cwd``, ``uid``, ``gid``, ``groups``, ``capabilities`` (bit masks ``bounding``,
            ``effective``, ``permitted``, ``inheritable``), ``no_new_privileges``, ``rlimits`` (by name, soft and
            hard), ``terminal`` (rows and columns, or None).
        stdio: three descriptors, none with a terminal.

    Returns its id, and the master of its terminal. Raises ExecFailed.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    middle = os.fork()
    if middle == 0:
        _middle(target, cgroups, wanted, stdio, theirs)
    theirs.close()
    pid, terminal, failure = 0, None, ""
    ours.settimeout(_PATIENCE)
    with ours:
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(ours, 4096, 1)
            except TimeoutError:
                for victim in filter(None, (middle, pid)):
                    os.kill(victim, signal.SIGKILL)
                failure = "the container does not react"
                break
            for fd in fds:
                os.set_inheritable(fd, False)
                terminal = fd
            if not data:
                break
            message = json.loads(data)
            pid = message.get("pid", pid)
            failure = message.get("error", failure)
    os.waitpid(middle, 0)
    if failure or not pid:
        if terminal is not None:
            os.close(terminal)
        raise ExecFailed(failure or "the container ended")
    return pid, terminal


def _middle(
    target: int, cgroups: list[str], wanted: dict[str, Any], stdio: list[int], report: socket.socket
) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        kernel.set_dumpable(False)
        for path in cgroups:
            try:
                with open(path, "w") as file:
                    file.write(str(os.getpid()))
            except FileNotFoundError:
                raise OSError("the container is not running") from None
        pidfd = os.pidfd_open(target)
        kernel.setns(pidfd, _different(target))
        pid = os.fork()
        if pid == 0:
            _become(wanted, stdio, report)
        report.send(json.dumps({"pid": pid}).encode())
    except BaseException as error:
        _tell(report, error)
    finally:
        os._exit(0)


def _different(target: int) -> int:
    """The namespaces in which the target is not where we are: others need not, and maybe may not, be joined."""
    return sum(
        flag
        for name, flag in _NAMESPACES.items()
        if os.stat(f"/proc/{target}/ns/{name}").st_ino != os.stat(f"/proc/self/ns/{name}").st_ino
    )


def _become(wanted: dict[str, Any], stdio: list[int], report: socket.socket) -> NoReturn:
    code = _CANNOT_EXECUTE
    try:
        os.setsid()
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        _keep_only(stdio, report)
        report = socket.socket(fileno=3)
        if wanted["terminal"]:
            _open_terminal(wanted["terminal"], wanted["uid"], report)
        _limit(wanted["rlimits"])
        _change_user(wanted)
        os.chdir(wanted["cwd"] or "/")
        os.umask(0o022)
        _execute(wanted["argv"], wanted["env"])
    except BaseException as error:
        if isinstance(error, FileNotFoundError):
            code = _NOT_FOUND
        _tell(report, error)
    finally:
        os._exit(code)


def _keep_only(stdio: list[int], report: socket.socket) -> None:
    """Have stdio as 0, 1, 2 and the report as 3, and nothing else."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in [*stdio, report.detach()]]
    for number, fd in enumerate(moved[:-1]):
        os.dup2(fd, number)
    os.dup2(moved[-1], 3, inheritable=False)
    kernel.close_from(4)


def _open_terminal(size: list[int], uid: int, report: socket.socket) -> None:
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[0], size[1], 0, 0))
    socket.send_fds(report, [b"{}"], [master])
    os.close(master)
    os.fchown(slave, uid, -1)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(slave)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _limit(rlimits: dict[str, list[int]]) -> None:
    for name, (soft, hard) in rlimits.items():
        resource.setrlimit(getattr(resource, name), (soft, hard))


def _change_user(wanted: dict[str, Any]) -> None:
    sets = wanted["capabilities"]
    kernel.limit_capabilities(sets["bounding"])
    kernel.keep_capabilities(True)
    if wanted["groups"] is not None:
        os.setgroups(wanted["groups"])
    os.setresgid(wanted["gid"], wanted["gid"], wanted["gid"])
    os.setresuid(wanted["uid"], wanted["uid"], wanted["uid"])
    # The change of user made us traceable by that user again.
    kernel.set_dumpable(False)
    kernel.keep_capabilities(False)
    kernel.set_capabilities(sets["effective"], sets["permitted"], sets["inheritable"])
    if wanted["no_new_privileges"]:
        kernel.forbid_new_privileges()


def _execute(argv: list[str], env: list[str]) -> NoReturn:
    """Run the program, found as a shell would in the PATH of ``env``."""
    variables = dict(entry.partition("=")[::2] for entry in env)
    if "/" in argv[0]:
        os.execve(argv[0], argv, variables)
    failure: OSError = FileNotFoundError(errno.ENOENT, f'exec: "{argv[0]}": executable file not found in $PATH')
    for folder in variables.get("PATH", _DEFAULT_PATH).split(":"):
        try:
            os.execve(f"{folder or '.'}/{argv[0]}", argv, variables)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            failure = error
    raise failure


def _tell(report: socket.socket, error: BaseException) -> None:
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        text = f'exec: "{error.filename}": {(error.strerror or "").lower()}'
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    try:
        report.send(json.dumps({"error": text[:2000]}).encode())
    except OSError:
        pass
