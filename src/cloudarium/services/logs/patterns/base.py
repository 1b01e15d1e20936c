"""What every compiled pattern can do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from cloudarium.services.logs.storage.batch import Batch

Matches = Callable[[bytes], bool]


class Pattern:
    """A compiled pattern. ``regexes`` counts its regular expressions; ``everything`` is true of the empty pattern."""

    kind = "terms"

    def __init__(
        self, matches: Matches, *, needles: Sequence[bytes] = (), escaped: bool = False, regexes: int = 0
    ) -> None:
        """A message can only match when it contains one of ``needles`` (none: any message may match).

        With ``escaped`` a message that has a backslash may match without: JSON can spell any character otherwise.
        """
        self.matches = matches
        self.regexes = regexes
        self.everything = False
        self._needles = tuple(needles)
        self._escaped = escaped

    def select(self, batch: Batch) -> Sequence[int]:
        """Indexes of the events of a batch that match, in order."""
        if self.everything:
            return range(len(batch))
        matches = self.matches
        if not self._needles:
            return [i for i, message in enumerate(batch.messages()) if matches(message)]
        found: set[int] = set()
        for needle in (*self._needles, *((b"\\",) if self._escaped else ())):
            found.update(containing(batch, needle))
        blob, offsets = batch.blob, batch.offsets
        return [i for i in sorted(found) if matches(blob[offsets[i] : offsets[i + 1]])]

    def extract(self, message: bytes) -> dict[str, str]:
        """The fields that the pattern names and their values in a message that matches."""
        return {}

    def value(self, message: bytes, name: str) -> str | None:
        """What a field such as ``$.latency`` or ``$bytes`` has in a message that matches, None when it is not there."""
        return self.extract(message).get(name)

    def defines(self, name: str) -> bool:
        """Whether ``value`` can ever find this field."""
        return False


def containing(batch: Batch, needle: bytes) -> Iterator[int]:
    """Indexes of the events that contain some bytes, found by searching all messages at once."""
    blob, offsets = batch.blob, batch.offsets
    find, length = blob.find, len(needle)
    at = find(needle)
    index = 0
    while at >= 0:
        index = bisect_right(offsets, at, index) - 1
        end = offsets[index + 1]
        if at + length <= end:
            yield index
            at = find(needle, end)
        else:
            # Half in this message and half in the next.
            at = find(needle, at + 1)
