"""Finding what a request names: the registry, the repository, and whether the caller may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import policies
from cloudarium.services.ecr.errors import invalid, repository_not_found
from cloudarium.services.ecr.names import REPOSITORY_TEXT, is_repository
from cloudarium.services.ecr.resources import PUBLIC, Registry, Repository


def scope_of(ctx: Context, request: Mapping[str, Any]) -> Scope:
    """The registry that a request means: its ``registryId``, else the caller's own."""
    return Scope(request.get("registryId") or ctx.account, ctx.region)


def own_scope(ctx: Context, request: Mapping[str, Any]) -> Scope:
    """As ``scope_of`` for what only a registry's owner may do."""
    scope = scope_of(ctx, request)
    if scope.account != ctx.account:
        raise invalid("registryId", "The specified registry ID does not belong to the calling account")
    return scope


def repository_of(ctx: Context, request: Mapping[str, Any], action: str = "") -> tuple[Scope, Repository]:
    """The repository that a request names. ``action`` is what its policy is asked about (empty: nothing)."""
    scope = scope_of(ctx, request)
    name = request["repositoryName"]
    check_name(name)
    found = ctx.table(Repository).get(scope, name)
    if found is None:
        raise repository_not_found(name, scope.account)
    if action:
        policies.authorize(found.policy, ctx.principal, scope.account, action, found.arn)
    return scope, found


def check_name(name: str) -> None:
    """Refuse what no repository may be called."""
    if not is_repository(name):
        raise invalid("repositoryName", f"must satisfy regular expression '{REPOSITORY_TEXT}'")


def registry_of(ctx: Context, scope: Scope | None = None) -> Registry:
    """What is kept of a registry; empty when nothing was ever set."""
    return ctx.table(Registry).get(scope or ctx.scope, "registry") or Registry()


def is_public(scope: Scope) -> bool:
    """Whether a scope is ECR Public's."""
    return scope.region == PUBLIC
