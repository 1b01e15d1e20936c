"""Which cgroups there are, from the text of mountinfo; groups in a folder that looks like version 2."""

from __future__ import annotations

from pathlib import Path

from cloudarium.substrate.compute.runc import stats
from cloudarium.substrate.compute.runc.cgroups import Cgroups
from cloudarium.substrate.compute.spec import Resources


def line(where: str, kind: str, options: str) -> str:
    return f"30 23 0:26 / {where} rw,nosuid - {kind} none {options}"


V1 = [line(f"/cg/{name}", "cgroup", f"rw,{name}") for name in ("cpu,cpuacct", "memory", "pids", "name=systemd")]
V2 = line("/cg/unified", "cgroup2", "rw")


def test_versions() -> None:
    assert Cgroups("x", V2).version == 2
    assert Cgroups("x", "\n".join(V1)).version == 1
    assert Cgroups("x", "").version == 0
    hybrid = Cgroups("x", "\n".join([*V1, V2]))
    assert hybrid.version == 1
    # Controllers mounted together are one hierarchy, and processes enter those without a controller too.
    assert hybrid.files("/cloudarium-x/c", "cgroup.procs") == [
        f"/cg/{name}/cloudarium-x/c/cgroup.procs"
        for name in ("cpu,cpuacct", "memory", "name=systemd", "pids", "unified")
    ]


def test_nothing_to_enforce_with() -> None:
    cgroups = Cgroups("x", "")
    cgroups.prepare()
    assert cgroups.limits == frozenset() and "no cgroups" in cgroups.reasons["memory"]
    assert cgroups.path("task", "c") == "" and cgroups.oom_file("") == ""
    cgroups.make_group("task", Resources(memory=1))
    cgroups.close()


def test_version_2_groups(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    cgroups = Cgroups("x", line(str(tmp_path), "cgroup2", "rw"))
    own = tmp_path / "cloudarium-x"
    own.mkdir()
    for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max"):
        (own / name).touch()
    cgroups.prepare()
    assert cgroups.limits == {"cpu", "quota", "memory", "pids"}
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory +pids +io"
    cgroups.make_group("task", Resources(cpu_shares=1024, cpu_quota_us=50_000, memory=1 << 20, pids=7))
    written = {path.name: path.read_text() for path in (own / "task").iterdir()}
    assert (written["cpu.weight"], written["cpu.max"]) == ("39", "50000 100000")
    assert (written["memory.max"], written["pids.max"]) == (str(1 << 20), "7")
    assert cgroups.oom_file(cgroups.path("task", "c")) == f"{own}/task/c/memory.events"


def test_counters_of_interfaces() -> None:
    text = "Inter-|\n face |\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n"
    assert stats.networks(text) == {
        "eth0": {
            "rx_bytes": 10,
            "rx_packets": 2,
            "rx_errors": 3,
            "rx_dropped": 4,
            "tx_bytes": 50,
            "tx_packets": 6,
            "tx_errors": 7,
            "tx_dropped": 8,
        }
    }
