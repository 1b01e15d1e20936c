"""Subscriptions: what matches is delivered in the order in which it came.

Each filter has a place in its group's sequence of events up to which everything has been delivered. While a
destination refuses, the controller tries again with growing pauses, for up to a day as on AWS.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.logs.eventids import event_id
from cloudarium.services.logs.filters.destinations import LIMITS, Target, target_of
from cloudarium.services.logs.filters.envelope import data_messages, envelope
from cloudarium.services.logs.filters.places import Places
from cloudarium.services.logs.patterns import Pattern, compiled
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.reading.masking import masked
from cloudarium.services.logs.resources import AccountSubscription, LogGroup, SubscriptionFilter
from cloudarium.services.logs.storage import Batch, LogStorage

NAME = "logs.subscriptions"
_ACCOUNT = ":account"
"""The end of the keys of an account's policy; the beginning is a group's unique id."""
_GIVE_UP = 86_400_000
_MOST_EVENTS = 1_000
"""Events of one message before it is packed."""


class Subscriptions:
    """All subscription filters of a cloud."""

    def __init__(self, cloud: Cloud, storage: LogStorage, places: Places) -> None:
        self._cloud = cloud
        self._storage = storage
        self._places = places
        self._filters = cloud.store.table(SubscriptionFilter)
        self._groups = cloud.store.table(LogGroup)
        self._accounts = cloud.store.table(AccountSubscription)

    def begin(self) -> None:
        """Start delivering."""
        self._cloud.controller(NAME, self._deliver, self._every)

    def _every(self) -> Iterable[tuple[Scope, str]]:
        return [(scope, each.key) for scope, each in self._filters.everywhere()] + self._places.ending(_ACCOUNT)

    def wake(self, scope: Scope, group: LogGroup, first: int) -> None:
        """Events came in; ``first`` is the first one's sequence number."""
        for each in self._filters.find(scope, "group", group.uid):
            self._cloud.enqueue(NAME, (scope, each.key))
        account = self._accounts.get(scope, "account")
        if account is not None and (made := account.of_group(group)) is not None:
            self._places.open(scope, made.key, first)
            self._cloud.enqueue(NAME, (scope, made.key))

    def begin_at_end(self, scope: Scope, key: str, uid: str) -> None:
        """A filter was made: it is for what comes from now on."""
        self._places.begin_at(scope, key, self._storage.next(uid))

    def forget(self, scope: Scope, key: str) -> None:
        """A filter was deleted."""
        self._filters.delete(scope, key)
        self._places.close(scope, key)

    def forget_group(self, scope: Scope, uid: str) -> None:
        """Delete the filters of a group."""
        for each in self._filters.find(scope, "group", uid):
            self.forget(scope, each.key)
        self._places.close(scope, uid + _ACCOUNT)

    def forget_account(self, scope: Scope) -> None:
        """The account's policy is deleted: another one begins with what comes then."""
        self._accounts.delete(scope, "account")
        self._places.close_all(scope, _ACCOUNT)

    def _found(self, scope: Scope, key: str) -> tuple[SubscriptionFilter, LogGroup] | None:
        """A filter and its group, while both are there."""
        uid = key.removesuffix(_ACCOUNT) if key.endswith(_ACCOUNT) else key.partition("/")[0]
        groups = self._groups.find(scope, "uid", uid)
        if not groups:
            return None
        account = self._accounts.get(scope, "account") if key.endswith(_ACCOUNT) else None
        made = self._filters.get(scope, key) if account is None else account.of_group(groups[0])
        return (made, groups[0]) if made is not None else None

    async def _deliver(self, key: tuple[Scope, str]) -> float | None:
        scope, name = key
        if (known := self._found(scope, name)) is None:
            return None
        made, group = known
        target = target_of(self._cloud, scope, made.destination)
        found = histories(self._cloud.store, scope, group)
        async for batch in self._places.batches(scope, name, made.group):
            await self._send(scope, group, made, target, masked(found, batch))
        return None

    async def _send(
        self, scope: Scope, group: LogGroup, made: SubscriptionFilter, target: Target, batch: Batch
    ) -> None:
        oldest = int(self._cloud.clock.now() * 1000) - _GIVE_UP
        chosen: dict[int, list[int]] = {}
        pattern = compiled(made.pattern)
        for index in pattern.select(batch):
            if batch.ingested[index] >= oldest:
                chosen.setdefault(batch.streams[index], []).append(index)
        names = self._storage.catalog.names(chosen)
        system = {"@aws.account": scope.account, "@aws.region": scope.region, "@source.log": group.name}
        extra = {field: system[field] for field in made.system_fields if field in system}
        for stream, indexes in chosen.items():
            if (stream_name := names.get(stream)) is None:
                continue
            for at in range(0, len(indexes), _MOST_EVENTS):
                events = [
                    {
                        "id": event_id(batch.times[i], batch.seqs[i]),
                        "timestamp": batch.times[i],
                        "message": batch.message(i).decode(errors="replace"),
                        **_fields(pattern, batch.message(i)),
                        **extra,
                    }
                    for i in indexes[at : at + _MOST_EVENTS]
                ]
                limit = LIMITS[target.kind]
                about = envelope(scope.account, group.name, stream_name, made.name, account=made.key.endswith(_ACCOUNT))
                for packed, count in data_messages(about, events, limit):
                    partition = stream_name if made.distribution == "ByLogStream" else f"{random.getrandbits(64):x}"
                    await self._send_one(scope, group, made, target, packed, count, partition)

    async def _send_one(
        self,
        scope: Scope,
        group: LogGroup,
        made: SubscriptionFilter,
        target: Target,
        packed: bytes,
        count: int,
        partition: str,
    ) -> None:
        dimensions = {"LogGroupName": group.name, "DestinationType": target.type, "FilterName": made.name}
        record = self._cloud.metrics.record
        try:
            await target.send(packed, partition[:256])
        except AwsError:
            record(scope, "AWS/Logs", "DeliveryErrors", dimensions, 1.0)
            raise
        record(scope, "AWS/Logs", "ForwardedBytes", dimensions, len(packed), "Bytes")
        record(scope, "AWS/Logs", "ForwardedLogEvents", dimensions, count)


def _fields(pattern: Pattern, message: bytes) -> dict[str, dict[str, str]]:
    """What a pattern of fields separated by spaces took from a message: destinations get it beside the message."""
    if pattern.kind != "delimited":
        return {}
    return {"extractedFields": {name.removeprefix("$"): value for name, value in pattern.extract(message).items()}}
