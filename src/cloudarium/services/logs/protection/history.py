"""Which data protection policies an event came under: that of its group and that of the account count both."""

from __future__ import annotations

from typing import NamedTuple

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.logs.resources import STANDARD, AccountProtection, LogGroup, Protection

_KEPT = 20
"""Former policies that still mask what came in under them."""


class History(NamedTuple):
    """The policies of a group or of the account, oldest first."""

    protections: tuple[Protection, ...]

    def active(self, ingested: int) -> str:
        """The document that counts for what came in at a time (milliseconds); empty if none does."""
        return next((each.document for each in reversed(self.protections) if each.since <= ingested), "")


def histories(store: Store, scope: Scope, group: LogGroup) -> list[History]:
    """All policies that events of a group may have come under."""
    if group.log_class != STANDARD:
        return []
    found = [History(group.protections)] if group.protections else []
    account = store.table(AccountProtection).get(scope, "account")
    return [*found, History(account.protections)] if account is not None else found


def changed(old: tuple[Protection, ...], document: str, now: int) -> tuple[Protection, ...]:
    """Policies with one more, or with none from now on (an empty document)."""
    return (*old, Protection(document=document, since=now))[-_KEPT:]
