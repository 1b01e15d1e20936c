"""Messages as a reader may see them: with what data protection policies hide replaced by asterisks."""

from __future__ import annotations

from collections.abc import Callable

from cloudarium.services.logs.reading.pages import Event
from cloudarium.services.logs.resources import LogGroup


def mask_of(group: LogGroup, unmask: bool) -> Callable[[Event], str]:
    """How the messages of a group are shown."""
    if unmask or not group.protections:
        return _plain
    from cloudarium.services.logs.protection.policy import masker

    maskers = [(each.since, masker(each.document) if each.document else None) for each in group.protections]

    def show(event: Event) -> str:
        text = event.message.decode(errors="replace")
        # What came in is masked by the policy of that moment.
        active = None
        for since, function in maskers:
            if since <= event.ingested:
                active = function
        return active(text) if active is not None else text

    return show


def _plain(event: Event) -> str:
    return event.message.decode(errors="replace")
