"""Logs Insights through ``kill -9``: queries that were answered with an id are run, results that were there stay."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until


def test_queries_outlive_the_cloud(own_cloud: RunningCloud) -> None:
    logs = Account(own_cloud, "111122223333").logs
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(Account(own_cloud, "111122223333").now())
    padding = "p" * 900
    for batch in range(12):
        # Enough for a sealed file and one that grows.
        events = [{"timestamp": now * 1000, "message": f"{batch} {n} {padding}"} for n in range(1000)]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)

    def start(query: str) -> str:
        times = {"startTime": now - 60, "endTime": now + 60}
        return str(logs.start_query(logGroupName="g", queryString=query, **times)["queryId"])

    def over(name: str) -> dict[str, Any] | None:
        found: dict[str, Any] = logs.get_query_results(queryId=name)
        return found if found["status"] not in ("Scheduled", "Running") else None

    first = start("fields @message | sort @message | limit 3")
    before = until(lambda: over(first), "the query is over")
    started = [start("parse @message '* * ' as b, n | stats count(*) as c, count_distinct(n) as d") for _ in range(6)]
    pid = own_cloud.pids()["cloud"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: own_cloud.pids().get("cloud") not in (None, pid), "the cloud is back")
    for name in started:
        found = until(lambda name=name: over(name), "the query is over")  # type: ignore[misc]
        assert found["status"] == "Complete"
        assert [each["value"] for each in found["results"][0]] == ["12000", "1000"]
    assert logs.get_query_results(queryId=first)["results"] == before["results"] and before["results"]
