"""Making and entering network namespaces. A namespace is a file descriptor: gone when nobody holds it.

`setns` is per thread and takes a few microseconds (measured: enter, make a socket, leave: 8 us), so that the event
loop's own thread may step into a namespace for a single call that does not wait.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

_CLONE_NEWNET = 0x40000000


@lru_cache(maxsize=1)
def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(function: str, *arguments: int) -> None:
    import ctypes

    if getattr(_libc(), function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def current() -> int:
    """A file descriptor of the calling thread's network namespace; the caller closes it."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside(fd: int, home: int) -> Iterator[None]:
    """Run the block in namespace `fd` and come back to `home`. Only for code that does not await."""
    _call("setns", fd, _CLONE_NEWNET)
    try:
        yield
    finally:
        _come_back(home)


@contextmanager
def fresh(home: int) -> Iterator[int]:
    """Make a network namespace and run the block in it; yields its file descriptor, which the caller owns."""
    _call("unshare", _CLONE_NEWNET)
    try:
        yield current()
    finally:
        _come_back(home)


def _come_back(home: int) -> None:
    try:
        _call("setns", home, _CLONE_NEWNET)
    except OSError as error:
        # A thread left in a foreign namespace would open every later socket in the wrong network.
        sys.stderr.write(f"cannot return to the cloud's network namespace: {error}\n")
        os._exit(70)


def sysctl(name: str, value: str) -> bool:
    """Set a network sysctl of the calling thread's namespace; False where the kernel or a mount forbids it."""
    try:
        fd = os.open("/proc/sys/net/" + name, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, value.encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
