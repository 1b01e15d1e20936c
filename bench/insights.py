"""Seconds that CloudWatch Logs Insights takes over a million events.

    python bench/insights.py [--events 1000000] [--rounds 5]

Events are JSON of about 110 bytes in eight log streams over four hours, put through the API in calls of a thousand.
The cloud is then stopped and started again: the first query opens every file anew and imports what it needs. A query's
time is the one a client sees, from StartQuery to the answer of GetQueryResults that says Complete.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report
from load import CannotMeasure
from logs import client, put, started
from processes import free_port

GROUP = "bench"
STREAMS = 8
PER_CALL = 1_000
SPAN = 4 * 3_600
QUERIES = {
    "notebook": (
        "fields @timestamp, @message, @logStream\n| filter @message like /(?i)(Warning|Error)/\n"
        "| sort @timestamp desc\n| limit 100\n"
    ),
    "count by time and stream": "stats count(*) by bin(5m), @logStream",
    "fields of JSON": "filter status >= 500 | stats count(*), avg(latency), pct(latency, 95) by path",
    "newest events": "fields @timestamp, @message | limit 20",
    "patterns": "pattern @message",
    "anomalies": "pattern @message | anomaly",
    "subquery": "filter path in (filter level = 'error' | fields path) | stats count(*) by path",
    "join": (
        "filter level = 'error' | join left=a right=b where a.request = b.request (SOURCE 'bench') | stats count(*)"
    ),
}
"""The first two are those that ought to take no more than a second."""
_TWICE = ("subquery", "join")


def bodies(events: int) -> Iterator[bytes]:
    """Requests, oldest events first."""
    begin = int(time.time() * 1000) - SPAN * 1000
    for start in range(0, events, PER_CALL):
        listed = []
        for number in range(start, start + PER_CALL):
            rare = number % 1000 == 7
            message = {
                "level": "error" if rare else "info",
                "path": f"/orders/{number % 50}",
                "status": 500 if rare else 200,
                "latency": 999 if rare else number % 900,
                "request": f"{number * 2654435761 % 2**32:08x}",
            }
            listed.append({"timestamp": begin + number * SPAN * 1000 // events, "message": json.dumps(message)})
        stream = f"stream-{start // PER_CALL % STREAMS}"
        yield json.dumps({"logGroupName": GROUP, "logStreamName": stream, "logEvents": listed}).encode()


def query(logs: Any, text: str) -> tuple[float, dict[str, Any]]:
    """Run a query; the seconds it took, and the answer."""
    now = int(time.time())
    begin = time.perf_counter()
    name = logs.start_query(logGroupName=GROUP, startTime=now - 2 * SPAN, endTime=now + 60, queryString=text)["queryId"]
    while True:
        answer = logs.get_query_results(queryId=name)
        if answer["status"] not in ("Scheduled", "Running"):
            break
        time.sleep(0.01)
    taken = time.perf_counter() - begin
    if answer["status"] != "Complete":
        raise CannotMeasure(f"a query ended as {answer['status']}: {text}")
    return taken, answer


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="only print, leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    conditions = report.conditions()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        port = free_port()
        with started("Cloudarium", port, Path(scratch)):
            logs = client(port)
            logs.create_log_group(logGroupName=GROUP)
            for number in range(STREAMS):
                logs.create_log_stream(logGroupName=GROUP, logStreamName=f"stream-{number}")
            put(port, list(bodies(options.events)))
        port = free_port()
        with started("Cloudarium", port, Path(scratch)):
            logs = client(port)
            for name, text in QUERIES.items():
                first, answer = query(logs, text)
                scanned = int(answer["statistics"]["recordsScanned"])
                # A query within the query reads them all once more.
                wanted = options.events * (2 if name in _TWICE else 1)
                if scanned != wanted:
                    raise CannotMeasure(f"{scanned} events were scanned instead of {wanted}")
                again = statistics.median(query(logs, text)[0] for _ in range(options.rounds))
                rows.append([name, f"{first:.2f}", f"{again:.2f}", f"{options.events / again:,.0f}"])
    head = [f"{options.events:,} events", "first, s", "again, s (median)", "events/s"]
    text = "\n\n".join([conditions, report.table(head, rows)])
    if options.print:
        print(text)
    else:
        report.publish("insights", text)


if __name__ == "__main__":
    main()
