"""Pages of a listing, of at most a hundred names each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cloudarium.kernel import paging
from cloudarium.kernel.store import Record
from cloudarium.services.ecs.errors import invalid

R = TypeVar("R", bound=Record)

LARGEST = 100
_OF_THE_PAGE = ("nextToken", "maxResults")


def page(names: Sequence[str], request: Mapping[str, Any], largest: int = LARGEST) -> tuple[list[str], str]:
    """The page a request asks for, and the token of the next one (empty at the end).

    A token keeps the last name seen and its position, so that what comes and goes in between shifts nothing.
    """
    size = request.get("maxResults")
    if size is not None and not 1 <= size <= largest:
        raise invalid(f"maxResults must be between 1 and {largest}.")
    size = size or largest
    asked = {key: value for key, value in request.items() if key not in _OF_THE_PAGE}
    start = 0
    if token := request.get("nextToken"):
        try:
            at, last = paging.position(token, asked)
            start = names.index(last) + 1 if last in names else min(int(at), len(names))
        except (paging.BadToken, TypeError, ValueError):
            raise invalid("Invalid token in request.") from None
    found = list(names[start : start + size])
    if not found or start + size >= len(names):
        return found, ""
    return found, paging.token([start + size, found[-1]], asked)


def by_age(records: Iterable[R]) -> list[R]:
    """The oldest first: what an index finds is in the order of its last change, which no page can begin after."""
    return sorted(records, key=lambda each: (_age(each), str(getattr(each, "arn", ""))))


def _age(record: Record) -> float:
    born = getattr(record, "created", None)
    return float(getattr(record, "registered_at", 0.0) if born is None else born)


def answer(member: str, names: Sequence[str], request: Mapping[str, Any], largest: int = LARGEST) -> dict[str, Any]:
    """A listing's answer: ``{member: names, nextToken}``."""
    found, token = page(names, request, largest)
    return {member: found, "nextToken": token} if token else {member: found}
