"""Which runtime a cloud has (runc is the only one so far), and where its containers are.

With a data folder they are kept in it; an ephemeral cloud has them in memory, in a tmpfs of its process tree.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudarium.kernel.clock import Clock
    from cloudarium.substrate.compute.runtime import Runtime
    from cloudarium.substrate.host.boot import Boot


def open_compute(boot: Boot, clock: Clock) -> Runtime:
    """The runtime of this cloud. Nothing is made or looked at yet."""
    from cloudarium.substrate.compute.runc.driver import RuncRuntime

    # A pid namespace's number is unique while it lives, and every cloud of a tree lives in the same one.
    name = f"{boot.port}-{os.stat('/proc/self/ns/pid').st_ino}"
    return RuncRuntime(
        _root(boot), clock, boot.init_fd, name, reason=boot.reason, volatile=boot.data_dir is None or boot.ephemeral
    )


def left_behind(boot: Boot) -> bool:
    """Whether an earlier cloud process had containers: only then there is something to recover."""
    return _root(boot).exists()


def _root(boot: Boot) -> Path:
    if boot.data_dir is not None and not boot.ephemeral:
        return Path(boot.data_dir, "containers")
    return Path(boot.runtime_dir, "containers")
