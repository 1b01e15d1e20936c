"""Policies of repositories and of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import policies
from cloudarium.services.ecr.errors import invalid
from cloudarium.services.ecr.lookup import registry_of, repository_of
from cloudarium.services.ecr.resources import Registry, Repository

Request = Mapping[str, Any]
NO_CONDITIONS = "a statement with a Condition neither allows nor denies"


def _answer(scope: Scope, repository: Repository, text: str) -> Answer:
    return {"registryId": scope.account, "repositoryName": repository.name, "policyText": text}


def _own(ctx: Context, request: Request, action: str) -> tuple[Scope, Repository]:
    """The repository. Its policy cannot lock its own account out of the policy itself."""
    scope, repository = repository_of(ctx, request)
    if scope.account != ctx.account:
        policies.authorize(repository.policy, ctx.principal, scope.account, action, repository.arn)
    return scope, repository


@operation(partial=NO_CONDITIONS)
def set_repository_policy(ctx: Context, request: Request) -> Answer:
    """Say who of other accounts may do what, and deny."""
    scope, repository = _own(ctx, request, "SetRepositoryPolicy")
    text = request["policyText"]
    policies.check(text, "repository")
    if not request.get("force"):
        try:
            policies.authorize(text, ctx.principal, scope.account, "SetRepositoryPolicy", repository.arn)
        except AwsError:
            message = "The policy would keep you from setting a policy in the future; use force to set it anyway"
            raise invalid("PolicyText", message) from None
    ctx.table(Repository).put(scope, repository.replace(policy=text))
    return _answer(scope, repository, text)


@operation()
def get_repository_policy(ctx: Context, request: Request) -> Answer:
    """A repository's policy."""
    scope, repository = _own(ctx, request, "GetRepositoryPolicy")
    if not repository.policy:
        raise _no_policy(scope, repository)
    return _answer(scope, repository, repository.policy)


@operation()
def delete_repository_policy(ctx: Context, request: Request) -> Answer:
    """Remove a repository's policy."""
    scope, repository = _own(ctx, request, "DeleteRepositoryPolicy")
    if not repository.policy:
        raise _no_policy(scope, repository)
    ctx.table(Repository).put(scope, repository.replace(policy=""))
    return _answer(scope, repository, repository.policy)


def _no_policy(scope: Scope, repository: Repository) -> AwsError:
    message = (
        f"Repository policy does not exist for the repository with name '{repository.name}' "
        f"in the registry with id '{scope.account}'"
    )
    return AwsError("RepositoryPolicyNotFoundException", message)


# -- the registry's ----------------------------------------------------------------------------------------------------


@operation(partial=NO_CONDITIONS)
def put_registry_policy(ctx: Context, request: Request) -> Answer:
    """Say which accounts may replicate to this registry."""
    text = request["policyText"]
    policies.check(text, "registry")
    ctx.table(Registry).put(ctx.scope, registry_of(ctx).replace(policy=text))
    return {"registryId": ctx.account, "policyText": text}


@operation()
def get_registry_policy(ctx: Context, request: Request) -> Answer:
    """The registry's policy."""
    registry = registry_of(ctx)
    if not registry.policy:
        raise _no_registry_policy(ctx)
    return {"registryId": ctx.account, "policyText": registry.policy}


@operation()
def delete_registry_policy(ctx: Context, request: Request) -> Answer:
    """Remove the registry's policy."""
    registry = registry_of(ctx)
    if not registry.policy:
        raise _no_registry_policy(ctx)
    ctx.table(Registry).put(ctx.scope, registry.replace(policy=""))
    return {"registryId": ctx.account, "policyText": registry.policy}


def _no_registry_policy(ctx: Context) -> AwsError:
    message = f"Registry policy does not exist in the registry with id '{ctx.account}'"
    return AwsError("RegistryPolicyNotFoundException", message)
