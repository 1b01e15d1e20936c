"""Finding what a request means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.logs import arns
from cloudarium.services.logs.errors import failed_validation, invalid, no_group
from cloudarium.services.logs.resources import LogGroup

_GROUP_NAME = re.compile(r"[\.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*]{1,512}", re.DOTALL)


def check_group_name(name: str) -> None:
    """Refuse a name that no group may have: calls from inside the cloud have not been held against the model."""
    if not _GROUP_NAME.fullmatch(name):
        constraint = r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"
        raise failed_validation("logGroupName", name, constraint)


def check_stream_name(name: str) -> None:
    """Refuse a name that no stream may have."""
    if not _STREAM_NAME.fullmatch(name):
        raise failed_validation("logStreamName", name, "Member must satisfy regular expression pattern: [^:*]*")


def group_named(ctx: Context, name: str) -> LogGroup:
    """A group by its name; raises ResourceNotFoundException."""
    found = ctx.table(LogGroup).get(ctx.scope, name)
    if found is None:
        raise no_group()
    return found


def group_identified(ctx: Context, identifier: str) -> LogGroup:
    """A group by its name or ARN; raises ResourceNotFoundException."""
    if identifier.startswith("arn:"):
        parsed = arns.parse_group(identifier)
        if parsed is None:
            raise invalid(f"Invalid log group ARN: {identifier}")
        scope, identifier = parsed
        if scope != ctx.scope:
            raise no_group()
    return group_named(ctx, identifier)


def group_of(ctx: Context, request: Mapping[str, Any]) -> LogGroup:
    """The group that ``logGroupName`` or ``logGroupIdentifier`` of a request means."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if name is None and identifier is None:
        raise invalid("Either logGroupName or logGroupIdentifier must be specified.")
    return group_named(ctx, name) if name is not None else group_identified(ctx, str(identifier))


def owner(ctx: Context, uid: str) -> tuple[Scope, LogGroup] | None:
    """The group with a unique id, in the caller's account and region."""
    found = ctx.table(LogGroup).find(ctx.scope, "uid", uid)
    return (ctx.scope, found[0]) if found else None
