"""Log events per second: taken by PutLogEvents, searched by FilterLogEvents, beside MiniStack and moto.

    python bench/logs.py [--events 300000] [--rounds 3]

Events are JSON of about 110 bytes, a thousand in a call, over 4 connections that send requests made beforehand.
Cloudarium answers when the events are in files that survive kill -9; the others keep theirs in memory. The search has
a JSON pattern that one event in a thousand matches, and is paged to its end. Moto runs within the process that
measures, as it is used in tests: its calls cross no socket. The slower ones are given fewer events.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ministack
import report
from load import CannotMeasure, post
from processes import answers, cloudarium, environment, free_port, running

ACCOUNT = "111122223333"
CONNECTIONS = 4
PER_CALL = 1_000
PATTERN = "{ $.status >= 500 && $.latency > 990 }"
GROUP, STREAM = "bench", "stream"


def event(number: int) -> dict[str, Any]:
    """One in a thousand has the status and the latency that are searched for."""
    rare = number % 1000 == 7
    message = {
        "level": "error" if rare else "info",
        "path": f"/orders/{number}",
        "status": 500 if rare else 200,
        "latency": 999 if rare else number % 900,
        "request": f"{number * 2654435761 % 2**32:08x}",
    }
    return {"timestamp": int(time.time() * 1000), "message": json.dumps(message)}


def bodies(events: int) -> list[bytes]:
    """Requests of a thousand events each."""
    made = []
    for start in range(0, events, PER_CALL):
        listed = [event(number) for number in range(start, start + PER_CALL)]
        listed.sort(key=lambda each: int(each["timestamp"]))
        made.append(json.dumps({"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": listed}).encode())
    return made


HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "Logs_20140328.PutLogEvents",
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/us-east-1/logs/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}",
}


def put(port: int, requests: list[bytes]) -> float:
    """Send all requests over some connections; the seconds it took."""
    return post(port, requests, HEADERS, CONNECTIONS)


def client(port: int | None) -> Any:
    """A botocore client."""
    import botocore.session

    session = botocore.session.get_session()
    session.set_credentials(ACCOUNT, "test")
    endpoint = f"http://127.0.0.1:{port}" if port is not None else None
    return session.create_client("logs", region_name="us-east-1", endpoint_url=endpoint)


def search(logs: Any, events: int) -> float:
    """Search to the end; the seconds it took."""
    found, token = 0, {}
    begin = time.perf_counter()
    while True:
        page = logs.filter_log_events(logGroupName=GROUP, filterPattern=PATTERN, **token)
        found += len(page["events"])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    taken = time.perf_counter() - begin
    if found != events // 1000:
        raise CannotMeasure(f"{found} events were found instead of {events // 1000}")
    return taken


def over_http(port: int, events: int, rounds: int) -> tuple[float, float]:
    """Events per second put and searched: medians of some rounds."""
    logs, puts, searches = client(port), [], []
    for _ in range(rounds):
        requests = bodies(events)
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        puts.append(events / put(port, requests))
        # One that finds other events than those that match has no rate.
        with contextlib.suppress(CannotMeasure):
            searches.append(events / search(logs, events))
        logs.delete_log_group(logGroupName=GROUP)
    return statistics.median(puts), statistics.median(searches) if searches else 0.0


def in_process(events: int, rounds: int) -> tuple[float, float]:
    """The same for moto, called through a botocore client that it has taken over."""
    from moto import mock_aws

    puts, searches = [], []
    for _ in range(rounds):
        with mock_aws():
            logs = client(None)
            logs.create_log_group(logGroupName=GROUP)
            logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
            calls = [json.loads(body) for body in bodies(events)]
            begin = time.perf_counter()
            for call in calls:
                logs.put_log_events(**call)
            puts.append(events / (time.perf_counter() - begin))
            with contextlib.suppress(CannotMeasure):
                searches.append(events / search(logs, events))
    return statistics.median(puts), statistics.median(searches) if searches else 0.0


@contextlib.contextmanager
def started(name: str, port: int, folder: Path) -> Iterator[None]:
    """Cloudarium or MiniStack, for the time of the block."""
    folder.mkdir(exist_ok=True)
    env = environment(XDG_RUNTIME_DIR=str(folder))
    if name == "Cloudarium":
        command = cloudarium("up", "--port", str(port), "--data", str(folder / "data"))
    else:
        command = [str(ministack.install())]
        env |= {"GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}
    asked = HEADERS | {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Host": f"127.0.0.1:{port}"}
    head = "".join(f"{key}: {value}\r\n" for key, value in asked.items())
    probe = f"POST / HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode()
    with running(command, lambda: answers(port, probe), env, folder):
        yield


def attempt(measure: Callable[[], tuple[float, float]]) -> tuple[float, float] | str:
    """Rates, or why there are none."""
    try:
        return measure()
    except Exception as reason:
        return f"{type(reason).__name__}: {reason}"[:160]


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="only print, leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    conditions = report.conditions()
    results: dict[str, tuple[float, float] | str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for name, events in (("Cloudarium", options.events), ("MiniStack", options.events // 10)):
            port = free_port()

            def measure(name: str = name, events: int = events, port: int = port) -> tuple[float, float]:
                with started(name, port, Path(scratch, name)):
                    return over_http(port, events, options.rounds)

            results[name] = attempt(measure)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    results["moto (in process)"] = attempt(lambda: in_process(options.events // 10, 1))
    rows, notes = [], []
    for name, rates in results.items():
        if isinstance(rates, str):
            notes.append(f"{name} was not measured: {rates}")
        else:
            searched = f"{rates[1]:,.0f}" if rates[1] else "finds other events"
            rows.append([name, f"{rates[0]:,.0f}", searched])
    head = ["", "PutLogEvents, events/s", "FilterLogEvents, events/s searched"]
    text = "\n\n".join([conditions, report.table(head, rows), *notes])
    if options.print:
        print(text)
    else:
        report.publish("logs", text)


if __name__ == "__main__":
    main()
