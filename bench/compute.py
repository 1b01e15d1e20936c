"""Containers: how long they take to start, what exec and output cost, how much memory watching one takes.

python -m bench.compute            prints one JSON object; needs runc and busybox-static
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from tests.unit.compute.tree import MODES, World, in_tree

from cloudarium.substrate.compute.spec import LogPolicy
from cloudarium.substrate.host import proctree

_MANY = 50
_LINES = 1_000_000


def milliseconds(samples: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {"median_ms": round(statistics.median(samples) * 1e3, 1), "worst_ms": round(max(samples) * 1e3, 1)}


async def measure(world: World) -> None:
    """The body of a cloud."""
    result: dict[str, object] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    created, started = [], []
    for number in range(15):
        spec = world.spec(f"one{number}", "sleep", "1000")
        begin = perf_counter()
        await world.compute.create(spec)
        middle = perf_counter()
        await world.compute.start(spec.id)
        created.append(middle - begin)
        started.append(perf_counter() - begin)
    # The first pays for finding out what the machine can do, and for what all shims share.
    result["first_create_and_start_ms"] = round(started[0] * 1e3, 1)
    result["create"], result["create_and_start"] = milliseconds(created[1:]), milliseconds(started[1:])

    begin = perf_counter()
    await asyncio.gather(*(world.run(f"many{number}", "sleep", "1000") for number in range(_MANY)))
    result[f"{_MANY}_containers_s"] = round(perf_counter() - begin, 2)

    pss = [_pss(process.pid) for process in proctree.everyone() if process.name == "cloudarium-shim"]
    result["shim_pss_kib"] = {"median": statistics.median(pss), "worst": max(pss)}

    samples = []
    for _ in range(30):
        begin = perf_counter()
        await world.command("one0", "echo x")
        samples.append(perf_counter() - begin)
    result["exec_of_a_shell"] = milliseconds(samples)

    begin = perf_counter()
    await world.run("loud", "seq", "1", str(_LINES), logs=LogPolicy())
    count, logs = 0, world.compute.logs("loud")
    async for batch in logs:
        count += len(batch)
        logs.ack()
    assert count == _LINES
    result["output_lines_per_s"] = round(_LINES / (perf_counter() - begin))

    # A program that flushes each line, at its own pace: what does the shim take of the machine?
    await world.run("steady", "sh", "-c", "while true; do echo a line of some length for the log; done")
    shim = max(process.pid for process in proctree.everyone() if process.name == "cloudarium-shim")
    logs, count, before, begin = world.compute.logs("steady"), 0, _cpu(shim), perf_counter()
    async for batch in logs:
        count += len(batch)
        logs.ack()
        if perf_counter() - begin > 3:
            break
    elapsed = perf_counter() - begin
    result["unbuffered"] = {
        "lines_per_s": round(count / elapsed),
        "shim_cpu_percent": round((_cpu(shim) - before) / elapsed * 100, 1),
    }
    begin = perf_counter()
    await world.compute.reset()
    result[f"delete_{_MANY + 17}_s"] = round(perf_counter() - begin, 2)
    (world.folder / "result.json").write_text(json.dumps(result))


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cloudarium-bench-") as folder:
        in_tree(MODES[0], measure, Path(folder), limit=120)
        print(Path(folder, "result.json").read_text())


if __name__ == "__main__":
    main()
