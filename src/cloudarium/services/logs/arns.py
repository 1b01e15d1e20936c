"""ARNs of log groups and destinations, in every form in which clients give them."""

from __future__ import annotations

import re

from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Scope

_GROUP = re.compile(r"arn:(aws[\w-]*):logs:([\w-]*):(\d{12}):log-group:([^:*]+)(:\*)?(:log-stream:[^:*]*)?")


def group_arn(scope: Scope, name: str) -> str:
    """``logGroupArn``; followed by ``:*`` it is what the older ``arn`` says."""
    return f"arn:{PARTITION}:logs:{scope.region}:{scope.account}:log-group:{name}"


def stream_arn(scope: Scope, group: str, name: str) -> str:
    """A log stream's ARN."""
    return f"{group_arn(scope, group)}:log-stream:{name}"


def destination_arn(scope: Scope, name: str) -> str:
    """A destination's ARN."""
    return f"arn:{PARTITION}:logs:{scope.region}:{scope.account}:destination:{name}"


def parse_group(text: str) -> tuple[Scope, str] | None:
    """Where a log group's ARN points and its name, or None for anything else."""
    found = _GROUP.fullmatch(text)
    return (Scope(found[3], found[2]), found[4]) if found else None
