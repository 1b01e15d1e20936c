"""Repository creation templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecr import mutability, policies, tagging
from cloudarium.services.ecr.errors import limit, validation
from cloudarium.services.ecr.lifecycle.policy import parse
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import Template

Request = Mapping[str, Any]
MOST = 50
_NOTHING_ASSUMES_ROLES = "customRoleArn is kept and shown; no role is assumed for what a template does"


def _settings(ctx: Context, request: Request) -> dict[str, Any]:
    """A template's settings from a request, checked as they will be when a repository is made."""
    settings = {name: value for name, value in request.items() if name not in ("prefix", "resourceTags")}
    if "resourceTags" in request:
        settings["resourceTags"] = tagging.to_response(tagging.from_request(ctx.principal, request["resourceTags"]))
    settings.setdefault("imageTagMutability", "MUTABLE")
    settings.setdefault("encryptionConfiguration", {"encryptionType": "AES256"})
    mutability.read_setting(settings)
    if (kind := settings["encryptionConfiguration"]["encryptionType"]) != "AES256":
        raise NotThere(f"Encryption of repositories with {kind}")
    if text := settings.get("repositoryPolicy"):
        policies.check(text, "repository")
    if text := settings.get("lifecyclePolicy"):
        parse(text)
    settings["appliedFor"] = list(dict.fromkeys(settings["appliedFor"]))
    return settings


def _shown(template: Template) -> Answer:
    shown = {name: value for name, value in template.settings.items() if value not in ("", [])}
    times = {"createdAt": when(template.created), "updatedAt": when(template.updated)}
    return {"prefix": template.prefix, **shown, **times}


def _found(ctx: Context, prefix: str) -> Template:
    found = ctx.table(Template).get(ctx.scope, prefix)
    if found is None:
        message = (
            f"The repository creation template with prefix '{prefix}' does not exist in the registry with id "
            f"'{ctx.account}'"
        )
        raise AwsError("TemplateNotFoundException", message)
    return found


@operation(partial=_NOTHING_ASSUMES_ROLES)
def create_repository_creation_template(ctx: Context, request: Request) -> Answer:
    """Say how repositories are made that nobody creates."""
    prefix, table = request["prefix"], ctx.table(Template)
    if table.get(ctx.scope, prefix) is not None:
        message = (
            f"The repository creation template with prefix '{prefix}' already exists in the registry with id "
            f"'{ctx.account}'"
        )
        raise AwsError("TemplateAlreadyExistsException", message)
    if not request["appliedFor"]:
        raise validation("appliedFor must name at least one use")
    if table.count(ctx.scope) >= MOST:
        raise limit(f"The number of repository creation templates has reached its limit of {MOST}")
    now = ctx.clock.now()
    made = Template(prefix=prefix, settings=_settings(ctx, request), created=now, updated=now)
    table.put(ctx.scope, made)
    return {"registryId": ctx.account, "repositoryCreationTemplate": _shown(made)}


@operation(partial=_NOTHING_ASSUMES_ROLES)
def update_repository_creation_template(ctx: Context, request: Request) -> Answer:
    """Change what a request names; the rest stays."""
    present = _found(ctx, request["prefix"])
    kept = dict(present.settings)
    if "imageTagMutability" in request:
        kept.pop("imageTagMutabilityExclusionFilters", None)
    changed = present.replace(settings=_settings(ctx, {**kept, **request}), updated=ctx.clock.now())
    ctx.table(Template).put(ctx.scope, changed)
    return {"registryId": ctx.account, "repositoryCreationTemplate": _shown(changed)}


@operation()
def describe_repository_creation_templates(ctx: Context, request: Request) -> Answer:
    """Templates by prefix, or all in pages."""
    rows = ctx.table(Template).all(ctx.scope)
    if prefixes := request.get("prefixes"):
        rows = [each for each in rows if each.prefix in prefixes]
    chosen, more = page(rows, request, lambda each: each.prefix)
    return {"registryId": ctx.account, "repositoryCreationTemplates": [_shown(each) for each in chosen], **more}


@operation()
def delete_repository_creation_template(ctx: Context, request: Request) -> Answer:
    """Remove a template; repositories made by it stay."""
    present = _found(ctx, request["prefix"])
    ctx.table(Template).delete(ctx.scope, present.prefix)
    return {"registryId": ctx.account, "repositoryCreationTemplate": _shown(present)}
