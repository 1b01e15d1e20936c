"""PutAccountSetting, PutAccountSettingDefault, ListAccountSettings, DeleteAccountSetting.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutAccountSetting.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import paging
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import AccountSetting
from cloudarium.services.ecs.settings import SETTINGS, WITHOUT_EFFECT, effective, key

Request = Mapping[str, Any]

_PARTIAL = "containerInsights, defaultLogDriverMode and retirement wait; other settings only with the value in force"


@operation(partial=_PARTIAL)
def put_account_setting(ctx: Context, request: Request) -> Answer:
    """Set a setting for one principal; the root user's is everybody's default."""
    principal = request.get("principalArn") or ctx.principal.arn
    owner = "" if principal.endswith(":root") else principal
    return _put(ctx, owner, principal, request)


@operation(partial=_PARTIAL)
def put_account_setting_default(ctx: Context, request: Request) -> Answer:
    """Set a setting for all principals that have none of their own."""
    return _put(ctx, "", _root(ctx), request)


def _root(ctx: Context) -> str:
    return f"arn:aws:iam::{ctx.account}:root"


def _put(ctx: Context, owner: str, shown: str, request: Request) -> Answer:
    name, value = request["name"], request["value"]
    setting = SETTINGS[name]
    if value not in setting.values:
        raise invalid(f"Invalid value for setting {name}: {value}. Valid values: {', '.join(sorted(setting.values))}.")
    if setting.kind == "aws_managed":
        raise invalid(f"The account setting {name} is managed by AWS and cannot be changed.")
    if value in WITHOUT_EFFECT.get(name, ()):
        raise NotThere(f"The account setting {name} with the value '{value}'")
    ctx.table(AccountSetting).put(
        ctx.scope, AccountSetting(key=key(owner, name), principal=owner, name=name, value=value)
    )
    return {"setting": _shown(name, value, shown)}


@operation()
def list_account_settings(ctx: Context, request: Request) -> Answer:
    """Settings that were made for a principal, or all those in force for it."""
    principal = request.get("principalArn") or ctx.principal.arn
    owner = "" if principal.endswith(":root") else principal
    name, value = request.get("name"), request.get("value")
    if value is not None and name is None:
        raise invalid("You must specify an account setting name to use the value parameter.")
    if request.get("effectiveSettings"):
        found = {each: effective(ctx, each, owner) for each in SETTINGS}
    else:
        found = {each.name: each.value for each in ctx.table(AccountSetting).find(ctx.scope, "principal", owner)}
    names = [each for each in found if name in (None, each) and value in (None, found[each])]
    some, token = paging.page(names, request, 100)
    answer: Answer = {"settings": [_shown(each, found[each], principal) for each in some]}
    return {**answer, "nextToken": token} if token else answer


@operation()
def delete_account_setting(ctx: Context, request: Request) -> Answer:
    """Go back to the default."""
    principal = request.get("principalArn") or ctx.principal.arn
    owner = "" if principal.endswith(":root") else principal
    ctx.table(AccountSetting).delete(ctx.scope, key(owner, request["name"]))
    return {"setting": _shown(request["name"], effective(ctx, request["name"], owner), principal)}


def _shown(name: str, value: str, principal: str) -> dict[str, str]:
    return {"name": name, "value": value, "principalArn": principal, "type": SETTINGS[name].kind}
