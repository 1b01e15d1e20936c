"""Every batch of PutLogEvents passes here, right after it was stored.

Metric filters and live tails see the batch itself. Subscriptions, audits and what extracts embedded metrics are only
woken: they read on from where they were, so that nothing is lost when the cloud dies in between.
"""

from __future__ import annotations

from array import array

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.metrics import Bucket, MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.filters.audits import Audits
from cloudarium.services.logs.filters.embedded import Embedded
from cloudarium.services.logs.filters.metrics import MetricFilters
from cloudarium.services.logs.filters.places import Places
from cloudarium.services.logs.filters.subscriptions import Subscriptions
from cloudarium.services.logs.filters.tails import Tails
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.reading.masking import masked
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.storage import LogStorage
from cloudarium.services.logs.storage.batch import of_stream


class Incoming:
    """Hands each batch to everybody who wants it."""

    def __init__(self, cloud: Cloud, storage: LogStorage) -> None:
        self._cloud = cloud
        self.metrics = MetricFilters(cloud)
        places = Places(cloud, storage)
        self.subscriptions = Subscriptions(cloud, storage, places)
        self.audits = Audits(cloud, places)
        self.embedded = Embedded(cloud, places)
        self.tails = Tails(cloud)
        self._keys: dict[tuple[Scope, str], tuple[tuple[MetricKey, ...], tuple[MetricKey, ...]]] = {}

    def begin(self) -> None:
        """Take up what there is."""
        self.metrics.begin()
        self.subscriptions.begin()
        self.audits.begin()
        self.embedded.begin()

    async def close(self) -> None:
        """Stop."""
        self.metrics.close()
        self.tails.close()

    def ingested(
        self,
        scope: Scope,
        group: LogGroup,
        stream: int,
        stream_name: str,
        first: int,
        now: int,
        times: list[int],
        messages: list[bytes],
    ) -> None:
        """Events of a stream have been stored; ``first`` is the first one's sequence number, ``now`` milliseconds."""
        self._count(scope, group.name, len(times), sum(map(len, messages)))
        found = [each for each in histories(self._cloud.store, scope, group) if each.active(now)]
        if found:
            self.audits.wake(scope, group.uid, first)
        if self.metrics.wanted(scope, group.uid) or self.tails.wanted(group.uid):
            taken = of_stream(stream, first, now, array("q", times), array("I", map(len, messages)), b"".join(messages))
            batch = masked(found, taken)
            self.metrics.see(scope, group, stream_name, batch)
            self.tails.see(scope, group, stream_name, batch)
        self.subscriptions.wake(scope, group, first)
        self.embedded.see(scope, group, first, messages)

    def forget_group(self, scope: Scope, uid: str) -> None:
        """A group is deleted, and with it its filters."""
        self.metrics.forget_group(scope, uid)
        self.subscriptions.forget_group(scope, uid)
        self.audits.forget_group(scope, uid)
        self.embedded.forget_group(scope, uid)

    def _count(self, scope: Scope, name: str, events: int, size: int) -> None:
        """The group's metrics and, without its name, the account's."""
        keys = self._keys.get((scope, name))
        if keys is None:
            if len(self._keys) > 10_000:
                self._keys.clear()
            where = ((("LogGroupName", name),), ())
            keys = self._keys[scope, name] = (
                tuple(MetricKey("AWS/Logs", "IncomingLogEvents", dimensions) for dimensions in where),
                tuple(MetricKey("AWS/Logs", "IncomingBytes", dimensions) for dimensions in where),
            )
        for listed, unit, value in ((keys[0], "None", events), (keys[1], "Bytes", size)):
            for key in listed:
                bucket = Bucket()
                bucket.add(value)
                self._cloud.metrics.merge(scope, key, unit, bucket)
