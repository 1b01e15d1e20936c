"""The cgroups of one cloud: ``/cloudarium-<id>/<group>/<container>`` below each hierarchy that can be written.

Version 1 has a hierarchy per controller, version 2 one for all; where both are mounted (hybrid) version 1 has the
controllers. Runc makes a container's own cgroup; groups are made here. Every process that relies on the cloud's
cgroups holds a shared lock on their folder, so whoever gets an exclusive one knows that they are dead, and removes
them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import Resources

PREFIX = "cloudarium-"
_V1 = ("cpu", "cpuacct", "memory", "pids", "blkio")
_V2 = ("cpu", "memory", "pids", "io")


class Cgroups:
    """What can be done with cgroups here. ``name`` tells this cloud's from others'."""

    def __init__(self, name: str, mounts: str | None = None) -> None:
        """``mounts``: the text of mountinfo, for tests."""
        self._name = f"{PREFIX}{name}"
        self.reasons: dict[str, str] = {}
        self.limits: frozenset[str] = frozenset()
        self.lock: int | None = None
        self._every: list[str] = []
        """All hierarchies, also those without a controller: runc puts containers into each."""
        self._roots: dict[str, str] = {}
        self.version = 0
        self._find(mounts if mounts is not None else Path("/proc/self/mountinfo").read_text())

    # -- finding out -----------------------------------------------------------------------------------------------

    def _find(self, mounts: str) -> None:
        unified = ""
        for line in mounts.splitlines():
            left, _, right = line.partition(" - ")
            where, (kind, _, options) = left.split()[4], right.split()[:3]
            if kind == "cgroup2":
                unified = unified or where
                self._every.append(where)
            elif kind == "cgroup":
                self._every.append(where)
                for controller in options.split(","):
                    if controller in _V1:
                        self._roots.setdefault(controller, where)
        if "memory" in self._roots or "cpu" in self._roots:
            self.version = 1
        elif unified:
            self.version, self._roots = 2, {"": unified}

    def prepare(self) -> None:
        """Make this cloud's own cgroup and take its lock; remove those of dead clouds. Sets ``limits``, ``reasons``."""
        if self.lock is not None or self.reasons:
            return
        if self.version == 0:
            self._nothing("no cgroups are mounted here")
            return
        self.sweep()
        try:
            for root in self._every:
                os.makedirs(f"{root}/{self._name}", exist_ok=True)
            if self.version == 2:
                self._delegate()
        except OSError as error:
            self._remove(self._name)
            self._nothing(f"cgroups cannot be written here ({error.strerror}); run the cloud as root")
            return
        self.lock = os.open(f"{self._any_root()}/{self._name}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self.lock, fcntl.LOCK_SH)
        self._look()

    def _nothing(self, reason: str) -> None:
        self.version = 0
        self.reasons = {kind: f"limits are not enforced: {reason}" for kind in ("cpu", "memory", "pids", "blkio")}

    def _any_root(self) -> str:
        return self._roots.get("pids") or next(iter(self._roots.values()))

    def _delegate(self) -> None:
        root = self._roots[""]
        with open(f"{root}/cgroup.controllers") as file:
            known = file.read().split()
        there = [each for each in _V2 if each in known]
        for folder in (root, f"{root}/{self._name}"):
            with open(f"{folder}/cgroup.subtree_control", "w") as file:
                file.write(" ".join(f"+{each}" for each in there))

    def _look(self) -> None:
        found = set()
        for kind, v1, v2 in (
            ("cpu", "cpu/cpu.shares", "cpu.weight"),
            ("quota", "cpu/cpu.cfs_quota_us", "cpu.max"),
            ("memory", "memory/memory.limit_in_bytes", "memory.max"),
            ("swap", "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
            ("swappiness", "memory/memory.swappiness", ""),
            ("pids", "pids/pids.max", "pids.max"),
            ("blkio", "blkio/blkio.weight", "io.weight"),
        ):
            controller, _, file = v1.partition("/")
            root = self._roots.get(controller if self.version == 1 else "")
            name = file if self.version == 1 else v2
            if root and name and os.path.exists(f"{root}/{self._name}/{name}"):
                found.add(kind)
            else:
                self.reasons[kind] = f"{kind} is not enforced: this kernel's cgroups have no {name or v1}"
        self.limits = frozenset(found)

    # -- groups ----------------------------------------------------------------------------------------------------

    def path(self, group: str, container: str) -> str:
        """The cgroup of a container, as runc takes it; "" where there are none."""
        return "/" + "/".join(filter(None, (self._name, group, container))) if self.version else ""

    def make_group(self, group: str, wanted: Resources) -> None:
        """Make a group or change its limits. Raises ComputeError; does nothing where cgroups cannot be used."""
        if not self.version:
            return
        path = f"{self._name}/{group}"
        try:
            for root in set(self._roots.values()):
                os.makedirs(f"{root}/{path}", exist_ok=True)
            for controller, file, value in self._settings(wanted):
                with open(f"{self._roots.get(controller) or self._roots['']}/{path}/{file}", "w") as handle:
                    handle.write(value)
            if self.version == 2:
                with open(f"{self._roots['']}/{self._name}/cgroup.subtree_control") as file_:
                    there = file_.read().split()
                with open(f"{self._roots['']}/{path}/cgroup.subtree_control", "w") as file_:
                    file_.write(" ".join(f"+{each}" for each in there))
        except OSError as error:
            raise ComputeError("failed", f"the limits of {group} cannot be set: {error.strerror}") from error

    def _settings(self, wanted: Resources) -> list[tuple[str, str, str]]:
        """(controller, file, value) of each limit given that can be enforced."""
        one = self.version == 1
        found: list[tuple[str, str, str]] = []
        if wanted.cpu_shares is not None and "cpu" in self.limits:
            shares = max(2, wanted.cpu_shares)
            weight = 1 + (shares - 2) * 9999 // 262142
            found.append(("cpu", "cpu.shares", str(shares)) if one else ("cpu", "cpu.weight", str(weight)))
        if wanted.cpu_quota_us is not None and "quota" in self.limits:
            if one:
                found.append(("cpu", "cpu.cfs_period_us", str(wanted.cpu_period_us)))
                found.append(("cpu", "cpu.cfs_quota_us", str(wanted.cpu_quota_us)))
            else:
                found.append(("cpu", "cpu.max", f"{wanted.cpu_quota_us} {wanted.cpu_period_us}"))
        if wanted.memory is not None and "memory" in self.limits:
            found.append(("memory", "memory.limit_in_bytes" if one else "memory.max", str(wanted.memory)))
        if wanted.memory_reservation is not None and "memory" in self.limits:
            file = "memory.soft_limit_in_bytes" if one else "memory.low"
            found.append(("memory", file, str(wanted.memory_reservation)))
        if wanted.pids is not None and "pids" in self.limits:
            found.append(("pids", "pids.max", str(wanted.pids)))
        return found

    def remove_group(self, group: str) -> None:
        """Remove a group that has no processes, with the cgroups below."""
        if group and self.version:
            self._remove(f"{self._name}/{group}")

    def _remove(self, path: str) -> None:
        for root in self._every:
            _remove_tree(f"{root}/{path}")

    # -- containers ------------------------------------------------------------------------------------------------

    def files(self, path: str, name: str) -> list[str]:
        """A file by this name in the container's cgroup in each hierarchy."""
        if not path:
            return []
        return [f"{root}{path}/{name}" for root in sorted(set(self._every))]

    def file(self, path: str, controller: str, name: str) -> str:
        """A file of one controller; "" without it."""
        root = self._roots.get(controller if self.version == 1 else "")
        return f"{root}{path}/{name}" if root and path else ""

    def oom_file(self, path: str) -> str:
        """Where the kernel counts what it killed for memory; "" where it does not."""
        return self.file(path, "memory", "memory.oom_control" if self.version == 1 else "memory.events")

    def kill(self, path: str) -> None:
        """Kill what is left in a container's cgroup and remove it: its shim is gone."""
        for procs in self.files(path, "cgroup.procs"):
            for _ in range(20):
                pids = _processes(procs)
                for pid in pids:
                    try:
                        os.kill(pid, 9)
                    except ProcessLookupError:
                        continue
                if not pids:
                    break
        if path:
            self._remove(path.lstrip("/"))

    # -- the end ---------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Remove the cgroups of clouds that are gone, however they went."""
        root = self._any_root()
        try:
            names = [name for name in os.listdir(root) if name.startswith(PREFIX) and name != self._name]
        except OSError:
            return
        for name in names:
            try:
                fd = os.open(f"{root}/{name}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove(name)
            except BlockingIOError:
                pass
            finally:
                os.close(fd)

    def close(self) -> None:
        """Remove this cloud's cgroups; no container is left."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None
            self._remove(self._name)


def _processes(path: str) -> list[int]:
    try:
        with open(path) as file:
            return [int(line) for line in file.read().split()]
    except OSError:
        return []


def _remove_tree(path: str) -> None:
    """Remove a cgroup and those below. Just killed processes leave a moment later; what stays is for the next sweep."""
    try:
        below = [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for each in below:
        _remove_tree(each)
    for _ in range(50):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            # Somebody else's, or in use.
            if error.errno != errno.EBUSY or _processes(f"{path}/cgroup.procs"):
                return
            time.sleep(0.002)  # the host's processes end in the host's time
