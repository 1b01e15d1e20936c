"""What the kernel says in ``/proc``, as numbers. Every function takes text; lines that are not understood are left out.

Layouts: proc(5).
"""

from __future__ import annotations

from typing import NamedTuple

_CPU_COLUMNS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
_SECTOR = 512
_TCP_STATES = (
    "none", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait",
    "last_ack", "listen", "closing",
)  # fmt: skip


def numbers(words: list[str]) -> list[int]:
    """Decimal words as integers; empty when one of them is something else."""
    return [int(word) for word in words] if all(word.isascii() and word.isdigit() for word in words) else []


def cpu(stat: str) -> dict[str, dict[str, int]]:
    """``/proc/stat``: ticks per state of ``cpu-total`` and each ``cpuN``. Guests are not counted as users twice."""
    found = {}
    for line in stat.splitlines():
        name, *words = line.split() or [""]
        values = numbers(words)
        if not name.startswith("cpu") or len(values) < 4:
            continue
        states = dict(zip(_CPU_COLUMNS, values + [0] * (10 - len(values)), strict=False))
        states["active"] = sum(states[each] for each in ("user", "nice", "system", "irq", "softirq", "steal"))
        found["cpu-total" if name == "cpu" else name] = states
    return found


def meminfo(text: str) -> dict[str, int]:
    """``/proc/meminfo`` in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        values = numbers(rest.split()[:1])
        if values:
            found[name] = values[0] * (1024 if rest.rstrip().endswith("kB") else 1)
    return found


def memory(text: str) -> dict[str, float]:
    """The ``mem_*`` metrics without their prefix."""
    info = meminfo(text)
    total = info.get("MemTotal", 0)
    free, buffered = info.get("MemFree", 0), info.get("Buffers", 0)
    cached = info.get("Cached", 0) + info.get("SReclaimable", 0)
    available = info.get("MemAvailable", free + buffered + cached)
    used = max(total - free - buffered - cached, 0)
    return {
        "total": total, "free": free, "buffered": buffered, "cached": cached, "available": available, "used": used,
        "active": info.get("Active", 0), "inactive": info.get("Inactive", 0),
        "available_percent": 100 * available / total if total else 0.0,
        "used_percent": 100 * used / total if total else 0.0,
    }  # fmt: skip


def swap(text: str) -> dict[str, float]:
    """The ``swap_*`` metrics without their prefix."""
    info = meminfo(text)
    total, free = info.get("SwapTotal", 0), info.get("SwapFree", 0)
    return {"free": free, "used": total - free, "used_percent": 100 * (total - free) / total if total else 0.0}


def diskstats(text: str) -> dict[str, dict[str, int]]:
    """``/proc/diskstats``: counters of each device that was ever used."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        values = numbers(words[3:14])
        if len(values) < 11 or not any(values):
            continue
        found[words[2]] = {
            "reads": values[0], "read_bytes": values[2] * _SECTOR, "read_time": values[3],
            "writes": values[4], "write_bytes": values[6] * _SECTOR, "write_time": values[7],
            "iops_in_progress": values[8], "io_time": values[9],
        }  # fmt: skip
    return found


def netdev(text: str) -> dict[str, dict[str, int]]:
    """``/proc/net/dev``: counters of each interface."""
    found = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        values = numbers(rest.split())
        if colon and len(values) >= 16:
            found[name.strip()] = {
                "bytes_recv": values[0], "packets_recv": values[1], "err_in": values[2], "drop_in": values[3],
                "bytes_sent": values[8], "packets_sent": values[9], "err_out": values[10], "drop_out": values[11],
            }  # fmt: skip
    return found


def sockets(tcp: list[str], udp: list[str]) -> dict[str, int]:
    """``/proc/net/tcp`` and ``tcp6``, ``udp`` and ``udp6``: how many connections are in which state."""
    counts = {f"tcp_{state}": 0 for state in _TCP_STATES}
    for text in tcp:
        for line in text.splitlines()[1:]:
            words = line.split()
            try:
                state = int(words[3], 16)
            except (IndexError, ValueError):
                continue
            # 12 is a request that is not a connection yet (NEW_SYN_RECV).
            name = "syn_recv" if state == 12 else _TCP_STATES[state] if state < len(_TCP_STATES) else "none"
            counts[f"tcp_{name}"] += 1
    counts["udp_socket"] = sum(max(len(text.splitlines()) - 1, 0) for text in udp)
    return counts


class Mount(NamedTuple):
    """A mounted file system."""

    device: str
    path: str
    kind: str


def mounts(text: str) -> list[Mount]:
    """``/proc/self/mounts``; of several at one path the topmost."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3:
            device, path, kind = (_unescape(word) for word in words[:3])
            found[path] = Mount(device, path, kind)
    return list(found.values())


def _unescape(word: str) -> str:
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(octal, character)
    return word


class Stat(NamedTuple):
    """``/proc/<pid>/stat``: times in ticks, sizes in bytes."""

    name: str
    state: str
    user: int
    system: int
    priority: int
    nice: int
    threads: int
    started: int
    virtual: int
    resident: int
    realtime: int


def stat(text: str, page: int) -> Stat | None:
    """One process. Its name may hold anything, brackets too."""
    start, end = text.find("("), text.rfind(")")
    words = text[end + 1 :].split()
    if start < 0 or end < start or len(words) < 38:
        return None
    try:
        return Stat(
            name=text[start + 1 : end], state=words[0], user=int(words[11]), system=int(words[12]),
            priority=int(words[15]), nice=int(words[16]), threads=int(words[17]), started=int(words[19]),
            virtual=int(words[20]), resident=int(words[21]) * page, realtime=int(words[37]),
        )  # fmt: skip
    except ValueError:
        return None


def colons(text: str) -> dict[str, str]:
    """``/proc/<pid>/status`` and ``/proc/<pid>/io``: names and values."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


_LIMITS = {
    "Max cpu time": "cpu_time",
    "Max file locks": "file_locks",
    "Max data size": "memory_data",
    "Max locked memory": "memory_locked",
    "Max resident set": "memory_rss",
    "Max stack size": "memory_stack",
    "Max address space": "memory_vms",
}


def limits(text: str) -> dict[str, float]:
    """``/proc/<pid>/limits`` as ``rlimit_*``. What has no limit is the largest number of 31 bits, as the agent says."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        name = _LIMITS.get(line[:26].strip())
        words = line[26:].split()
        if name is None or len(words) < 2:
            continue
        for which, word in zip(("soft", "hard"), words, strict=False):
            found[f"rlimit_{name}_{which}"] = float(word) if word.isdigit() else float(2**31 - 1)
    return found
