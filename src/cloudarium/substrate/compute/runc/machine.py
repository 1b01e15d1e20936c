"""What this machine lets the runc driver do, and what its configurations depend on."""

from __future__ import annotations

import os
import resource
import shutil
import stat
from typing import Any

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc.cgroups import Cgroups
from cloudarium.substrate.compute.runc.oci import Surroundings
from cloudarium.substrate.compute.runtime import RuntimeCapabilities
from cloudarium.substrate.compute.spec import ContainerSpec

_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OLDEST_KERNEL = (5, 9)
_SYS_RESOURCE = 24
_WHOLE_RANGE = 4294967295


class Machine:
    """Found out once, when the first container is asked for."""

    def __init__(self, cgroups: Cgroups, init: bool, reason: str, program: str | None = None) -> None:
        """``init``: whether there is an init to fork shims; ``reason``: why not. ``program`` for tests."""
        self.cgroups = cgroups
        self.program = program or find_program()
        self.in_user_namespace = _ids() < _WHOLE_RANGE
        self.own_capabilities = _own_capabilities()
        self._hard_limits = {
            name[len("RLIMIT_") :].lower(): resource.getrlimit(getattr(resource, name))[1]
            for name in dir(resource)
            if name.startswith("RLIMIT_")
        }
        self._refusal = self._why_not(init, reason)

    def _why_not(self, init: bool, reason: str) -> str:
        release = os.uname().release.split("-")[0].split(".")
        if not init:
            return reason or "there is no process to watch containers"
        if not self.program:
            return "runc is not installed (apt-get install runc)"
        if tuple(int(part) for part in release[:2] if part.isdigit()) < _OLDEST_KERNEL:
            return f"Linux {'.'.join(map(str, _OLDEST_KERNEL))} or newer is needed"
        return ""

    def capabilities(self) -> RuntimeCapabilities:
        """For callers."""
        reasons = dict(self.cgroups.reasons)
        if self.in_user_namespace:
            reasons["users"] = "only root exists in a user namespace with one id; run the cloud as root for others"
        return RuntimeCapabilities(
            driver="runc" if self.program else "none",
            available=not self._refusal,
            reason=self._refusal,
            limits=self.cgroups.limits,
            users=not self.in_user_namespace,
            reasons=reasons,
        )

    def require(self) -> str:
        """The program. Raises ComputeError where containers cannot be had."""
        if self._refusal or not self.program:
            raise ComputeError("unavailable", f"containers cannot run here: {self._refusal}")
        return self.program

    def surroundings(self, spec: ContainerSpec, cgroup: str) -> Surroundings:
        """For ``oci.config``; files and namespaces are the caller's to add. Raises ComputeError."""
        if spec.privileged and self.in_user_namespace:
            raise ComputeError("unsupported", "privileged containers need a cloud that runs as root")
        if spec.devices and self.in_user_namespace:
            raise ComputeError("unsupported", "devices need a cloud that runs as root")
        return Surroundings(
            cgroup=cgroup,
            cgroup_namespace=self.cgroups.version == 2,
            limits=self.cgroups.limits,
            in_user_namespace=self.in_user_namespace,
            capabilities=self.own_capabilities,
            raise_limits=not self.in_user_namespace and bool(self.own_capabilities >> _SYS_RESOURCE & 1),
            hard_limits=self._hard_limits,
            devices=[_device(each.host_path, each.container_path, each.permissions) for each in spec.devices],
        )


def find_program() -> str | None:
    """Where runc is: an ordinary user's PATH often lacks the folders it is in."""
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), _PLACES)))
    return shutil.which("runc", path=path)


def _ids() -> int:
    """How many user ids exist in this user namespace."""
    try:
        with open("/proc/self/uid_map") as file:
            return sum(int(line.split()[2]) for line in file)
    except (OSError, IndexError, ValueError):
        return 1


def _own_capabilities() -> int:
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("CapBnd:"):
                return int(line.split()[1], 16)
    return 0


def _device(host: str, inside: str, permissions: str) -> dict[str, Any]:
    try:
        found = os.stat(host)
    except OSError as error:
        text = f"error gathering device information while adding custom device {host!r}: {error.strerror}"
        raise ComputeError("invalid", text) from None
    kind = "c" if stat.S_ISCHR(found.st_mode) else "b" if stat.S_ISBLK(found.st_mode) else ""
    if not kind:
        raise ComputeError("invalid", f"{host!r} is not a device node")
    return {
        "path": inside or host,
        "type": kind,
        "major": os.major(found.st_rdev),
        "minor": os.minor(found.st_rdev),
        "access": permissions,
    }
