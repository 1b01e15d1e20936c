"""Roles, users and groups as holders of policies: IAM has the same calls for each, under three names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.kinds.calls import document, unless

ROLE, USER, GROUP = "role", "user", "group"
GONE = "NoSuchEntity"
Properties = Mapping[str, Any]
HOLDERS = (("Roles", ROLE), ("Users", USER), ("Groups", GROUP))
"""The properties of policies that name their holders."""


async def attach(ctx: Context, holder: str, name: str, arn: str) -> None:
    """Attach a managed policy."""
    await getattr(ctx.aws.iam, f"attach_{holder}_policy")(**_named(holder, name), PolicyArn=arn)


async def detach(ctx: Context, holder: str, name: str, arn: str) -> None:
    """Detach a managed policy; that it is not attached is no error."""
    with unless(GONE):
        await getattr(ctx.aws.iam, f"detach_{holder}_policy")(**_named(holder, name), PolicyArn=arn)


async def put(ctx: Context, holder: str, name: str, policy: str, text: Any) -> None:
    """Embed an inline policy."""
    call = getattr(ctx.aws.iam, f"put_{holder}_policy")
    await call(**_named(holder, name), PolicyName=policy, PolicyDocument=document(text))


async def remove(ctx: Context, holder: str, name: str, policy: str) -> None:
    """Delete an inline policy; that it is gone is no error."""
    with unless(GONE):
        await getattr(ctx.aws.iam, f"delete_{holder}_policy")(**_named(holder, name), PolicyName=policy)


async def settle(ctx: Context, holder: str, name: str, properties: Properties, before: Properties) -> None:
    """Make ``ManagedPolicyArns`` and ``Policies`` of a role, user or group so; others' policies on it stay."""
    arns = properties.get("ManagedPolicyArns", [])
    for arn in _only(before.get("ManagedPolicyArns", []), arns):
        await detach(ctx, holder, name, arn)
    for arn in arns:
        await attach(ctx, holder, name, arn)
    inline = {each["PolicyName"]: each["PolicyDocument"] for each in properties.get("Policies", [])}
    for policy in _only((each["PolicyName"] for each in before.get("Policies", [])), inline):
        await remove(ctx, holder, name, policy)
    for policy, text in inline.items():
        await put(ctx, holder, name, policy, text)


async def strip(ctx: Context, holder: str, name: str, properties: Properties) -> None:
    """Take away what ``settle`` gave it, so that it can be deleted. What others gave it keeps it, as on AWS."""
    await settle(ctx, holder, name, {}, properties)


def holding(properties: Properties) -> list[tuple[str, str]]:
    """Who holds a policy with these ``Roles``, ``Users`` and ``Groups``: pairs of kind and name."""
    return [(holder, name) for names, holder in HOLDERS for name in properties.get(names, [])]


def _named(holder: str, name: str) -> dict[str, str]:
    return {f"{holder.capitalize()}Name": name}


def _only(before: Iterable[str], now: Iterable[str]) -> list[str]:
    kept = set(now)
    return [each for each in before if each not in kept]
