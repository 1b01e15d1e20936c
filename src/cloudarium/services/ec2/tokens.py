"""Client tokens: a creation that is retried finds what the first call made.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Record
from cloudarium.services.ec2.resources import ClientToken

R = TypeVar("R", bound=Record)

LIFETIME = 86_400.0
"""Seconds for which a token is remembered."""

_SWEEP_ABOVE = 1000
"""Tokens of an account and region from which on old ones are looked for and dropped."""


def made_before(ctx: Context, operation: str, request: Any, kind: type[R]) -> R | None:
    """What an earlier call with the same token made, or None; raises ``IdempotentParameterMismatch``."""
    token = request.get("ClientToken")
    if not token:
        return None
    known = ctx.table(ClientToken).get(ctx.scope, f"{operation}:{token}")
    if known is None or known.created + LIFETIME < ctx.clock.now():
        return None
    if known.fingerprint != _fingerprint(request):
        raise AwsError(
            "IdempotentParameterMismatch",
            f"The request uses the same client token '{token}' as a previous, but non-identical request.",
        )
    return ctx.table(kind).get(ctx.scope, known.resource_id)


def remember(ctx: Context, operation: str, request: Any, resource_id: str) -> None:
    """Keep the token of a creation, if it has one."""
    token = request.get("ClientToken")
    if token:
        record = ClientToken(
            token=f"{operation}:{token}",
            fingerprint=_fingerprint(request),
            resource_id=resource_id,
            created=ctx.clock.now(),
        )
        ctx.table(ClientToken).put(ctx.scope, record)
        if ctx.table(ClientToken).count(ctx.scope) % _SWEEP_ABOVE == 0:
            _sweep(ctx)


def _sweep(ctx: Context) -> None:
    for old in ctx.table(ClientToken).all(ctx.scope):
        if old.created + LIFETIME < ctx.clock.now():
            ctx.table(ClientToken).delete(ctx.scope, old.token)


def _fingerprint(request: Any) -> str:
    rest = {name: value for name, value in request.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).hexdigest()
