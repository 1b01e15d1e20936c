"""System calls that Python 3.11 does not have. Loaded once, in init, before any shim is forked."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 0x1000, 0x4000, 0x40000, 0x80000
_MNT_DETACH = 2

_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 8, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522

_SYS_CLOSE_RANGE, _SYS_OPENAT2 = 436, 437
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave namespaces."""
    _check(_LIBC.unshare(flags), "unshare")


def setns(fd: int, flags: int) -> None:
    """Join the namespaces ``flags`` of the process a pidfd stands for (Linux 5.8)."""
    _check(_LIBC.setns(fd, flags), "setns")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount a file system."""
    result = _LIBC.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None)
    _check(result, f"mounting {kind or source} at {target}")


def leave_root() -> None:
    """Make the current folder, a mount point, the root, and let go of the old one."""
    _check(_LIBC.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _check(_LIBC.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")


def can_leave_root() -> bool:
    """Whether ``leave_root`` knows this processor's number of the call."""
    return platform.machine() in _PIVOT_ROOT


def open_in_root(root: int, path: str, flags: int) -> int:
    """Open a path below the folder ``root`` as a process with that root would: no link leads out (Linux 5.6)."""
    how = ctypes.create_string_buffer(
        struct.pack("QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS), 24
    )
    return _check(_LIBC.syscall(_SYS_OPENAT2, root, path.encode(), how, ctypes.c_size_t(24)), path)


def close_from(first: int) -> None:
    """Close all descriptors from this number on (Linux 5.9)."""
    _check(_LIBC.syscall(_SYS_CLOSE_RANGE, first, 0xFFFFFFFF, 0), "close_range")


def set_dumpable(allowed: bool) -> None:
    """Whether others of the same user may look into this process; back to yes with the next exec."""
    _check(_LIBC.prctl(_PR_SET_DUMPABLE, int(allowed), 0, 0, 0), "prctl")


def forbid_new_privileges() -> None:
    """Set-user-id programs gain nothing any more."""
    _check(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def keep_capabilities(keep: bool) -> None:
    """Whether capabilities survive the change to another user."""
    _check(_LIBC.prctl(_PR_SET_KEEPCAPS, int(keep), 0, 0, 0), "prctl")


def limit_capabilities(allowed: int) -> None:
    """Take all others than those of the bit mask from the bounding set."""
    for number in range(64):
        if not allowed >> number & 1 and _LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            return  # the kernel has no more


def set_capabilities(effective: int, permitted: int, inheritable: int) -> None:
    """capset(2) of the calling process; bit masks."""
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), 8)
    low, high = 0xFFFFFFFF, 32
    sets = (effective, permitted, inheritable)
    data = struct.pack("6I", *(each & low for each in sets), *(each >> high & low for each in sets))
    _check(_LIBC.capset(header, ctypes.create_string_buffer(data, 24)), "capset")
