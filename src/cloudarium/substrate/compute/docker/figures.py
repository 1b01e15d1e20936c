"""From the engine's JSON to what callers know: ends, states, counters. What an engine leaves out is 0. Pure."""

from __future__ import annotations

from typing import Any

from cloudarium.substrate.compute.docker.streams import seconds
from cloudarium.substrate.compute.runtime import State
from cloudarium.substrate.compute.spec import Exit, Stats

_STATES: dict[str, State] = {
    "created": "created",
    "configured": "created",
    "initialized": "created",
    "running": "running",
    "paused": "running",
    "restarting": "running",
    "stopping": "running",
    "removing": "exited",
    "exited": "exited",
    "stopped": "exited",
    "dead": "exited",
}


def state_of(inspected: Any) -> State:
    """Of ``GET /containers/<id>/json``; Podman has more words than Docker."""
    return _STATES.get(str(_dict(_dict(inspected).get("State")).get("Status")), "unknown")


def exit_of(inspected: Any, now: float) -> Exit:
    """How it ended. By which signal is not told by the API; ``code`` is 128 + signal then."""
    state = _dict(_dict(inspected).get("State"))
    return Exit(
        code=_int(state.get("ExitCode")),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        started_at=seconds(state.get("StartedAt")),
        finished_at=seconds(state.get("FinishedAt")) or now,
    )


def stats_of(answer: Any, now: float) -> Stats:
    """Of ``GET /containers/<id>/stats``."""
    answer = _dict(answer)
    cpu, memory, pids = (_dict(answer.get(f"{each}_stats")) for each in ("cpu", "memory", "pids"))
    usage, throttling = _dict(cpu.get("cpu_usage")), _dict(cpu.get("throttling_data"))
    return Stats(
        read_at=seconds(answer.get("read")) or now,
        cpu_total_ns=_int(usage.get("total_usage")),
        cpu_user_ns=_int(usage.get("usage_in_usermode")),
        cpu_system_ns=_int(usage.get("usage_in_kernelmode")),
        per_cpu_ns=[_int(each) for each in usage.get("percpu_usage") or ()],
        system_cpu_ns=_int(cpu.get("system_cpu_usage")),
        cpu_online=_int(cpu.get("online_cpus")) or 1,
        periods=_int(throttling.get("periods")),
        throttled_periods=_int(throttling.get("throttled_periods")),
        throttled_ns=_int(throttling.get("throttled_time")),
        memory_usage=_int(memory.get("usage")),
        memory_limit=_int(memory.get("limit")),
        memory_max=_int(memory.get("max_usage")),
        memory_stats={key: _int(value) for key, value in _dict(memory.get("stats")).items()},
        pids=_int(pids.get("current")),
        pids_limit=_int(pids.get("limit")) or None,
        blkio={key: _blkio(value) for key, value in _dict(answer.get("blkio_stats")).items() if value},
        networks={
            name: {key: value for key, value in _dict(counters).items() if isinstance(value, int)}
            for name, counters in _dict(answer.get("networks")).items()
        },
    )


def _blkio(entries: Any) -> list[dict[str, Any]]:
    return [
        {
            "major": _int(e.get("major")),
            "minor": _int(e.get("minor")),
            "op": str(e.get("op")),
            "value": _int(e["value"]),
        }
        for e in (entries if isinstance(entries, list) else ())
        if isinstance(e, dict) and "value" in e
    ]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
