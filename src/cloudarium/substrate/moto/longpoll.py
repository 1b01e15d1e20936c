"""SQS without holding up everybody else.

moto waits inside ReceiveMessage. Here it answers at once, and tells how long the caller was ready to wait; the waiting
is done by the cloud (``bridge``), which asks again when something changed. And as moto looks at the clock twice for
each message of a queue on nearly every call, it gets a clock that is quick to read.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

_local = threading.local()
_installed = False


def install() -> None:
    """Make moto's queues answer at once. Harmless when done again."""
    global _installed
    if _installed:
        return
    _installed = True
    import moto.sqs.models
    from moto.sqs.models import SQSBackend

    vars(moto.sqs.models).update(unix_time_millis=_milliseconds, unix_time=_seconds)
    receive = SQSBackend.receive_message

    def receive_now(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kwargs: Any
    ) -> Any:
        messages = receive(self, queue_name, count, 0, *args, **kwargs)
        _local.empty = not messages
        _local.wait = 0 if messages else wait_seconds_timeout
        return messages

    SQSBackend.receive_message = receive_now  # type: ignore[method-assign]


def _milliseconds(moment: datetime | None = None) -> float:
    return _seconds(moment) * 1000


def _seconds(moment: datetime | None = None) -> float:
    return time.time() if moment is None else moment.replace(tzinfo=UTC).timestamp()


def begin() -> None:
    """Forget what an earlier call of this thread did."""
    _local.wait = 0
    _local.empty = False


def wait() -> int:
    """Seconds for which the call that this thread just made was ready to wait for messages, and found none."""
    return int(getattr(_local, "wait", 0))


def came_empty() -> bool:
    """Whether this thread's call asked a queue for messages and there were none: then nothing has changed."""
    return bool(getattr(_local, "empty", False))
