"""What a process may ask of the kernel about its parents and children: to die with one, to inherit the other's.

Only ctypes is imported, and only when something is called: the host agent and the start of every child use this.
"""

from __future__ import annotations

import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, argument: object) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when the thread that forked it ends.

    ``parent`` is the process id the caller expects as its parent. The request comes too late when that one has died
    already, so the process then ends here. Pass None where the parent's id cannot be seen (another pid namespace).
    The request is lost on fork and on a change of credentials, not on exec.
    """
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Name this process in ps and top; the kernel keeps 15 bytes."""
    _prctl(_PR_SET_NAME, name.encode()[:15])
