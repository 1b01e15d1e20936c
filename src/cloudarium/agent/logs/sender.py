"""Batches to AWS: creates groups and streams where they are missing, and tells what to do about an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from cloudarium.agent.clients import Compression

_FATAL = {"InvalidParameterException", "DataAlreadyAcceptedException", "SerializationException", "ValidationException"}
"""Errors that the same request will always get."""


class Target(NamedTuple):
    """A log stream, and what its group should be like."""

    group: str
    stream: str
    group_class: str | None = None
    retention: int = -1


class Retry(Exception):
    """The batch was not taken; it may be the next time."""


class Sender:
    """Sends batches with one client of CloudWatch Logs. Safe to use from several threads."""

    def __init__(self, client: Any, report: Callable[[str], None], compression: Compression | None = None) -> None:
        self._client = client
        self._compression = compression
        self._report = report
        self._retained: set[str] = set()

    def send(self, target: Target, events: list[dict[str, Any]]) -> None:
        """Deliver a batch. Returns when AWS has it, or never will. Raises Retry."""
        compressed = self._compression is not None and self._compression.on
        try:
            self._retain(target)
            answer = self._put(target, events)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "SerializationException" and self._compression is not None and compressed:
                self._compression.on = False
                raise Retry("the endpoint does not read compressed requests; they are sent as they are") from None
            if code not in _FATAL:
                raise Retry(f"{code}: {error}") from None
            self._halve(target, events, error)
            return
        except BotoCoreError as error:
            raise Retry(str(error)) from None
        self._complain(target, events, answer.get("rejectedLogEventsInfo") or {})

    def _put(self, target: Target, events: list[dict[str, Any]]) -> dict[str, Any]:
        request = {"logGroupName": target.group, "logStreamName": target.stream, "logEvents": events}
        try:
            answer: dict[str, Any] = self._client.put_log_events(**request)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            self._create(target)
            answer = self._client.put_log_events(**request)
        return answer

    def _create(self, target: Target) -> None:
        stream = {"logGroupName": target.group, "logStreamName": target.stream}
        try:
            self._unless_there(self._client.create_log_stream, stream)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            group = {"logGroupName": target.group}
            if target.group_class:
                group["logGroupClass"] = target.group_class
            self._unless_there(self._client.create_log_group, group)
            self._retained.discard(target.group)
            self._retain(target, made=True)
            self._unless_there(self._client.create_log_stream, stream)

    def _unless_there(self, call: Callable[..., Any], parameters: dict[str, str]) -> None:
        try:
            call(**parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
                raise

    def _retain(self, target: Target, *, made: bool = False) -> None:
        """Set the retention of a group once in an agent's life; a group that is not there gets it when it is made."""
        if target.retention <= 0 or target.group in self._retained:
            return
        try:
            self._client.put_retention_policy(logGroupName=target.group, retentionInDays=target.retention)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ResourceNotFoundException" and not made:
                return
            if code.startswith("AccessDenied"):
                self._report(f"the retention of {target.group} cannot be set: {error}")
            else:
                raise
        self._retained.add(target.group)

    def _halve(self, target: Target, events: list[dict[str, Any]], error: ClientError) -> None:
        """Find the event that AWS will never take, so that the others get there."""
        if len(events) == 1:
            self._report(f"an event for {target.group} {target.stream} is dropped: {error}")
            return
        middle = len(events) // 2
        self.send(target, events[:middle])
        self.send(target, events[middle:])

    def _complain(self, target: Target, events: list[dict[str, Any]], rejected: dict[str, int]) -> None:
        where = f"{target.group} {target.stream}"
        old = max(rejected.get("tooOldLogEventEndIndex", 0), 0)
        expired = max(rejected.get("expiredLogEventEndIndex", 0) - old, 0)
        new = len(events) - rejected["tooNewLogEventStartIndex"] if "tooNewLogEventStartIndex" in rejected else 0
        for count, reason in (
            (old, "more than 14 days old"),
            (expired, "older than the group's retention"),
            (new, "more than 2 hours in the future"),
        ):
            if count > 0:
                self._report(f"AWS rejected {count} events for {where}: {reason}")


def backoff(attempt: int, most: float = 60.0) -> float:
    """Seconds to wait before the attempt after ``attempt`` failures: doubling, with full jitter."""
    bound: float = min(most, 0.2 * 2 ** min(attempt, 16))
    return bound / 2 + random.random() * bound / 2
