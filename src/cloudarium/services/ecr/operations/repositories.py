"""Repositories: create, describe, delete, tags, and the settings that are one value each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import images, mutability, repositories, tagging
from cloudarium.services.ecr.errors import invalid, repository_not_found
from cloudarium.services.ecr.lookup import check_name, own_scope, repository_of, scope_of
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.policies import authorize
from cloudarium.services.ecr.resources import Repository

Request = Mapping[str, Any]
NO_SCAN = "images pushed to a repository with scanOnPush get the scan status FAILED: nothing scans them yet"


@operation(partial=f"encryption other than AES256 is refused; {NO_SCAN}")
def create_repository(ctx: Context, request: Request) -> Answer:
    """Make a repository."""
    scope = own_scope(ctx, request)
    made = repositories.create(ctx, scope, request["repositoryName"], request)
    return {"repository": repositories.shown(ctx, scope, made)}


@operation()
def delete_repository(ctx: Context, request: Request) -> Answer:
    """Remove a repository; with images in it only by force."""
    scope, repository = repository_of(ctx, request, "DeleteRepository")
    if not request.get("force") and images.all_in(ctx.cloud, scope, repository.name):
        message = (
            f"The repository with name '{repository.name}' in registry with id '{scope.account}' cannot be deleted "
            "because it still contains images"
        )
        raise AwsError("RepositoryNotEmptyException", message)
    repositories.delete(ctx, scope, repository)
    shown = repositories.shown(ctx, scope, repository)
    return {"repository": shown}


@operation()
def describe_repositories(ctx: Context, request: Request) -> Answer:
    """Repositories by name, or all of a registry in pages."""
    scope, table = scope_of(ctx, request), ctx.table(Repository)
    if names := request.get("repositoryNames"):
        if request.get("maxResults") or request.get("nextToken"):
            raise invalid("maxResults", "maxResults and nextToken cannot be used with repositoryNames")
        found = []
        for name in names:
            check_name(name)
            repository = table.get(scope, name)
            if repository is None:
                raise repository_not_found(name, scope.account)
            found.append(repository)
        for repository in found:
            authorize(repository.policy, ctx.principal, scope.account, "DescribeRepositories", repository.arn)
        return {"repositories": [repositories.shown(ctx, scope, each) for each in found]}
    authorize("", ctx.principal, scope.account, "DescribeRepositories", ctx.arn("ecr", "repository/*"))
    rows, more = page(table.all(scope), request, lambda each: each.name)
    return {"repositories": [repositories.shown(ctx, scope, each) for each in rows], **more}


@operation()
def put_image_tag_mutability(ctx: Context, request: Request) -> Answer:
    """Say which tags may move; those that are there are not looked at."""
    scope, repository = repository_of(ctx, request, "PutImageTagMutability")
    setting, filters = mutability.read_setting(request)
    ctx.table(Repository).put(scope, repository.replace(mutability=setting, filters=filters))
    answer: Answer = {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "imageTagMutability": setting,
    }
    if filters:
        answer["imageTagMutabilityExclusionFilters"] = mutability.shown(filters)
    return answer


@operation(partial=NO_SCAN)
def put_image_scanning_configuration(ctx: Context, request: Request) -> Answer:
    """Say whether images are to be scanned when they are pushed."""
    scope, repository = repository_of(ctx, request, "PutImageScanningConfiguration")
    scan = bool(request["imageScanningConfiguration"].get("scanOnPush"))
    ctx.table(Repository).put(scope, repository.replace(scan_on_push=scan))
    return {
        "registryId": scope.account,
        "repositoryName": repository.name,
        "imageScanningConfiguration": {"scanOnPush": scan},
    }


# -- tags of repositories ----------------------------------------------------------------------------------------------


def _by_arn(ctx: Context, arn: str) -> tuple[Scope, Repository]:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "ecr" or not parts[5].startswith("repository/"):
        raise invalid("resourceArn", "Invalid ARN")
    scope, name = Scope(parts[4], parts[3]), parts[5].removeprefix("repository/")
    found = ctx.table(Repository).get(scope, name)
    if found is None or scope != ctx.scope:
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
    _, repository = _by_arn(ctx, request["resourceArn"])
    return {"tags": tagging.to_response(repository.tags)}
