"""Account settings: what each can be, and the one in force.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html
"""

from __future__ import annotations

from typing import NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.services.ecs.resources import AccountSetting


class Setting(NamedTuple):
    """A setting: its values, the default first, and whether it says something about what is done here."""

    values: tuple[str, ...]
    kind: str = "user"


_SWITCH = ("disabled", "enabled")
_LONG = ("enabled", "disabled")

SETTINGS = {
    "serviceLongArnFormat": Setting(_LONG),
    "taskLongArnFormat": Setting(_LONG),
    "containerInstanceLongArnFormat": Setting(_LONG),
    "awsvpcTrunking": Setting(_SWITCH),
    "containerInsights": Setting(("disabled", "enabled", "enhanced")),
    "fargateFIPSMode": Setting(_SWITCH),
    "tagResourceAuthorization": Setting(("off", "on")),
    "fargateTaskRetirementWaitPeriod": Setting(("7", "0", "14")),
    "guardDutyActivate": Setting(("off", "on"), "aws_managed"),
    "defaultLogDriverMode": Setting(("non-blocking", "blocking")),
    "fargateEventWindows": Setting(_SWITCH),
}

WITHOUT_EFFECT = {
    "serviceLongArnFormat": ("disabled",),
    "taskLongArnFormat": ("disabled",),
    "containerInstanceLongArnFormat": ("disabled",),
    "awsvpcTrunking": ("enabled",),
    "fargateFIPSMode": ("enabled",),
    "tagResourceAuthorization": ("on",),
    "fargateEventWindows": ("enabled",),
}
"""Values that AWS has and that change nothing here: refused by name."""


def key(principal: str, name: str) -> str:
    """The key of a setting's record; an empty principal is the whole account."""
    return f"{principal}|{name}"


def effective(ctx: Context, name: str, principal: str | None = None) -> str:
    """The value in force for a principal (the caller unless said otherwise)."""
    table = ctx.table(AccountSetting)
    for owner in (ctx.principal.arn if principal is None else principal, ""):
        found = table.get(ctx.scope, key(owner, name))
        if found is not None:
            return found.value
    return SETTINGS[name].values[0]
