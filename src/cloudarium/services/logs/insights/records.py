"""What is stored of a query; its results are in a file (``engine``). Times are milliseconds."""

from __future__ import annotations

from cloudarium.kernel.store import Record

SCHEDULED = "Scheduled"
RUNNING = "Running"
COMPLETE = "Complete"
FAILED = "Failed"
CANCELLED = "Cancelled"
TIMEOUT = "Timeout"
ACTIVE = (SCHEDULED, RUNNING)


class QueryRun(Record, frozen=True, kw_only=True):
    """A query that was started. ``groups`` are unique ids, ``names`` what they were called; both ends are inclusive.

    ``skipped``: how many of the groups ``filterIndex`` left out.
    """

    TABLE = "logs.queries"
    KEY = "id"

    id: str
    text: str
    groups: tuple[str, ...]
    names: tuple[str, ...]
    start: int
    end: int
    limit: int | None
    status: str
    created: int
    user: str
    duration: int = 0
    matched: int = 0
    scanned: int = 0
    bytes: int = 0
    found: int = 0
    nested: tuple[tuple[str, ...], ...] = ()
    """Unique ids of the groups of each query within this one."""
    skipped: int = 0
    left: tuple[str, ...] = ()
    """Names of the groups that were skipped."""
    message: str = ""
