"""Places in groups' events: nothing is passed over, whatever ends the work."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.logs.filters.places import Places
from cloudarium.services.logs.storage import Batch
from cloudarium.services.logs.storage.batch import of_stream

SCOPE = Scope("111122223333", "us-east-1")


class Group:
    """Events 0 to 9, two at a time."""

    count = 10

    def next(self, uid: str) -> int:
        return self.count

    def since(self, uid: str, seq: int) -> Iterator[Batch]:
        while seq < self.count:
            yield of_stream(1, seq, 0, array("q", [0, 0]), array("I", [1, 1]), b"ab")
            seq += 2


@pytest.fixture
def places() -> Places:
    group: Any = Group()
    return Places(Cloud(clock=Clock(), store=Store(None), port=1), group)


async def firsts(places: Places, key: str = "g:x", stop: int = -1) -> list[int]:
    """The first numbers of the batches that come; the work fails at ``stop``."""
    found = []
    async for batch in places.batches(SCOPE, key, "g"):
        if batch.seqs[0] == stop:
            break
        found.append(batch.seqs[0])
    return found


async def test_what_failed_comes_again_and_what_is_done_does_not(places: Places) -> None:
    assert await firsts(places) == [], "there is no place"
    places.open(SCOPE, "g:x", 2)
    places.open(SCOPE, "g:x", 8)
    assert await firsts(places, stop=6) == [2, 4]
    assert not places.at_end(SCOPE, "g:x", "g")
    assert await firsts(places) == [6, 8]
    assert places.at_end(SCOPE, "g:x", "g")
    assert await firsts(places) == []


async def test_numbers_that_were_given_again(places: Places) -> None:
    places.begin_at(SCOPE, "g:x", 50)
    assert await firsts(places) == []
    assert not places.at_end(SCOPE, "h:x", "h"), "there is no place"
    Group.count, before = 12, Group.count
    try:
        assert await firsts(places) == [10]
    finally:
        Group.count = before


async def test_a_place_that_is_closed_or_begun_anew_is_left_alone(places: Places) -> None:
    places.begin_at(SCOPE, "g:x", 0)
    async for _ in places.batches(SCOPE, "g:x", "g"):
        places.close(SCOPE, "g:x")
    assert places.ending(":x") == []
    places.begin_at(SCOPE, "g:x", 0)
    seen = []
    async for batch in places.batches(SCOPE, "g:x", "g"):
        seen.append(batch.seqs[0])
        places.begin_at(SCOPE, "g:x", 6)
    assert seen == [0]
    assert await firsts(places) == [6, 8]


async def test_whose_places_there_are(places: Places) -> None:
    for key in ("g:x", "h:x", "g:y"):
        places.open(SCOPE, key, 0)
    assert places.ending(":x") == [(SCOPE, "g:x"), (SCOPE, "h:x")]
    places.close_all(SCOPE, ":x")
    assert places.ending(":x") == [] and places.ending(":y") == [(SCOPE, "g:y")]
