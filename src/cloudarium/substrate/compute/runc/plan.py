"""What a shim is told to make: runc's configuration, and what is around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc import capabilities, oci
from cloudarium.substrate.compute.runc.machine import Machine
from cloudarium.substrate.compute.spec import ContainerSpec


def make_plan(
    spec: ContainerSpec, machine: Machine, program: str, run: Path, *, cgroup: str, runc_root: str, pid: str, ipc: str
) -> dict[str, Any]:
    """The plan of a container; writes its own /etc files into ``run``.

    ``pid`` and ``ipc`` are paths of namespaces to share, "" for own ones. Raises ComputeError, OSError.
    """
    around = machine.surroundings(spec, cgroup)
    if spec.host_network and spec.network is not None:
        raise ComputeError("invalid", "a network namespace and host_network exclude each other")
    for content, target in (
        (spec.hosts, "hosts"),
        (spec.resolv_conf, "resolv.conf"),
        (f"{spec.hostname or spec.id[:12]}\n", "hostname"),
    ):
        if content is not None and spec.argv:
            (run / target).write_text(content)
            (run / target).chmod(0o644)
            around.files[f"/etc/{target}"] = str(run / target)
    around.pid_namespace, around.ipc_namespace = pid, ipc
    if spec.init and spec.share_pid_with is not None:
        raise ComputeError("invalid", "init has no effect in a shared pid namespace")
    chosen = oci.chosen_capabilities(spec, around)
    bits = capabilities.mask(chosen)
    return {
        "id": spec.id,
        "runc": program,
        "runc_root": runc_root,
        "runc_env": {"PATH": oci.PATH},
        "pause": not spec.argv,
        "config": oci.config(spec, around) if spec.argv else {},
        "overlay": {"lowers": spec.lowers, "upper": spec.upper, "work": spec.work, "merged": spec.merged},
        "in_user_namespace": machine.in_user_namespace,
        "user": spec.user,
        "init": spec.init,
        "own_pid_namespace": not (spec.init or spec.share_pid_with),
        "terminal": spec.terminal,
        "stdin": spec.stdin,
        "logs": {"mode": spec.logs.mode, "limit": spec.logs.limit},
        "procs": machine.cgroups.files(cgroup, "cgroup.procs"),
        "oom": machine.cgroups.oom_file(cgroup),
        "exec": {
            "capabilities": {"bounding": bits, "effective": bits, "permitted": bits, "inheritable": 0},
            "no_new_privileges": spec.no_new_privileges,
            "rlimits": {f"RLIMIT_{name.upper()}": v for name, v in oci.rlimits(spec, around).items()},
        },
    }
