"""When to start a process again after it died: at once, then later and later, and at last not at all."""

from __future__ import annotations


class RestartBudget:
    """At most ``limit`` restarts within ``window`` seconds, each waiting twice as long as the one before.

    Holds no clock: the caller says what time it is (host seconds, any origin), since a dying process is the host's
    affair and must be restarted just the same while the cloud's clock is frozen or runs fast.
    """

    def __init__(self, limit: int = 5, window: float = 60.0, first_delay: float = 0.1) -> None:
        self.limit = limit
        self.window = window
        self.first_delay = first_delay
        self._restarts: list[float] = []

    def spend(self, now: float) -> float | None:
        """Seconds to wait before the next restart (0 for the first in a window), or None when there were too many."""
        self._restarts = [then for then in self._restarts if now - then < self.window]
        recent = len(self._restarts)
        if recent >= self.limit:
            return None
        self._restarts.append(now)
        return 0.0 if recent == 0 else self.first_delay * 2.0 ** (recent - 1)
