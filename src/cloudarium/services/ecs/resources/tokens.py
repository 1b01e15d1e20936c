"""Client tokens: a request sent twice is done once."""

from __future__ import annotations

from cloudarium.kernel.store import Record


class ClientToken(Record, frozen=True, kw_only=True):
    """What a client token stood for. ``key`` is ``<operation>|<cluster>|<token>``; ``request`` a digest of the rest.

    ``results`` name what was made (task ids, a task set's ARN). Forgotten after ``expires``.
    """

    TABLE = "ecs.client_tokens"
    KEY = "key"

    key: str
    request: str
    results: tuple[str, ...]
    expires: float
