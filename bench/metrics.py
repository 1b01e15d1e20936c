"""CloudWatch: points taken by PutMetricData, metric math answered, memory per idle metric, alarms evaluated.

    python bench/metrics.py [--points 300000] [--metrics 50000] [--alarms 10000] [--print]

Points come a thousand in a call, of a thousand metrics with a dimension each, over 4 connections that send requests
made beforehand. Cloudarium answers when the points are in a file that survives kill -9; MiniStack keeps its own in
memory, and so does moto, which runs within the process that measures: its calls cross no socket. Neither evaluates
metric math or alarms, so that those numbers have nothing beside them. An idle metric has had one point, hours ago.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ministack
import report
from load import CannotMeasure, post
from processes import answers, cloudarium, cpu_seconds, environment, free_port, memory, running, tree

ACCOUNT = "111122223333"
CONNECTIONS = 4
PER_CALL = 1_000
DIFFERENT = 1_000
_ALARMS_PER_ACCOUNT = 5_000
_WINDOW_HOURS = 24


def headers(operation: str, account: str = ACCOUNT) -> dict[str, str]:
    """Of a call in the JSON protocol."""
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/monitoring/aws4_request, "
        f"SignedHeaders=host, Signature={'0' * 64}",
    }


def datum(number: int, different: int = DIFFERENT) -> dict[str, Any]:
    """A point of one of so many metrics."""
    where = [{"Name": "Host", "Value": f"host-{number % different:06d}"}]
    return {"MetricName": "Latency", "Dimensions": where, "Value": number % 977 / 10, "Unit": "Milliseconds"}


def bodies(points: int, different: int = DIFFERENT) -> list[bytes]:
    """PutMetricData requests."""
    return [
        json.dumps(
            {"Namespace": "Bench", "MetricData": [datum(at, different) for at in range(start, start + PER_CALL)]}
        ).encode()
        for start in range(0, points, PER_CALL)
    ]


def send(port: int, operation: str, requests: Sequence[bytes], account: str = ACCOUNT) -> float:
    """Send all requests over some connections; the seconds it took."""
    return post(port, requests, headers(operation, account), CONNECTIONS)


@contextlib.contextmanager
def started(name: str, folder: Path, *, durable: bool = True) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Cloudarium or MiniStack for the time of the block: its port, process id and environment."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    env = environment(XDG_RUNTIME_DIR=str(folder))
    if name == "Cloudarium":
        data = ["--data", str(folder / "data")] if durable else ["--ephemeral"]
        command = cloudarium("up", "--port", str(port), *data)
    else:
        command = [str(ministack.install())]
        env |= {"GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}
    asked = headers("ListDashboards") | {"Host": f"127.0.0.1:{port}"}
    head = "".join(f"{key}: {value}\r\n" for key, value in asked.items())
    probe = f"POST / HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode()
    with running(command, lambda: answers(port, probe), env, folder) as (process, _):
        yield port, process, env


def advance(port: int, env: dict[str, str], duration: str) -> float:
    """Let cloud time pass; the seconds that took."""
    begin = time.perf_counter()
    subprocess.run(
        cloudarium("clock", "advance", duration, "--port", str(port)), env=env, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begin


# -- what is measured --------------------------------------------------------------------------------------------------


def puts(name: str, folder: Path, points: int, rounds: int) -> float:
    """Points per second over HTTP, the median of some rounds."""
    requests = bodies(points)
    with started(name, folder) as (port, _, _):
        send(port, "PutMetricData", requests[:5])
        return statistics.median(points / send(port, "PutMetricData", requests) for _ in range(rounds))


def puts_to_moto(points: int) -> float:
    """The same for moto, called through a botocore client that it has taken over."""
    import botocore.session
    from botocore.config import Config
    from moto import mock_aws

    calls = [json.loads(body) for body in bodies(points)]
    with mock_aws():
        session = botocore.session.get_session()
        session.set_credentials(ACCOUNT, "test")
        # Compressing is the client's work, not what is measured.
        config = Config(disable_request_compression=True)
        cloudwatch = session.create_client("cloudwatch", region_name="us-east-1", config=config)
        begin = time.perf_counter()
        for call in calls:
            cloudwatch.put_metric_data(**call)
        return points / (time.perf_counter() - begin)


def math(folder: Path, rounds: int = 15) -> list[tuple[str, float]]:
    """Milliseconds per GetMetricData over a day of minutes of ten metrics."""
    with started("Cloudarium", folder) as (port, _, _):
        now = int(time.time()) // 60 * 60
        times = range(now - _WINDOW_HOURS * 3_600, now, 60)
        data = [{**datum(number), "Timestamp": at} for at in times for number in range(10)]
        requests = [
            json.dumps({"Namespace": "Bench", "MetricData": data[first : first + 500]}).encode()
            for first in range(0, len(data), 500)
        ]
        send(port, "PutMetricData", requests)
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "Bench",
                        "MetricName": "Latency",
                        "Dimensions": datum(number)["Dimensions"],
                    },
                    "Period": 60,
                    "Stat": "Average",
                },
                "ReturnData": False,
            }
            for number in range(10)
        ]
        found = []
        for words, expression in (
            ("a metric of a day in minutes", "m0"),
            ("SUM(METRICS()) / m0, of ten of them", "SUM(METRICS()) / m0"),
            ("IF(m0 > AVG(m0), RATE(FILL(m1, LINEAR)), 0)", "IF(m0 > AVG(m0), RATE(FILL(m1, LINEAR)), 0)"),
            ("SUM of a SEARCH that finds the ten", "SUM(SEARCH('{Bench,Host} MetricName=\"Latency\"', 'Average', 60))"),
        ):
            asked = [*queries, {"Id": "e", "Expression": expression}] if "m0" in expression else []
            body = {
                "MetricDataQueries": asked or [{"Id": "e", "Expression": expression}],
                "StartTime": times[0],
                "EndTime": now,
            }
            text = json.dumps(body).encode()
            send(port, "GetMetricData", [text])
            found.append((words, statistics.median(send(port, "GetMetricData", [text]) for _ in range(rounds)) * 1000))
    return found


def idle(folder: Path, metrics: int) -> float:
    """Bytes of memory per metric that had one point some hours ago."""
    with started("Cloudarium", folder) as (port, process, env):
        send(port, "PutMetricData", bodies(PER_CALL, PER_CALL))
        advance(port, env, "3h")
        before = memory(tree(process))[0]
        send(port, "PutMetricData", bodies(metrics, metrics))
        advance(port, env, "3h")
        time.sleep(1)
        return (memory(tree(process))[0] - before) * 1024 * 1024 / metrics


def alarms(folder: Path, count: int) -> tuple[float, float]:
    """Seconds, and seconds of processor, that a minute takes with so many alarms more than with none."""
    with started("Cloudarium", folder) as (port, process, env):
        accounts = [f"{number + 1:012d}" for number in range(-(-count // _ALARMS_PER_ACCOUNT))]
        points = bodies(_ALARMS_PER_ACCOUNT, _ALARMS_PER_ACCOUNT)

        def minute() -> tuple[float, float]:
            for account in accounts:
                send(port, "PutMetricData", points, account)
            spent = cpu_seconds(tree(process))
            return advance(port, env, "60s"), cpu_seconds(tree(process)) - spent

        def middle() -> tuple[float, float]:
            taken = [minute() for _ in range(5)]
            return statistics.median(t for t, _ in taken), statistics.median(c for _, c in taken)

        minute()
        none = middle()
        left = count
        for account in accounts:
            requests = [alarm(number) for number in range(min(left, _ALARMS_PER_ACCOUNT))]
            send(port, "PutMetricAlarm", requests, account)
            left -= len(requests)
        minute()
        many = middle()
        for account in accounts:
            if not evaluated(port, account):
                raise CannotMeasure("not all alarms were evaluated")
        return many[0] - none[0], many[1] - none[1]


def evaluated(port: int, account: str) -> bool:
    """Whether every alarm of an account has seen data."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", b'{"StateValue": "INSUFFICIENT_DATA"}', headers("DescribeAlarms", account))
    return not json.loads(connection.getresponse().read()).get("MetricAlarms")


def alarm(number: int) -> bytes:
    """PutMetricAlarm on one of the metrics."""
    described = {
        "AlarmName": f"alarm-{number}",
        "Namespace": "Bench",
        "MetricName": "Latency",
        "Dimensions": datum(number, _ALARMS_PER_ACCOUNT)["Dimensions"],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 50.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return json.dumps(described).encode()


def attempt(measure: Callable[[], float]) -> str:
    """A rate, or why there is none."""
    try:
        return f"{measure():,.0f}"
    except Exception as reason:
        return f"not measured ({type(reason).__name__}: {str(reason)[:80]})"


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=300_000)
    parser.add_argument("--metrics", type=int, default=50_000)
    parser.add_argument("--alarms", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="only print, leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    conditions = report.conditions()
    os.environ.pop("AWS_ENDPOINT_URL", None)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        few = options.points // 10
        rates = [
            [
                "Cloudarium (durable)",
                attempt(lambda: puts("Cloudarium", folder / "put", options.points, options.rounds)),
            ],
            ["MiniStack", attempt(lambda: puts("MiniStack", folder / "other", few, options.rounds))],
            ["moto (in process)", attempt(lambda: puts_to_moto(few))],
        ]
        answered = [[words, f"{taken:,.1f}"] for words, taken in math(folder / "math")]
        per_metric = idle(folder / "idle", options.metrics)
        seconds, processor = alarms(folder / "alarms", options.alarms)
    rest = [
        [f"bytes per idle metric, of {options.metrics:,}", f"{per_metric:,.0f}"],
        [f"a minute of {options.alarms:,} alarms, seconds", f"{seconds:.2f}"],
        [f"a minute of {options.alarms:,} alarms, seconds of processor", f"{processor:.2f}"],
    ]
    tables = [
        report.table(["", "PutMetricData, points/s"], rates),
        report.table(["GetMetricData", "ms"], answered),
        report.table(["", "Cloudarium"], rest),
    ]
    text = "\n\n".join([f"{conditions} · {datetime.now(UTC):%H:%M} UTC at the end", *tables])
    if options.print:
        print(text)
    else:
        report.publish("metrics", text)


if __name__ == "__main__":
    main()
