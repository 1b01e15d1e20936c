"""Issuing sessions: temporary credentials, kept until they expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.identity import SESSIONS, Principal, Session
from cloudarium.kernel.store import Record
from cloudarium.services.sts.credentials import new_access_key, new_secret_key, new_token
from cloudarium.services.sts.session_policies import Passed

_SWEEP_FROM = 1_000
_KEPT_EXPIRED = 86_400.0
"""For a day an expired session is told apart from one that never was (ExpiredToken, InvalidClientTokenId)."""


class Chain(Record, frozen=True, kw_only=True):
    """What a role session hands on to the sessions of roles assumed with it."""

    TABLE = "sts.chains"
    KEY = "access_key"

    access_key: str
    source_identity: str = ""
    transitive: tuple[tuple[str, str], ...] = ()


def issue(
    ctx: Context, principal: Principal, seconds: int, given: Passed, minimum_token: int = 0, chain: Chain | None = None
) -> dict[str, Any]:
    """Store a session for ``principal`` that lasts ``seconds`` of cloud time; returns STS's Credentials shape.

    ``principal.access_key`` is filled in here.
    """
    now = ctx.clock.now()
    _sweep(ctx, now)
    access_key = new_access_key(principal.account)
    session = Session(
        access_key=access_key,
        secret_key=new_secret_key(),
        token=new_token(minimum_token),
        principal=Principal(
            principal.kind,
            principal.account,
            principal.arn,
            principal.principal_id,
            access_key,
            principal.user_name,
            principal.session_issuer,
        ),
        created=now,
        expires=float(int(now) + seconds),
        policies=given.policies,
        tags=given.tags,
    )
    ctx.table(Session).put(SESSIONS, session)
    if chain is not None and (chain.source_identity or chain.transitive):
        ctx.table(Chain).put(SESSIONS, chain.replace(access_key=access_key))
    return {
        "AccessKeyId": access_key,
        "SecretAccessKey": session.secret_key,
        "SessionToken": session.token,
        "Expiration": datetime.fromtimestamp(session.expires, UTC),
    }


def chain_of(ctx: Context) -> Chain:
    """What the calling session hands on; empty for callers without one."""
    return ctx.table(Chain).get(SESSIONS, ctx.principal.access_key) or Chain(access_key="")


def uses_session(ctx: Context) -> bool:
    """Whether the caller uses temporary credentials."""
    return ctx.principal.access_key.startswith("ASIA")


def _sweep(ctx: Context, now: float) -> None:
    sessions = ctx.table(Session)
    if sessions.count(SESSIONS) < _SWEEP_FROM or int(now) % 16:
        return
    chains = ctx.table(Chain)
    for session in sessions.all(SESSIONS):
        if session.expires + _KEPT_EXPIRED < now:
            sessions.delete(SESSIONS, session.access_key)
            chains.delete(SESSIONS, session.access_key)
