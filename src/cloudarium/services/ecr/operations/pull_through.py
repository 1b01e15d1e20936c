"""Pull through cache rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import pull_through
from cloudarium.services.ecr.errors import limit
from cloudarium.services.ecr.lookup import own_scope
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.repositories import when
from cloudarium.services.ecr.resources import CacheRule

Request = Mapping[str, Any]
MOST = 50

_REGISTRIES = {
    "ecr": re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"),
    "ecr-public": re.compile(r"public\.ecr\.aws"),
    "docker-hub": re.compile(r"registry-1\.docker\.io"),
    "quay": re.compile(r"quay\.io"),
    "k8s": re.compile(r"registry\.k8s\.io"),
    "github-container-registry": re.compile(r"ghcr\.io"),
    "gitlab-container-registry": re.compile(r"registry\.gitlab\.com"),
    "azure-container-registry": re.compile(r"[a-z0-9]+\.azurecr\.io"),
    "chainguard": re.compile(r"cgr\.dev"),
}
_WITH_CREDENTIALS = {
    "docker-hub", "github-container-registry", "gitlab-container-registry", "azure-container-registry", "chainguard"
}  # fmt: skip
_LOCAL = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+):\d{1,5}")
"""A registry on this machine, which AWS could not reach: it is taken so that caching can be tried without leaving."""


def _registry_of(request: Request) -> tuple[str, str]:
    url = request["upstreamRegistryUrl"].removeprefix("https://").removeprefix("http://").rstrip("/")
    found = next((name for name, form in _REGISTRIES.items() if form.fullmatch(url)), None)
    if found is None and _LOCAL.fullmatch(url):
        found = request.get("upstreamRegistry", "docker-hub")
    if found is None or request.get("upstreamRegistry", found) != found:
        message = f"The upstream registry '{url[:200]}' is not supported"
        raise AwsError("UnsupportedUpstreamRegistryException", message)
    return found, url


def _rule(ctx: Context, request: Request) -> tuple[Scope, CacheRule]:
    scope = own_scope(ctx, request)
    prefix = request["ecrRepositoryPrefix"]
    found = ctx.table(CacheRule).get(scope, prefix)
    if found is None:
        message = f"Pull through cache rule not found for prefix '{prefix}' in the registry with id '{scope.account}'"
        raise AwsError("PullThroughCacheRuleNotFoundException", message)
    return scope, found


def _shown(scope: Scope, rule: CacheRule) -> Answer:
    shown: Answer = {
        "ecrRepositoryPrefix": rule.prefix,
        "upstreamRegistryUrl": rule.url,
        "createdAt": when(rule.created),
        "registryId": scope.account,
    }
    optional = {"credentialArn": rule.credential_arn, "upstreamRepositoryPrefix": rule.upstream_prefix}
    return shown | {name: value for name, value in optional.items() if value}


@operation(partial="customRoleArn is refused: rules for ECR read other accounts' repositories of this cloud directly")
async def create_pull_through_cache_rule(ctx: Context, request: Request) -> Answer:
    """Let a prefix stand for another registry."""
    scope, prefix = own_scope(ctx, request), request["ecrRepositoryPrefix"]
    table = ctx.table(CacheRule)
    if request.get("customRoleArn"):
        raise NotThere("customRoleArn of a pull through cache rule")
    registry, url = _registry_of(request)
    arn = request.get("credentialArn", "")
    if arn:
        await pull_through.credentials(ctx, arn)
    elif registry in _WITH_CREDENTIALS and not _LOCAL.fullmatch(url):
        message = f"The upstream registry '{url}' requires a credentialArn"
        raise AwsError("UnsupportedUpstreamRegistryException", message)
    if table.get(scope, prefix) is not None:
        message = (
            f"A pull through cache rule with the prefix '{prefix}' already exists in the registry with id "
            f"'{scope.account}'"
        )
        raise AwsError("PullThroughCacheRuleAlreadyExistsException", message)
    if table.count(scope) >= MOST:
        raise limit(f"The number of pull through cache rules has reached its limit of {MOST}")
    now = ctx.clock.now()
    rule = CacheRule(
        prefix=prefix,
        url=url,
        registry=registry,
        created=now,
        updated=now,
        upstream_prefix=request.get("upstreamRepositoryPrefix", ""),
        credential_arn=arn,
    )
    table.put(scope, rule)
    return _shown(scope, rule) | {"upstreamRegistry": registry}


@operation(partial="customRoleArn is refused")
async def update_pull_through_cache_rule(ctx: Context, request: Request) -> Answer:
    """Change the secret of a rule."""
    if request.get("customRoleArn"):
        raise NotThere("customRoleArn of a pull through cache rule")
    scope, rule = _rule(ctx, request)
    arn = request.get("credentialArn", "")
    if arn:
        await pull_through.credentials(ctx, arn)
        rule = rule.replace(credential_arn=arn, updated=ctx.clock.now())
        ctx.table(CacheRule).put(scope, rule)
    answer = _shown(scope, rule) | {"updatedAt": when(rule.updated)}
    return {name: value for name, value in answer.items() if name not in ("createdAt", "upstreamRegistryUrl")}


@operation()
def describe_pull_through_cache_rules(ctx: Context, request: Request) -> Answer:
    """Rules by prefix, or all in pages."""
    scope = own_scope(ctx, request)
    if prefixes := request.get("ecrRepositoryPrefixes"):
        rows = [_rule(ctx, {**request, "ecrRepositoryPrefix": prefix})[1] for prefix in prefixes]
    else:
        rows = ctx.table(CacheRule).all(scope)
    chosen, more = page(rows, request, lambda each: each.prefix)
    extra = [{"upstreamRegistry": each.registry, "updatedAt": when(each.updated)} for each in chosen]
    shown = [_shown(scope, each) | other for each, other in zip(chosen, extra, strict=True)]
    return {"pullThroughCacheRules": shown, **more}


@operation()
def delete_pull_through_cache_rule(ctx: Context, request: Request) -> Answer:
    """Remove a rule; what was cached stays."""
    scope, rule = _rule(ctx, request)
    ctx.table(CacheRule).delete(scope, rule.prefix)
    return _shown(scope, rule)


@operation(partial="asks for the secret, not for the upstream registry itself")
async def validate_pull_through_cache_rule(ctx: Context, request: Request) -> Answer:
    """Whether a rule's credentials can be had."""
    scope, rule = _rule(ctx, request)
    failure = ""
    if rule.credential_arn:
        try:
            await pull_through.credentials(ctx, rule.credential_arn)
        except AwsError as error:
            failure = error.message
    answer = {name: value for name, value in _shown(scope, rule).items() if name != "createdAt"}
    return answer | {"isValid": not failure} | ({"failure": failure} if failure else {})
