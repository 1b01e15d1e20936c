"""Which runtime a cloud has, and where its containers are.

``CLOUDARIUM_COMPUTE`` (``cloudarium up --compute``) says ``runc``, ``docker`` or ``auto``: runc where it is installed,
else an engine whose socket is there. DOCKER_HOST says where the engine is. With a data folder containers are kept in
it; an ephemeral cloud has runc's in memory, in a tmpfs of its process tree, and an engine's files with its sockets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudarium.kernel.clock import Clock
    from cloudarium.substrate.compute.docker.networks import Host
    from cloudarium.substrate.compute.runtime import Runtime
    from cloudarium.substrate.host.boot import Boot

Driver = Literal["runc", "docker"]
VARIABLE = "CLOUDARIUM_COMPUTE"


def open_compute(boot: Boot, clock: Clock, host: Host | None = None) -> Runtime:
    """The runtime of this cloud. Nothing is made or looked at yet. Raises ComputeError for a driver there is not."""
    driver = chosen(os.environ)
    volatile = boot.data_dir is None or boot.ephemeral
    if driver == "docker":
        from cloudarium.substrate.compute.docker.driver import DockerRuntime

        return DockerRuntime(_root(boot, driver), clock, os.environ.get("DOCKER_HOST", ""), host, volatile=volatile)
    from cloudarium.substrate.compute.runc.driver import RuncRuntime

    # A pid namespace's number is unique while it lives, and every cloud of a tree lives in the same one.
    name = f"{boot.port}-{os.stat('/proc/self/ns/pid').st_ino}"
    return RuncRuntime(_root(boot, driver), clock, boot.init_fd, name, reason=boot.reason, volatile=volatile)


def left_behind(boot: Boot) -> bool:
    """Whether an earlier cloud process had containers: only then there is something to recover."""
    # Who chooses loads the drivers: not on every start.
    some = any(_root(boot, each).exists() for each in ("runc", "docker"))
    return some and _root(boot, chosen(os.environ)).exists()


def chosen(environ: Mapping[str, str]) -> Driver:
    """The driver to use. Raises ComputeError for another word."""
    wanted = environ.get(VARIABLE) or "auto"
    if wanted in ("runc", "docker"):
        return cast(Driver, wanted)
    if wanted != "auto":
        from cloudarium.substrate.compute.errors import ComputeError

        raise ComputeError("invalid", f"{VARIABLE}={wanted}: choose runc, docker or auto")
    from cloudarium.substrate.compute.runc.machine import find_program

    if find_program() is not None:
        return "runc"
    from cloudarium.substrate.compute.docker.engine import is_there

    return "docker" if is_there(environ.get("DOCKER_HOST", "")) else "runc"


def _root(boot: Boot, driver: Driver) -> Path:
    kept = boot.data_dir if boot.data_dir is not None and not boot.ephemeral else boot.runtime_dir
    return Path(kept, "containers" if driver == "runc" else "engine")
