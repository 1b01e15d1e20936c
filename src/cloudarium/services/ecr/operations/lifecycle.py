"""Lifecycle policies: put, get, delete, try out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import images
from cloudarium.services.ecr.lifecycle.policy import parse
from cloudarium.services.ecr.lookup import repository_of
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import Preview, Repository

Request = Mapping[str, Any]


def _answer(scope: Scope, repository: Repository, text: str) -> Answer:
    return {"registryId": scope.account, "repositoryName": repository.name, "lifecyclePolicyText": text}


def _with_policy(ctx: Context, request: Request, action: str) -> tuple[Scope, Repository]:
    scope, repository = repository_of(ctx, request, action)
    if not repository.lifecycle_policy:
        message = (
            f"Lifecycle policy does not exist for the repository with name '{repository.name}' "
            f"in the registry with id '{scope.account}'"
        )
        raise AwsError("LifecyclePolicyNotFoundException", message)
    return scope, repository


@operation()
def put_lifecycle_policy(ctx: Context, request: Request) -> Answer:
    """Say which images are to go."""
    scope, repository = repository_of(ctx, request, "PutLifecyclePolicy")
    text = request["lifecyclePolicyText"]
    parse(text)
    changed = repository.replace(lifecycle_policy=text, lifecycle_set=ctx.clock.now())
    ctx.table(Repository).put(scope, changed)
    return _answer(scope, repository, text)


@operation()
def get_lifecycle_policy(ctx: Context, request: Request) -> Answer:
    """A repository's lifecycle policy, and when it was last evaluated."""
    scope, repository = _with_policy(ctx, request, "GetLifecyclePolicy")
    return _answer(scope, repository, repository.lifecycle_policy) | _evaluated(repository)


def _evaluated(repository: Repository) -> Answer:
    at = repository.lifecycle_evaluated
    return {"lastEvaluatedAt": when(at)} if at else {}


@operation()
def delete_lifecycle_policy(ctx: Context, request: Request) -> Answer:
    """Remove a repository's lifecycle policy."""
    scope, repository = _with_policy(ctx, request, "DeleteLifecyclePolicy")
    changed = repository.replace(lifecycle_policy="", lifecycle_set=0.0, lifecycle_evaluated=0.0)
    ctx.table(Repository).put(scope, changed)
    return _answer(scope, repository, repository.lifecycle_policy) | _evaluated(repository)


@operation()
def start_lifecycle_policy_preview(ctx: Context, request: Request) -> Answer:
    """Try a policy out, the repository's own unless another is given."""
    if text := request.get("lifecyclePolicyText", ""):
        scope, repository = repository_of(ctx, request, "StartLifecyclePolicyPreview")
        parse(text)
    else:
        scope, repository = _with_policy(ctx, request, "StartLifecyclePolicyPreview")
        text = repository.lifecycle_policy
    table = ctx.table(Preview)
    present = table.get(scope, repository.name)
    if present is not None and present.status == "IN_PROGRESS":
        message = "The previous lifecycle policy preview request has not completed. Wait and try again."
        raise AwsError("LifecyclePolicyPreviewInProgressException", message)
    table.put(scope, Preview(repository=repository.name, policy=text, started=ctx.clock.now()))
    return _answer(scope, repository, text) | {"status": "IN_PROGRESS"}


@operation()
def get_lifecycle_policy_preview(ctx: Context, request: Request) -> Answer:
    """What a policy that was tried out would do."""
    scope, repository = repository_of(ctx, request, "GetLifecyclePolicyPreview")
    preview = ctx.table(Preview).get(scope, repository.name)
    if preview is None:
        message = (
            f"Lifecycle policy preview does not exist for the repository with name '{repository.name}' "
            f"in the registry with id '{scope.account}'"
        )
        raise AwsError("LifecyclePolicyPreviewNotFoundException", message)
    wanted = request.get("filter") or {}
    rows = [row for row in preview.results if images.with_tag_status(wanted, row["imageTags"])]
    if image_ids := request.get("imageIds"):
        digests = {each.get("imageDigest") for each in image_ids}
        tags = {each.get("imageTag") for each in image_ids}
        rows = [row for row in rows if row["imageDigest"] in digests or tags.intersection(row["imageTags"])]
    chosen, more = page(rows, request, lambda row: str(row["imageDigest"]))
    kinds = [row["action"]["type"] for row in preview.results]
    summary: Answer = {"expiringImageTotalCount": kinds.count("EXPIRE")}
    if moved := kinds.count("TRANSITION"):
        summary["transitioningImageTotalCounts"] = [{"targetStorageClass": "ARCHIVE", "imageTotalCount": moved}]
    return {
        **_answer(scope, repository, preview.policy),
        "status": preview.status,
        "previewResults": [row | {"imagePushedAt": when(row["imagePushedAt"])} for row in chosen],
        "summary": summary,
        **more,
    }
