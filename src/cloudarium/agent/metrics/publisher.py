"""Data to CloudWatch: portions, retried until they are taken or too many others wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cloudarium.agent.logs.sender import backoff
from cloudarium.agent.metrics.aggregate import requests

_MOST_WAITING = 200
"""Portions that wait for a CloudWatch that does not answer; the oldest go first."""
_RETRIED = {"Throttling", "ThrottlingException", "RequestLimitExceeded"} | {
    "InternalServiceError",
    "InternalServiceFault",
    "InternalFailure",
}


class Publisher:
    """Publishes to one namespace, from one thread."""

    def __init__(self, client: Any, namespace: str, report: Callable[[str], None]) -> None:
        self._client, self._namespace, self._report = client, namespace, report
        self._waiting: deque[list[dict[str, Any]]] = deque()
        self._attempts = 0
        self._not_before = 0.0

    def add(self, data: list[dict[str, Any]]) -> None:
        """Queue data."""
        for portion in requests(data):
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self._report("metrics of before are dropped: CloudWatch has not taken them for too long")
            self._waiting.append(portion)

    def send(self, *, last: bool = False) -> None:
        """Send what waits, unless a failure was too short ago. ``last`` tries in any case, once."""
        if not last and time.monotonic() < self._not_before:
            return
        while self._waiting:
            try:
                self._client.put_metric_data(Namespace=self._namespace, MetricData=self._waiting[0])
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
                if status >= 500 or status in (401, 403, 429) or code in _RETRIED:
                    self._later(str(error))
                    return
                self._report(f"CloudWatch refuses {len(self._waiting[0])} data; they are dropped: {error}")
            except BotoCoreError as error:
                self._later(str(error))
                return
            self._attempts = 0
            self._waiting.popleft()

    def _later(self, error: str) -> None:
        wait = backoff(self._attempts)
        self._attempts += 1
        self._not_before = time.monotonic() + wait
        self._report(f"metrics are not taken: {error}; again in {wait:.1f} s")
