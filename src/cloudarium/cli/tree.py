"""``down`` and ``status``: the process tree of a cloud, seen from outside."""

from __future__ import annotations

import argparse
import json
import os
import signal
from typing import Any

from cloudarium.cli import admin
from cloudarium.cli.failure import NOT_RUNNING, OK, Failure, not_running
from cloudarium.cli.waiting import until
from cloudarium.substrate.host import proctree, runtime

_STOP_SECONDS = 25.0
_KILL_SECONDS = 5.0


def down(options: argparse.Namespace) -> int:
    """Stop a cloud and wait until nothing of it is left."""
    folder = runtime.runtime_dir(options.port)
    lock = os.path.join(folder, "lock")
    holder = runtime.holder_of(lock)
    if holder is None:
        raise not_running(options.port)
    pid, namespace = int(holder.get("pid", 0)), runtime.read_state(folder).get("pid_namespace")

    def gone() -> bool:
        return runtime.holder_of(lock) is None and not (namespace and proctree.members(int(namespace)))

    _signal(pid, signal.SIGTERM)
    forced = not until(gone, _STOP_SECONDS)
    if forced:
        _signal(pid, signal.SIGKILL)
        if not until(gone, _KILL_SECONDS):
            raise Failure(
                f"the cloud on port {options.port} does not stop (process {pid})",
                f"look at its processes: ps --forest -g {pid}",
            )
    if options.json:
        print(json.dumps({"status": "stopped", "port": options.port, "forced": forced}))
    else:
        print(f"Cloudarium on port {options.port} {'was killed: it did not stop by itself' if forced else 'stopped'}")
    return OK


def _signal(pid: int, number: int) -> None:
    if pid <= 1:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise Failure(f"process {pid} belongs to another user", "run this as the user who started the cloud") from None


def status(options: argparse.Namespace) -> int:
    """Say how a cloud is doing."""
    folder = runtime.runtime_dir(options.port)
    holder = runtime.holder_of(os.path.join(folder, "lock"))
    state = runtime.read_state(folder) if holder is not None else {}
    try:
        health = admin.call(options.port, "GET", "health", timeout=5.0)
    except Failure as failure:
        if holder is None or failure.status == NOT_RUNNING:
            raise
        raise Failure(f"{failure.error} (phase: {state.get('phase', 'unknown')})", _log_hint(state)) from None
    facts = state | health | {"processes": _processes(state, health.get("processes", []))}
    print(json.dumps(facts) if options.json else _describe(options.port, facts))
    return OK


def _log_hint(state: dict[str, Any]) -> str:
    return f"see its log: {state['log']}" if state.get("log") else "see the terminal it was started in"


def _processes(state: dict[str, Any], reported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tree with the host's process ids: the cloud knows its children by the ids of its own namespace."""
    agent = state.get("pid")
    if agent is None:
        return reported
    depth = 1 if state.get("namespaces") else 0
    names = {int(process["pid"]): str(process["name"]) for process in reported if "pid" in process}
    known = {"cloudarium-host": "host agent", "cloudarium-init": "init", "cloudarium": "cloud"}
    rows: list[dict[str, Any]] = []
    for process in [proctree.read(agent), *proctree.descendants(agent)]:
        if process is None or process.state == "Z":
            continue
        inner = proctree.inner_pid(process.pid, depth)
        name = known.get(process.name) or names.get(inner or 0) or process.name
        rows.append({"name": name, "pid": process.pid, "inner_pid": inner, "rss_kib": proctree.resident(process.pid)})
    return rows


def _describe(port: int, facts: dict[str, Any]) -> str:
    data = facts.get("data_dir") or ("in memory" if "data_dir" in facts else "unknown")
    lines = [
        f"Cloudarium {facts.get('version', '')} is {facts.get('status', 'running')} at http://127.0.0.1:{port}",
        f"  data       {data}",
    ]
    if facts.get("log"):
        lines.append(f"  log        {facts['log']}")
    if "namespaces" in facts:
        lines.append(f"  networks   {'private' if facts['namespaces'] else 'none'}")
    lines += [f"  limit      {limit}" for limit in facts.get("limits", ())]
    for process in facts["processes"]:
        memory = f"  {process['rss_kib'] / 1024:6.1f} MiB" if process.get("rss_kib") else ""
        lines.append(f"  {process.get('pid', ''):>9}  {process.get('name', ''):<24}{memory}")
    return "\n".join(lines)
