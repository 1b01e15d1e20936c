"""Pull through cache: repositories under a prefix stand for another registry's.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html. A pull of something that is not there is
fetched from upstream first, into a repository made for it; a tag that is there is compared with upstream at most once
a day. Upstream that is ECR or ECR Public is this cloud's own; any other is spoken to over the network, with the
credentials of the rule's secret. When upstream cannot be asked, what is cached is served.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import aliases, happenings, images, manifests, names, policies, storage, templates
from cloudarium.services.ecr.lookup import is_public, scope_of
from cloudarium.services.ecr.resources import PUBLIC, Cached, CacheRule, Layer, Repository, tagged, within

ROOT = "ROOT"
DAY = 86_400.0


def rule_for(ctx: Context, scope: Scope, repository: str) -> CacheRule | None:
    """The rule that a repository's name falls under: the longest prefix, ROOT last."""
    if is_public(scope):
        return None
    rules = [
        each
        for each in ctx.table(CacheRule).all(scope)
        if each.prefix == ROOT or templates.starts(repository, each.prefix)
    ]
    return max(rules, key=lambda each: len(each.prefix) if each.prefix != ROOT else 0, default=None)


def upstream_name(rule: CacheRule, repository: str) -> str:
    """What a cached repository is called upstream."""
    rest = repository if rule.prefix == ROOT else repository[len(rule.prefix.rstrip("/")) + 1 :]
    return rest if rule.upstream_prefix in ("", ROOT) else f"{rule.upstream_prefix.rstrip('/')}/{rest}"


async def refresh(ctx: Context, request: Mapping[str, Any], image_id: Mapping[str, str]) -> None:
    """Before a pull: fetch what a rule stands for, when it is absent or a day old."""
    scope, name = scope_of(ctx, request), request["repositoryName"]
    tag, digest = image_id.get("imageTag", ""), image_id.get("imageDigest", "")
    if scope.account != ctx.account or not names.is_repository(name) or not (tag or digest):
        return
    rule = rule_for(ctx, scope, name)
    if rule is None:
        return
    present = images.find(ctx.cloud, scope, name, digest=digest, tag=tag)
    key, now = tagged(name, tag), ctx.clock.now()
    seen = ctx.table(Cached).get(scope, key)
    # A tag that never came from upstream was pushed here: it is not upstream's to move.
    if present is not None and (digest or seen is None or now - seen.checked < DAY):
        return
    try:
        await _fetch(ctx, scope, rule, name, tag, digest)
    except AwsError as error:
        _tell(ctx, scope, rule, name, tag, "FAILED", error.code)
        if present is None:
            raise
        return
    if tag:
        ctx.table(Cached).put(scope, Cached(key=key, checked=now))
    _tell(ctx, scope, rule, name, tag, "SUCCESS")


def _tell(ctx: Context, scope: Scope, rule: CacheRule, name: str, tag: str, status: str, code: str = "") -> None:
    detail = {
        "sync-status": status,
        "ecr-repository-prefix": rule.prefix,
        "repository-name": name,
        "upstream-registry-url": rule.url,
        "image-tag": tag,
    }
    if code:
        detail["failure-code"] = code
    happenings.cached(ctx.cloud, scope, detail, names.repository_arn(scope, name))


async def _fetch(ctx: Context, scope: Scope, rule: CacheRule, name: str, tag: str, digest: str) -> None:
    path = upstream_name(rule, name)
    local = _local(ctx, rule, path)
    if local is not None:
        data, media_type = await _from_this_cloud(ctx, *local, tag, digest)
    else:
        data, media_type = await _from_outside(ctx, rule, path, tag, digest)
    repository = ctx.table(Repository).get(scope, name)
    if repository is None:
        repository = templates.create(ctx, scope, name, "PULL_THROUGH_CACHE", always=True)
    assert repository is not None
    try:
        parsed = manifests.parse(data, media_type)
    except manifests.BadManifest as error:
        raise _unable(f"the upstream registry's manifest cannot be used: {error}") from None
    store, layers = storage.blobs(ctx.cloud), ctx.table(Layer)
    for each in parsed.blobs:
        key, size = within(name, each.digest), store.size(each.digest)
        if size is not None and layers.get(scope, key) is None:
            layers.put(scope, Layer(key=key, repository=name, digest=each.digest, size=size, uploaded=ctx.clock.now()))
    # An index is kept as it is; its images come when they are asked for.
    images.put(ctx, scope, repository, data, media_type=media_type, tag=tag, digest="", complete=False)


def _local(ctx: Context, rule: CacheRule, path: str) -> tuple[Scope, str] | None:
    """The registry of this cloud that a rule means, and the repository's name in it."""
    place = names.place_of_host(rule.url)
    if place is None:
        return None
    if place.scope is not None:
        return place.scope, path
    alias, _, rest = path.partition("/")
    owner = aliases.owner(ctx.cloud, alias)
    return (Scope(owner, PUBLIC), rest) if owner is not None else None


async def _from_this_cloud(ctx: Context, source: Scope, name: str, tag: str, digest: str) -> tuple[bytes, str]:
    repository = ctx.table(Repository).get(source, name)
    if repository is not None and not is_public(source):
        try:
            policies.authorize(repository.policy, root(ctx.account), source.account, "BatchGetImage", repository.arn)
        except AwsError as error:
            raise _unable(error.message) from None
    image = images.find(ctx.cloud, source, name, digest=digest, tag=tag)
    if image is None:
        raise _unable(f"the upstream registry has no image {name}{f'@{digest}' if digest else f':{tag}'}")
    return images.manifest_of(ctx.cloud, image), image.media_type


async def _from_outside(ctx: Context, rule: CacheRule, path: str, tag: str, digest: str) -> tuple[bytes, str]:
    from cloudarium.substrate.images.credentials import RegistryAuth
    from cloudarium.substrate.images.errors import ImageError
    from cloudarium.substrate.images.pull import fetch
    from cloudarium.substrate.images.references import parse_reference

    if ctx.cloud.host is None:
        raise _unable("there is no network to reach the upstream registry over")
    auth = None
    if rule.credential_arn:
        user, password = await credentials(ctx, rule.credential_arn)
        auth = RegistryAuth(username=user, password=password)
    try:
        reference = parse_reference(f"{rule.url}/{path}" + (f"@{digest}" if digest else f":{tag}"))
        data, media_type = await fetch(reference, storage.blobs(ctx.cloud), ctx.cloud.host, platform="", auth=auth)
    except ImageError as error:
        raise _unable(str(error)) from None
    return data, media_type


async def credentials(ctx: Context, arn: str) -> tuple[str, str]:
    """User name and access token in a Secrets Manager secret."""
    try:
        found = await ctx.aws.secretsmanager.get_secret_value(SecretId=arn)
    except AwsError as error:
        code = (
            "SecretNotFoundException" if error.code == "ResourceNotFoundException" else "UnableToAccessSecretException"
        )
        raise AwsError(code, f"The secret '{arn}' cannot be read: {error.message}") from None
    try:
        document = json.loads(found.get("SecretString") or "")
        return str(document["username"]), str(document["accessToken"])
    except (ValueError, KeyError, TypeError):
        message = f"The secret '{arn}' does not hold a JSON object with username and accessToken"
        raise AwsError("UnableToDecryptSecretValueException", message) from None


def _unable(why: str) -> AwsError:
    return AwsError("UnableToGetUpstreamImageException", f"The upstream image could not be retrieved: {why}")
