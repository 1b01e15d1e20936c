"""What is stored of a lookup table; its CSV is in a file (``files``). Times are milliseconds."""

from __future__ import annotations

import re

import msgspec

from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Record, Scope

_ARN = re.compile(r"arn:aws[\w-]*:logs:([\w-]*):(\d{12}):lookup-table:([A-Za-z0-9_]{1,256})")


class LookupTable(Record, frozen=True, kw_only=True):
    """A lookup table. ``file`` names its CSV, ``columns`` are the header's, ``size`` is in bytes."""

    TABLE = "logs.lookup_tables"
    KEY = "name"

    name: str
    file: str
    columns: tuple[str, ...]
    rows: int
    size: int
    updated: int
    description: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)


def table_arn(scope: Scope, name: str) -> str:
    """A lookup table's ARN.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    return f"arn:{PARTITION}:logs:{scope.region}:{scope.account}:lookup-table:{name}"


def parse_table(arn: str) -> tuple[Scope, str] | None:
    """Where a lookup table's ARN points and its name, or None for anything else."""
    found = _ARN.fullmatch(arn)
    return (Scope(found[2], found[1]), found[3]) if found else None
