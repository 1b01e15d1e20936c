"""Messages as others may see them: with what data protection policies hide replaced by asterisks.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html: masked wherever they leave, so
also for metric filters, subscriptions, live tails and exports.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from cloudarium.services.logs.protection.history import History
from cloudarium.services.logs.reading.pages import Event
from cloudarium.services.logs.storage.batch import Batch, offsets_of


def mask_of(found: Sequence[History], unmask: bool) -> Callable[[Event], str]:
    """How messages are shown that came in under some policies."""
    if unmask or not found:
        return _plain
    show = _shown(found)
    return lambda event: show(event.message, event.ingested)


def masked(found: Sequence[History], batch: Batch) -> Batch:
    """Events as they leave their group without anybody asking for them."""
    if not found:
        return batch
    show = _shown(found)
    messages = [
        show(message, ingested).encode() for message, ingested in zip(batch.messages(), batch.ingested, strict=True)
    ]
    offsets: array[int] = offsets_of(map(len, messages))
    return Batch(batch.times, batch.ingested, batch.streams, batch.seqs, offsets, b"".join(messages))


def _shown(found: Sequence[History]) -> Callable[[bytes, int], str]:
    """How a message that came in at a time (milliseconds) is shown."""
    from cloudarium.services.logs.protection.policy import masker

    def show(message: bytes, ingested: int) -> str:
        text = message.decode(errors="replace")
        for history in found:
            if document := history.active(ingested):
                text = masker(document)(text)
        return text

    return show


def _plain(event: Event) -> str:
    return event.message.decode(errors="replace")
