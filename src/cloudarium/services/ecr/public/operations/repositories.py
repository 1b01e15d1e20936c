"""Public repositories: create, describe, delete, policies, tags, catalogue data; the registry itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import aliases, images, repositories, tagging, tokens
from cloudarium.services.ecr.errors import repository_not_found
from cloudarium.services.ecr.lookup import registry_of
from cloudarium.services.ecr.operations import policies as private
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.public.scope import REGISTRY_NAME, public, repository_arn, repository_of, shown
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import PUBLIC, Registry, Repository

Request = Mapping[str, Any]
_NO_LOGO = "logoImageBlob is refused: nothing serves logos"


@operation(partial=_NO_LOGO)
def create_repository(ctx: Context, request: Request) -> Answer:
    """Make a repository, with what its page in the gallery says."""
    inner = public(ctx)
    catalog = _catalog(request.get("catalogData") or {})
    made = repositories.create(inner, inner.scope, request["repositoryName"], {"tags": request.get("tags") or []})
    made = made.replace(arn=repository_arn(ctx.account, made.name), catalog=catalog)
    ctx.table(Repository).put(inner.scope, made)
    return {"repository": shown(ctx, inner.scope, made)} | ({"catalogData": catalog} if catalog else {})


def _catalog(data: Mapping[str, Any]) -> dict[str, Any]:
    if data.get("logoImageBlob"):
        raise NotThere("A logo (logoImageBlob) of a public repository")
    return {name: value for name, value in data.items() if value not in ("", [], None)}


@operation()
def delete_repository(ctx: Context, request: Request) -> Answer:
    """Remove a repository; with images in it only by force."""
    inner, scope, repository = repository_of(ctx, request)
    if not request.get("force") and images.all_in(ctx.cloud, scope, repository.name):
        message = (
            f"The repository with name '{repository.name}' in registry with id '{scope.account}' cannot be deleted "
            "because it still contains images"
        )
        raise AwsError("RepositoryNotEmptyException", message)
    answer = {"repository": shown(ctx, scope, repository)}
    repositories.delete(inner, scope, repository)
    return answer


@operation()
def describe_repositories(ctx: Context, request: Request) -> Answer:
    """Repositories by name, or all in pages."""
    if names := request.get("repositoryNames"):
        found = [repository_of(ctx, {**request, "repositoryName": name}) for name in names]
        return {"repositories": [shown(ctx, scope, each) for _, scope, each in found]}
    scope = Scope(ctx.account, PUBLIC)
    rows, more = page(ctx.table(Repository).all(scope), request, lambda each: each.name)
    return {"repositories": [shown(ctx, scope, each) for each in rows], **more}


# -- catalogue data ----------------------------------------------------------------------------------------------------


@operation()
def get_repository_catalog_data(ctx: Context, request: Request) -> Answer:
    """What a repository's page in the gallery says."""
    _, scope, repository = repository_of(ctx, request)
    if not repository.catalog:
        message = (
            f"The repository catalog data for the repository with name '{repository.name}' does not exist in the "
            f"registry with id '{scope.account}'"
        )
        raise AwsError("RepositoryCatalogDataNotFoundException", message)
    return {"catalogData": repository.catalog}


@operation(partial=_NO_LOGO)
def put_repository_catalog_data(ctx: Context, request: Request) -> Answer:
    """Change what a repository's page in the gallery says."""
    _, scope, repository = repository_of(ctx, request)
    # What is given empty is taken away.
    catalog = _catalog({**repository.catalog, **request["catalogData"]})
    ctx.table(Repository).put(scope, repository.replace(catalog=catalog))
    return {"catalogData": catalog}


@operation()
def get_registry_catalog_data(ctx: Context, request: Request) -> Answer:
    """The registry's name in the gallery."""
    return {"registryCatalogData": {"displayName": registry_of(public(ctx)).display_name}}


@operation()
def put_registry_catalog_data(ctx: Context, request: Request) -> Answer:
    """Change the registry's name in the gallery."""
    inner = public(ctx)
    changed = registry_of(inner).replace(display_name=request.get("displayName", ""))
    ctx.table(Registry).put(inner.scope, changed)
    return {"registryCatalogData": {"displayName": changed.display_name}}


@operation()
def describe_registries(ctx: Context, request: Request) -> Answer:
    """The account's public registry and its alias."""
    alias = aliases.of(ctx.cloud, ctx.account)
    name = {"name": alias, "status": "ACTIVE", "primaryRegistryAlias": True, "defaultRegistryAlias": True}
    registry = {
        "registryId": ctx.account,
        "registryArn": f"arn:aws:ecr-public::{ctx.account}:registry/{ctx.account}",
        "registryUri": f"{REGISTRY_NAME}/{alias}",
        "verified": False,
        "aliases": [name],
    }
    return {"registries": [registry]}


@operation()
def get_authorization_token(ctx: Context, request: Request) -> Answer:
    """Credentials for docker login, good for twelve hours."""
    password, expires = tokens.issue(ctx.cloud, ctx.principal, ctx.region)
    token = base64.b64encode(f"AWS:{password}".encode()).decode()
    return {"authorizationData": {"authorizationToken": token, "expiresAt": when(expires)}}


# -- policies and tags -------------------------------------------------------------------------------------------------


@operation(partial=private.NO_CONDITIONS)
def set_repository_policy(ctx: Context, request: Request) -> Answer:
    """Say who of other accounts may push."""
    inner, _, _ = repository_of(ctx, request)
    return private.set_repository_policy(inner, request)


@operation()
def get_repository_policy(ctx: Context, request: Request) -> Answer:
    """A repository's policy."""
    inner, _, _ = repository_of(ctx, request)
    return private.get_repository_policy(inner, request)


@operation()
def delete_repository_policy(ctx: Context, request: Request) -> Answer:
    """Remove a repository's policy."""
    inner, _, _ = repository_of(ctx, request)
    return private.delete_repository_policy(inner, request)


def _by_arn(ctx: Context, arn: str) -> tuple[Scope, Repository]:
    scope, name = Scope(ctx.account, PUBLIC), arn.partition(":repository/")[2]
    found = ctx.table(Repository).get(scope, name)
    if found is None or found.arn != arn:
        raise repository_not_found(name, scope.account)
    return scope, found


@operation()
def tag_resource(ctx: Context, request: Request) -> Answer:
    """Add or overwrite tags of a repository."""
    scope, repository = _by_arn(ctx, request["resourceArn"])
    tags = tagging.from_request(ctx.principal, request["tags"], repository.tags)
    ctx.table(Repository).put(scope, repository.replace(tags=tags))
    return {}


@operation()
def untag_resource(ctx: Context, request: Request) -> Answer:
    """Remove tags of a repository; keys that are not there are passed over."""
    scope, repository = _by_arn(ctx, request["resourceArn"])
    tags = tagging.without(ctx.principal, repository.tags, request["tagKeys"])
    ctx.table(Repository).put(scope, repository.replace(tags=tags))
    return {}


@operation()
def list_tags_for_resource(ctx: Context, request: Request) -> Answer:
    """A repository's tags."""
    return {"tags": tagging.to_response(_by_arn(ctx, request["resourceArn"])[1].tags)}
