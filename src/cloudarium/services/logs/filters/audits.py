"""Audits of data protection: every event in which something sensitive is found is counted and reported.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data-audit-findings.html. As subscriptions
do, an audit has a place in its group's sequence of events, and goes on from there after a crash. Reports go to the
destinations of the policy under which an event came in; AWS does not say how streams and objects are named there.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.logs import arns
from cloudarium.services.logs.filters.places import Places
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.protection.policy import Destination, auditor, destinations, name_of
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.storage import Batch

NAME = "logs.audits"
_GIVE_UP = 86_400_000
"""Milliseconds after which what a destination did not take is forgotten, as for subscriptions."""
_AT_ONCE = 1_000
"""Reports of one PutLogEvents."""
_ENDING = ":audit"
"""Of the keys of places: no name of a filter has a colon. The beginning is a group's unique id."""


class Audits:
    """The audits of all groups that have a policy."""

    def __init__(self, cloud: Cloud, places: Places) -> None:
        self._cloud = cloud
        self._places = places
        self._groups = cloud.store.table(LogGroup)

    def begin(self) -> None:
        """Take up what there is."""
        self._cloud.controller(NAME, self._audit, self._every)

    def _every(self) -> Iterable[tuple[Scope, str]]:
        return [(scope, key.removesuffix(_ENDING)) for scope, key in self._places.ending(_ENDING)]

    def wake(self, scope: Scope, uid: str, first: int) -> None:
        """Events came in; ``first`` is the first one's sequence number."""
        self._places.open(scope, uid + _ENDING, first)
        self._cloud.enqueue(NAME, (scope, uid))

    def forget_group(self, scope: Scope, uid: str) -> None:
        """A group is deleted."""
        self._places.close(scope, uid + _ENDING)

    async def _audit(self, key: tuple[Scope, str]) -> float | None:
        scope, uid = key
        groups = self._groups.find(scope, "uid", uid)
        if not groups:
            return None
        async for batch in self._places.batches(scope, uid + _ENDING, uid):
            reports, counts = self._reports(scope, groups[0], batch)
            for destination, lines in reports.items():
                await self._send(scope, groups[0], destination, lines, batch.seqs[0])
            for name, count in counts.items():
                dimensions = {"DataProtectionOperation": "Audit", "LogGroupName": groups[0].name}
                dimensions |= {"PolicyName": name} if name else {}
                self._cloud.metrics.record(scope, "AWS/Logs", "LogEventsWithFindings", dimensions, count)
        return None

    def _reports(
        self, scope: Scope, group: LogGroup, batch: Batch
    ) -> tuple[dict[Destination, list[bytes]], Counter[str]]:
        """Reports by where they go, and by policies how many events had something to report."""
        now = self._cloud.clock.now()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        arn, oldest = f"{arns.group_arn(scope, group.name)}:*", now * 1000 - _GIVE_UP
        reports: dict[Destination, list[bytes]] = defaultdict(list)
        counts: Counter[str] = Counter()
        for history in histories(self._cloud.store, scope, group):
            for index, ingested in enumerate(batch.ingested):
                document = history.active(ingested) if ingested >= oldest else ""
                findings = auditor(document)(batch.message(index).decode(errors="replace")) if document else []
                if not findings:
                    continue
                counts[name_of(document)] += 1
                about = [
                    {
                        "name": each.identifier,
                        "count": len(each.places),
                        "detections": [{"start": start, "end": end} for start, end in each.places],
                    }
                    for each in findings
                ]
                line = msgspec.json.encode({"auditTimestamp": stamp, "resourceArn": arn, "dataIdentifiers": about})
                for destination in destinations(document):
                    reports[destination].append(line)
        return reports, counts

    async def _send(self, scope: Scope, group: LogGroup, to: Destination, lines: Sequence[bytes], seq: int) -> None:
        aws = self._cloud.context(scope, "logs").aws
        if to.kind == "S3":
            day = datetime.fromtimestamp(self._cloud.clock.now(), UTC).strftime("%Y/%m/%d")
            name = f"{group.name.strip('/').replace('/', '-')}-{seq:020d}.log.gz"
            key = f"AWSLogs/{scope.account}/CloudWatchLogs/{scope.region}/{day}/{name}"
            await aws.s3.put_object(Bucket=to.name, Key=key, Body=gzip.compress(b"\n".join(lines) + b"\n", 6))
            return
        if to.kind == "Firehose":
            for line in lines:
                await aws.firehose.put_record(DeliveryStreamName=to.name, Record={"Data": line + b"\n"})
            return
        try:
            await aws.logs.create_log_stream(logGroupName=to.name, logStreamName=group.name)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
        now = int(self._cloud.clock.now() * 1000)
        for at in range(0, len(lines), _AT_ONCE):
            events = [{"timestamp": now, "message": line.decode()} for line in lines[at : at + _AT_ONCE]]
            await aws.logs.put_log_events(logGroupName=to.name, logStreamName=group.name, logEvents=events)
