"""Leaving the host's network: which namespaces can be had here, and entering them.

Each ``Mode`` is tried in a process of its own (see ``spawn``), since a half-entered namespace cannot be left again.
Root needs no user namespace, unless its capabilities were taken away, as in most containers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

PLAIN, USER, NONE = "plain", "user", "none"
"""Modes: privileged namespaces; the same inside a user namespace of our own; nothing at all."""


def candidates(euid: int) -> list[str]:
    """The modes worth trying for this user, best first."""
    return [PLAIN, USER, NONE] if euid == 0 else [USER, NONE]


def enter(mode: str) -> None:
    """Move the calling process into new network and mount namespaces, its children into a new pid namespace.

    In mode USER the process becomes root of a new user namespace first. Raises OSError naming the step refused; the
    process is then good for nothing but reporting that.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def unshare(flags: int, what: str) -> None:
        if libc.unshare(flags) != 0:
            raise OSError(ctypes.get_errno(), what)

    if mode == USER:
        uid, gid = os.geteuid(), os.getegid()
        unshare(_CLONE_NEWUSER, "making a user namespace")
        _map_ids(uid, gid)
    unshare(_CLONE_NEWNET, "making a network namespace")
    unshare(_CLONE_NEWNS | _CLONE_NEWPID, "making mount and pid namespaces")
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "making mounts private")
    loopback_up()


def _map_ids(uid: int, gid: int) -> None:
    """Make this user root inside. Without setgroups the kernel lets an ordinary user map its own group."""
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError as error:
        raise OSError(error.errno, "mapping ids into a user namespace") from error


def loopback_up() -> None:
    """Bring ``lo`` up: a new network namespace starts with it down."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            request = struct.pack("16sh22x", b"lo", 0)
            flags = struct.unpack("16sh22x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
    except OSError as error:
        raise OSError(error.errno, "bringing the loopback interface up") from error


def mount_private_proc() -> bool:
    """Mount a /proc of this pid namespace; False where the kernel refuses, as it does inside most containers."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None) == 0)


def explain(number: int, step: str) -> str:
    """One line for people: why there are no namespaces here, and what would change that."""
    text = f"{step} is refused here ({os.strerror(number)})"
    if number == errno.ENOSPC:
        return f"{text}; raise it: sysctl user.max_user_namespaces=15000"
    if number in (errno.EPERM, errno.EACCES):
        for knob, wanted in _KNOBS:
            try:
                with open("/proc/sys/" + knob.replace(".", "/")) as file:
                    if file.read().strip() != wanted:
                        return f"{text}; allow it: sysctl {knob}={wanted}, or run as root"
            except OSError:
                continue
        return f"{text}; run as root, or in a container with --privileged"
    return text


_KNOBS = (("kernel.unprivileged_userns_clone", "1"), ("kernel.apparmor_restrict_unprivileged_userns", "0"))
