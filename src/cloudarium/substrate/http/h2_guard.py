"""Refuses over-long HTTP/2 frames at their header. The h2 library waits for the whole frame (up to 16 MiB) first."""

from typing import Final

from cloudarium.substrate.http.faults import ProtocolError

_HEADER: Final = 9
_FRAME_LIMIT: Final = 16_384
"""SETTINGS_MAX_FRAME_SIZE, left at its initial value (RFC 9113 section 6.5.2)."""


class FrameGuard:
    """Follows the frames of one direction; `skip` bytes come before the first one (the client's preface)."""

    __slots__ = ("_header", "_skip")

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._header = b""

    def check(self, data: bytes) -> None:
        """Look at the next bytes.

        Raises:
            ProtocolError: a frame is longer than was allowed.
        """
        position, size = 0, len(data)
        while position < size:
            if self._skip:
                taken = min(self._skip, size - position)
                self._skip -= taken
                position += taken
                continue
            wanted = _HEADER - len(self._header)
            self._header += data[position : position + wanted]
            position += wanted
            if len(self._header) == _HEADER:
                length = int.from_bytes(self._header[:3], "big")
                if length > _FRAME_LIMIT:
                    raise ProtocolError(400, "an HTTP/2 frame is too large")
                self._skip = length
                self._header = b""
