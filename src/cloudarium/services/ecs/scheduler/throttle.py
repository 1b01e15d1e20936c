"""Launch throttling: services whose tasks never get to run try less and less often. Pure.

AWS says that the time between attempts grows up to 27 minutes and that a new deployment starts afresh; the steps in
between are not documented and are chosen here.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
"""

from __future__ import annotations

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 27 * 60.0
IMPAIRED_AFTER = 3
"""Consecutive failures after which the service says that it cannot start tasks consistently."""


def pause(failures: int) -> float:
    """Seconds between the last failure and the next attempt after ``failures`` launches in a row that never ran."""
    if failures <= 0:
        return 0.0
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))


def impaired(failures: int) -> bool:
    """Whether to report ``is unable to consistently start tasks successfully``."""
    return failures >= IMPAIRED_AFTER
