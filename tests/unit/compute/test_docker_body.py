"""From specifications to the API's words and back, by tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.compute.docker.body import Place, create_body
from cloudarium.substrate.compute.docker.figures import exit_of, state_of, stats_of
from cloudarium.substrate.compute.docker.sessions import exec_body
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ContainerSpec, Device, ExecSpec, LogPolicy, Mount, Resources, Ulimit

MIB = 1024 * 1024


def body(place: Place | None = None, **fields: Any) -> dict[str, Any]:
    spec = ContainerSpec(**{"id": "a-container-with-a-name", "argv": ["app", "-x"], **fields})
    return create_body(spec, place or Place(image="sha256:1"))


def bind(source: str, target: str, readonly: bool = False, propagation: str = "rprivate") -> dict[str, Any]:
    return {
        "Type": "bind", "Source": source, "Target": target, "ReadOnly": readonly,
        "BindOptions": {"Propagation": propagation},
    }  # fmt: skip


def test_the_least() -> None:
    made = body()
    host = made.pop("HostConfig")
    assert made == {
        "Image": "sha256:1", "Entrypoint": [], "Cmd": ["app", "-x"], "Env": [], "WorkingDir": "/", "User": "",
        "Tty": False, "OpenStdin": False, "StdinOnce": False, "StopSignal": "SIGTERM", "Labels": {},
        "Hostname": "a-container-",
    }  # fmt: skip
    assert {key: value for key, value in host.items() if value not in ([], {}, False, "")} == {
        "NetworkMode": "none", "IpcMode": "shareable", "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"hostname": "web"}, {"Hostname": "web"}),
        ({"env": ["A=1", "B="]}, {"Env": ["A=1", "B="]}),
        ({"user": "app:1"}, {"User": "app:1"}),
        ({"cwd": "/srv"}, {"WorkingDir": "/srv"}),
        ({"terminal": True, "stdin": True}, {"Tty": True, "OpenStdin": True}),
        ({"stop_signal": "SIGQUIT"}, {"StopSignal": "SIGQUIT"}),
    ],
)
def test_fields(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = body(**fields)
    assert {key: made[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"resources": Resources(cpu_shares=1)}, {"CpuShares": 2}),
        ({"resources": Resources(cpu_quota_us=5, cpu_period_us=10)}, {"CpuQuota": 5, "CpuPeriod": 10}),
        (
            {"resources": Resources(memory=64 * MIB, memory_reservation=MIB, memory_swap=-1, swappiness=0)},
            {"Memory": 64 * MIB, "MemoryReservation": MIB, "MemorySwap": -1, "MemorySwappiness": 0},
        ),
        ({"resources": Resources(pids=9, blkio_weight=10)}, {"PidsLimit": 9, "BlkioWeight": 10}),
        (
            {"ulimits": [Ulimit(name="nofile", soft=1, hard=-1)]},
            {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": -1}]},
        ),
        (
            {"capabilities_add": ["NET_ADMIN"], "capabilities_drop": ["ALL"]},
            {"CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"]},
        ),
        (
            {"privileged": True, "readonly_rootfs": True, "init": True},
            {"Privileged": True, "ReadonlyRootfs": True, "Init": True},
        ),
        ({"no_new_privileges": True}, {"SecurityOpt": ["no-new-privileges:true"]}),
        (
            {"devices": [Device(host_path="/dev/fuse", permissions="r")]},
            {"Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "r"}]},
        ),
        ({"sysctls": {"net.core.somaxconn": "9"}}, {"Sysctls": {"net.core.somaxconn": "9"}}),
        ({"shm_size": 5}, {"ShmSize": 5}),
        (
            {"mounts": [Mount(kind="tmpfs", target="/t", options=["size=1m"], readonly=True)]},
            {"Tmpfs": {"/t": "ro,size=1m"}, "Mounts": []},
        ),
        (
            {"mounts": [Mount(source="/s", target="/b")]},
            {"Tmpfs": {}, "Mounts": [bind("/s", "/b")]},
        ),
        (
            {"mounts": [Mount(source="/s", target="/b", readonly=True, options=["rshared"])]},
            {"Mounts": [bind("/s", "/b", True, "rshared")]},
        ),
        ({"logs": LogPolicy(mode="none")}, {"LogConfig": {"Type": "none", "Config": {}}}),
        (
            {"logs": LogPolicy(mode="non-blocking", limit=10 * MIB)},
            {"LogConfig": {"Type": "json-file", "Config": {"max-size": str(5 * MIB), "max-file": "2"}}},
        ),
        (
            {"logs": LogPolicy(mode="non-blocking", limit=0)},
            {"LogConfig": {"Type": "json-file", "Config": {"max-size": "65536", "max-file": "2"}}},
        ),
    ],
)  # fmt: skip
def test_host_config(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    host = body(**fields)["HostConfig"]
    assert {key: host[key] for key in wanted} == wanted


def test_swap_without_a_limit_is_left_out() -> None:
    assert "MemorySwap" not in body(resources=Resources(memory_swap=5))["HostConfig"]


def test_the_place() -> None:
    place = Place(
        image="i",
        network="container:h",
        named=False,
        pid="p",
        ipc="q",
        files={"/etc/hosts": "/f/hosts"},
        labels={"k": "v"},
    )
    made = body(place, hostname="web")
    assert "Hostname" not in made, "with another's network comes its name, and Docker refuses both"
    host = made["HostConfig"]
    assert body(Place(image="i", network="container:h"), hostname="web")["Hostname"] == "web"
    assert (host["NetworkMode"], host["PidMode"], host["IpcMode"]) == ("container:h", "container:p", "container:q")
    assert host["Mounts"] == [bind("/f/hosts", "/etc/hosts")] and made["Labels"] == {"k": "v"}
    own = body(place, mounts=[Mount(source="/own", target="/etc/hosts")])
    assert own["HostConfig"]["Mounts"] == [bind("/own", "/etc/hosts")], "what the caller mounts counts"


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({"argv": []}, "invalid", "no command"),
        ({"env": ["=x"]}, "invalid", "environment"),
        ({"env": ["A=\0"]}, "invalid", "environment"),
        ({"mounts": [Mount(source="/s", target="relative")]}, "invalid", "absolute"),
        ({"mounts": [Mount(source="/s", target="/")]}, "invalid", "absolute"),
        ({"mounts": [Mount(source="/s", target="/b", options=["noexec"])]}, "unsupported", "noexec"),
    ],
)
def test_refusals(fields: dict[str, Any], kind: str, text: str) -> None:
    with pytest.raises(ComputeError) as raised:
        body(**fields)
    assert raised.value.kind == kind and text in raised.value.message


def test_init_in_a_shared_pid_namespace() -> None:
    with pytest.raises(ComputeError, match="init"):
        body(Place(image="i", pid="p"), init=True)


def test_exec() -> None:
    made = exec_body(ExecSpec(argv=["sh"], env=["A=1"], user="app", terminal=True, rows=1, cols=2))
    assert (made["Tty"], made["Env"], made["User"], made["ConsoleSize"]) == (True, ["A=1", "TERM=xterm"], "app", [1, 2])
    assert "User" not in exec_body(ExecSpec(argv=["sh"]))
    with pytest.raises(ComputeError, match="no command"):
        exec_body(ExecSpec(argv=[]))


def test_ends_and_states() -> None:
    inspected = {
        "State": {
            "Status": "exited", "ExitCode": 137, "OOMKilled": True, "Error": "e",
            "StartedAt": "1970-01-01T00:00:01Z", "FinishedAt": "1970-01-01T00:00:02.5Z",
        }
    }  # fmt: skip
    end = exit_of(inspected, 9.0)
    assert (end.code, end.oom_killed, end.error, end.started_at, end.finished_at) == (137, True, "e", 1.0, 2.5)
    never = exit_of({"State": {"StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"}}, 9.0)
    assert (never.code, never.started_at, never.finished_at) == (0, None, 9.0)
    for word, state in (("created", "created"), ("configured", "created"), ("running", "running"), ("dead", "exited")):
        assert state_of({"State": {"Status": word}}) == state
    assert state_of({"State": {"Status": "asleep"}}) == state_of(None) == "unknown"


def test_stats() -> None:
    found = stats_of(
        {
            "read": "1970-01-01T00:00:01Z",
            "pids_stats": {"current": 3, "limit": 7},
            "cpu_stats": {
                "cpu_usage": {"total_usage": 9, "usage_in_kernelmode": 4, "usage_in_usermode": 5, "percpu_usage": [9]},
                "system_cpu_usage": 100, "online_cpus": 2,
                "throttling_data": {"periods": 1, "throttled_periods": 2, "throttled_time": 3},
            },
            "memory_stats": {"usage": 10, "limit": 20, "max_usage": 15, "stats": {"cache": 1}},
            "blkio_stats": {
                "io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 5}], "sectors": None,
            },
            "networks": {"eth0": {"rx_bytes": 1}},
        },
        5.0,
    )  # fmt: skip
    assert (found.read_at, found.cpu_total_ns, found.cpu_user_ns, found.cpu_system_ns) == (1.0, 9, 5, 4)
    assert (found.periods, found.throttled_periods, found.throttled_ns) == (1, 2, 3)
    assert (found.memory_usage, found.memory_limit, found.memory_max, found.memory_stats) == (10, 20, 15, {"cache": 1})
    assert (found.pids, found.pids_limit, found.per_cpu_ns, found.system_cpu_ns) == (3, 7, [9], 100)
    assert found.blkio == {"io_service_bytes_recursive": [{"op": "Read", "major": 8, "minor": 0, "value": 5}]}
    assert found.networks == {"eth0": {"rx_bytes": 1}}


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["State", "cpu_stats", "cpu_usage", "memory_stats", "stats", "networks", "blkio_stats",
                         "percpu_usage", "pids_stats", "throttling_data", "Status", "ExitCode", "StartedAt"]), inner),
    max_leaves=20,
)  # fmt: skip


@given(json)
def test_any_json_of_an_engine_is_survived(answer: Any) -> None:
    state_of(answer)
    exit_of(answer, 1.0)
    stats_of(answer, 1.0)
