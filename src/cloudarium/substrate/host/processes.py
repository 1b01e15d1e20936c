"""What the agent knows of processes that the cloud, in a pid namespace of its own, cannot see."""

from __future__ import annotations

import errno
import os

from cloudarium.substrate.host import proctree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import io


def outer_pid(inner: int, namespace: int) -> int:
    """The id here of the process ``inner`` of a pid namespace, given by its inode. Raises OSError (ESRCH)."""
    for process in proctree.members(namespace):
        if proctree.inner_pid(process.pid, -1) == inner:
            return process.pid
    raise OSError(errno.ESRCH, "no such process")


def network_namespace(pid: int) -> io.FileIO:
    """The network namespace of a process, open. Raises OSError.

    The host's own is refused (EACCES): whatever the cloud does there, it asks the agent for.
    """
    file = open(f"/proc/{pid}/ns/net", "rb", buffering=0)  # noqa: SIM115  given away
    try:
        if os.path.samestat(os.fstat(file.fileno()), os.stat("/proc/self/ns/net")):
            raise OSError(errno.EACCES, "the host's own network is not given away")
    except BaseException:
        file.close()
        raise
    return file
