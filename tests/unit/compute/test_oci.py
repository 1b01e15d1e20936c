"""From a specification to runc's configuration, without a machine."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc import capabilities, oci
from cloudarium.substrate.compute.signals import signal_number
from cloudarium.substrate.compute.spec import ContainerSpec, Mount, Resources, Ulimit

LIMITS = frozenset({"cpu", "quota", "memory", "swap", "pids"})


def spec(**fields: Any) -> ContainerSpec:
    return ContainerSpec(**({"id": "abcdef012345-web", "merged": "/m", "argv": ["sh"]} | fields))


def config(around: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return oci.config(spec(**fields), oci.Surroundings(**(around or {})))


def test_defaults_are_dockers() -> None:
    made = config()
    process = made["process"]
    assert process["env"] == [f"PATH={oci.PATH}", "HOSTNAME=abcdef012345"]
    assert process["cwd"] == "/" and made["hostname"] == "abcdef012345"
    assert set(process["capabilities"]["bounding"]) == set(capabilities.DEFAULT)
    assert "inheritable" not in process["capabilities"] and "ambient" not in process["capabilities"]
    assert "/proc/kcore" in made["linux"]["maskedPaths"] and "/proc/sys" in made["linux"]["readonlyPaths"]
    assert {each["type"] for each in made["linux"]["namespaces"]} == {"mount", "uts", "pid", "ipc", "network"}
    assert "resources" not in made["linux"] and "cgroupsPath" not in made["linux"]


def test_environment() -> None:
    made = config(env=["A=1", "PATH=/x", "A=2", "HOSTNAME", "E="], terminal=True)
    assert made["process"]["env"] == ["PATH=/x", "TERM=xterm", "A=2", "E="]
    for bad in ("=x", "", "A=\0"):
        with pytest.raises(ComputeError, match="invalid environment variable"):
            config(env=[bad])


def test_capabilities() -> None:
    def chosen(**fields: Any) -> set[str]:
        return set(config(**fields)["process"]["capabilities"]["effective"])

    assert chosen(capabilities_add=["sys_ptrace"]) == set(capabilities.DEFAULT) | {"CAP_SYS_PTRACE"}
    assert chosen(capabilities_drop=["ALL"], capabilities_add=["NET_BIND_SERVICE"]) == {"CAP_NET_BIND_SERVICE"}
    assert chosen(capabilities_add=["ALL"], capabilities_drop=["CAP_BPF"]) == set(capabilities.ALL) - {"CAP_BPF"}
    assert chosen(privileged=True) == set(capabilities.ALL)
    with pytest.raises(ComputeError, match="unknown capability: FLY"):
        chosen(capabilities_add=["FLY"])
    without = capabilities.mask(set(capabilities.ALL) - {"CAP_MKNOD", "CAP_SYS_TIME"})
    assert "CAP_MKNOD" not in chosen(around={"capabilities": without})
    with pytest.raises(ComputeError, match="CAP_SYS_TIME cannot be given"):
        chosen(around={"capabilities": without}, capabilities_add=["SYS_TIME"])


def test_limits_only_where_they_can_be_enforced() -> None:
    wanted = Resources(
        cpu_shares=1, cpu_quota_us=5, memory=7, memory_reservation=3, swappiness=1, pids=9, blkio_weight=8
    )
    made = config({"cgroup": "/c/x", "limits": LIMITS}, resources=wanted)["linux"]["resources"]
    assert made.pop("devices")[0] == {"allow": False, "access": "rwm"}
    assert made == {
        "cpu": {"shares": 2, "quota": 5, "period": 100_000},
        "memory": {"limit": 7, "reservation": 3},
        "pids": {"limit": 9},
    }


def test_ulimits_are_cut_where_hard_limits_cannot_be_raised() -> None:
    around = {"raise_limits": False, "hard_limits": {"nofile": 1000, "core": -1}}
    ulimits = [Ulimit(name="nofile", soft=2000, hard=4000), Ulimit(name="core", soft=-1, hard=-1)]
    assert config(around, ulimits=ulimits)["process"]["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "soft": 1000, "hard": 1000},
        {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]
    for bad in (Ulimit(name="files", soft=1, hard=1), Ulimit(name="nofile", soft=2, hard=1)):
        with pytest.raises(ComputeError, match="ulimit"):
            config(ulimits=[bad])


def test_mounts() -> None:
    inner, outer = Mount(source="/s/i", target="/data/in", readonly=True), Mount(source="/s", target="/data")
    shm = Mount(target="/dev/shm", kind="tmpfs", options=["size=1k"])
    made = config({"files": {"/etc/hosts": "/h"}}, mounts=[inner, outer, shm])["mounts"]
    targets = [each["destination"] for each in made]
    assert targets.index("/data") < targets.index("/data/in") and targets.count("/dev/shm") == 1
    assert next(each for each in made if each["destination"] == "/data/in")["options"][2] == "ro"
    assert next(each for each in made if each["destination"] == "/etc/hosts")["source"] == "/h"
    for bad in ("", "/", "relative"):
        with pytest.raises(ComputeError, match="absolute path"):
            config(mounts=[Mount(source="/s", target=bad)])
    pts = next(each for each in config({"in_user_namespace": True})["mounts"] if each["destination"] == "/dev/pts")
    assert "gid=5" not in pts["options"]


def test_sysctls_of_the_machine_are_refused() -> None:
    assert config(sysctls={"net.core.somaxconn": "9"})["linux"]["sysctl"] == {"net.core.somaxconn": "9"}
    with pytest.raises(ComputeError, match="not in a separate kernel namespace"):
        config(sysctls={"vm.swappiness": "1"})


@pytest.mark.parametrize(("name", "number"), [("", 15), ("TERM", 15), ("SIGQUIT", 3), ("9", 9), ("sigrtmin+3", 37)])
def test_signals(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["SIGNOPE", "0", "999", "-1", "SIG_DFL"])
def test_unknown_signals(name: str) -> None:
    with pytest.raises(ComputeError, match="invalid signal"):
        signal_number(name)
