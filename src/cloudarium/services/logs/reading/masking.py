"""Messages as others may see them: with what data protection policies hide replaced by asterisks.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html: masked wherever they leave, so
also for metric filters, subscriptions, live tails and exports.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from cloudarium.services.logs.reading.pages import Event
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.storage.batch import Batch, offsets_of


def mask_of(group: LogGroup, unmask: bool) -> Callable[[Event], str]:
    """How the messages of a group are shown."""
    if unmask or not group.protections:
        return _plain
    show = _shown(group)
    return lambda event: show(event.message, event.ingested)


def masked(group: LogGroup, batch: Batch) -> Batch:
    """Events of a group as they leave it without anybody asking for them."""
    if not group.protections:
        return batch
    show = _shown(group)
    messages = [
        show(message, ingested).encode() for message, ingested in zip(batch.messages(), batch.ingested, strict=True)
    ]
    offsets: array[int] = offsets_of(map(len, messages))
    return Batch(batch.times, batch.ingested, batch.streams, batch.seqs, offsets, b"".join(messages))


def _shown(group: LogGroup) -> Callable[[bytes, int], str]:
    """How a message that came in at a time (milliseconds) is shown: by the policy of that moment."""
    from cloudarium.services.logs.protection.policy import masker

    maskers = [(each.since, masker(each.document) if each.document else None) for each in group.protections]

    def show(message: bytes, ingested: int) -> str:
        text = message.decode(errors="replace")
        active = None
        for since, function in maskers:
            if since <= ingested:
                active = function
        return active(text) if active is not None else text

    return show


def _plain(event: Event) -> str:
    return event.message.decode(errors="replace")
