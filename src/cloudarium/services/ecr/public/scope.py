"""ECR's functions, used for ECR Public."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import aliases, names
from cloudarium.services.ecr.errors import repository_not_found
from cloudarium.services.ecr.lookup import check_name
from cloudarium.services.ecr.repositories import is_inside, when
from cloudarium.services.ecr.resources import PUBLIC, Repository

REGISTRY_NAME = "public.ecr.aws"


def public(ctx: Context) -> Context:
    """The same call in the scope of the account's public registry."""
    scope = Scope(ctx.account, PUBLIC)
    return Context(ctx.cloud, scope, ctx.principal, ctx.request_id, ctx.source_ip, ctx.user_agent)


def registry_request(ctx: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """A request whose ``registryId`` may be an alias, with the account's id instead."""
    wanted = request.get("registryId")
    if not wanted or (len(wanted) == 12 and wanted.isdecimal()):
        return dict(request)
    owner = aliases.owner(ctx.cloud, wanted)
    if owner is None:
        message = f"The registry with id '{wanted}' does not exist"
        raise AwsError("RegistryNotFoundException", message)
    return {**request, "registryId": owner}


def repository_of(ctx: Context, request: Mapping[str, Any]) -> tuple[Context, Scope, Repository]:
    """The caller's repository that a request names, with the context in which ECR's functions work on it."""
    inner = public(ctx)
    scope = Scope(request.get("registryId") or ctx.account, PUBLIC)
    name = request["repositoryName"]
    check_name(name)
    found = ctx.table(Repository).get(scope, name)
    if found is None or scope.account != ctx.account:
        raise repository_not_found(name, scope.account)
    return inner, scope, found


def repository_arn(account: str, name: str) -> str:
    """A public repository's ARN."""
    return f"arn:aws:ecr-public::{account}:repository/{name}"


def shown(ctx: Context, scope: Scope, repository: Repository) -> dict[str, Any]:
    """A repository as the API shows it."""
    alias = aliases.of(ctx.cloud, scope.account)
    if is_inside(ctx):
        uri = f"{REGISTRY_NAME}/{alias}/{repository.name}"
    else:
        uri = names.public_uri(ctx.cloud.port, alias, repository.name)
    return {
        "repositoryArn": repository.arn,
        "registryId": scope.account,
        "repositoryName": repository.name,
        "repositoryUri": uri,
        "createdAt": when(repository.created),
    }
