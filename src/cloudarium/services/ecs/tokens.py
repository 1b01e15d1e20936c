"""Client tokens: the same request sent twice is done once.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import ClientToken

LIFE = 24 * 3600.0


def known(
    ctx: Context, operation: str, cluster: str, request: Mapping[str, Any], longest: int = 64
) -> ClientToken | None:
    """What this request's token stood for before, if it did; another request with the same token is refused."""
    token = request.get("clientToken")
    if not token:
        return None
    if len(token) > longest or any(not 33 <= ord(character) <= 126 for character in token):
        raise invalid(f"clientToken must have at most {longest} characters in the range of 33-126.")
    found = ctx.table(ClientToken).get(ctx.scope, f"{operation}|{cluster}|{token}")
    if found is not None and found.request != _digest(request):
        raise AwsError(
            "ConflictException",
            f"The {operation} request could not be processed due to conflicts. The provided clientToken is already in "
            f"use with a different {operation} request. The resourceIds are the existing task ARNs which are already "
            "associated with the clientToken.",
            members={"resourceIds": list(found.results)},
        )
    return found


def remember(ctx: Context, operation: str, cluster: str, request: Mapping[str, Any], results: Sequence[str]) -> None:
    """Keep what a token stood for, for a day."""
    if token := request.get("clientToken"):
        ctx.table(ClientToken).put(
            ctx.scope,
            ClientToken(
                key=f"{operation}|{cluster}|{token}",
                request=_digest(request),
                results=tuple(results),
                expires=ctx.clock.now() + LIFE,
            ),
        )


def _digest(request: Mapping[str, Any]) -> str:
    asked = {key: value for key, value in request.items() if key != "clientToken"}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
