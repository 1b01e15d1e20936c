"""Making, showing and deleting repositories: what the API, the registry, templates and replication share."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import mutability, names, policies, tagging
from cloudarium.services.ecr.errors import invalid, limit
from cloudarium.services.ecr.lifecycle.policy import parse
from cloudarium.services.ecr.lookup import check_name
from cloudarium.services.ecr.resources import Image, Layer, LayerUpload, Preview, Repository, Tag

MOST = 100_000
"""Repositories of a registry: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""


def when(seconds: float) -> datetime:
    """A time as the API shows it."""
    return datetime.fromtimestamp(seconds, UTC)


def create(ctx: Context, scope: Scope, name: str, settings: Mapping[str, Any]) -> Repository:
    """Make a repository. ``settings`` are members of CreateRepository (tags also by a template's ``resourceTags``)."""
    check_name(name)
    table = ctx.table(Repository)
    if table.get(scope, name) is not None:
        message = f"The repository with name '{name}' already exists in the registry with id '{scope.account}'"
        raise AwsError("RepositoryAlreadyExistsException", message)
    if table.count(scope) >= MOST:
        raise limit(f"The number of repositories per registry has reached its limit of {MOST}")
    setting, filters = mutability.read_setting(settings)
    encryption, key = _encryption(settings.get("encryptionConfiguration") or {})
    tags = settings.get("tags") or settings.get("resourceTags") or []
    policy, lifecycle = settings.get("repositoryPolicy") or "", settings.get("lifecyclePolicy") or ""
    if policy:
        policies.check(policy, "repository")
    if lifecycle:
        parse(lifecycle)
    repository = Repository(
        name=name,
        arn=names.repository_arn(scope, name),
        created=ctx.clock.now(),
        mutability=setting,
        filters=filters,
        scan_on_push=bool((settings.get("imageScanningConfiguration") or {}).get("scanOnPush")),
        encryption=encryption,
        kms_key=key,
        tags=tagging.from_request(ctx.principal, tags),
        policy=policy,
        lifecycle_policy=lifecycle,
        lifecycle_set=ctx.clock.now() if lifecycle else 0.0,
    )
    table.put(scope, repository)
    return repository


def _encryption(configuration: Mapping[str, str]) -> tuple[str, str]:
    kind = configuration.get("encryptionType", "AES256")
    if kind == "AES256":
        if configuration.get("kmsKey"):
            raise invalid("encryptionConfiguration", "KMS key cannot be specified for the AES256 encryption type")
        return kind, ""
    raise NotThere(f"Encryption of repositories with {kind}")


def delete(ctx: Context, scope: Scope, repository: Repository) -> None:
    """Remove a repository with everything in it."""
    name = repository.name
    for kind in (Image, Tag, Layer, LayerUpload):
        table: Any = ctx.table(kind)
        for record in table.find(scope, "repository", name):
            table.delete(scope, getattr(record, kind.KEY))
    ctx.table(Preview).delete(scope, name)
    ctx.table(Repository).delete(scope, name)


def uri(ctx: Context, scope: Scope, name: str) -> str:
    """What the caller can push to and pull from: inside VPCs AWS's own name leads here, elsewhere see ``names``."""
    if is_inside(ctx):
        return f"{names.registry_host(scope)}/{name}"
    return names.repository_uri(ctx.cloud.port, scope, name)


def is_inside(ctx: Context) -> bool:
    """Whether the call comes over the network from inside a VPC."""
    try:
        return not ipaddress.ip_address(ctx.source_ip).is_loopback
    except ValueError:
        return False


def shown(ctx: Context, scope: Scope, repository: Repository) -> dict[str, Any]:
    """A repository as the API shows it."""
    found: dict[str, Any] = {
        "repositoryArn": repository.arn,
        "registryId": scope.account,
        "repositoryName": repository.name,
        "repositoryUri": uri(ctx, scope, repository.name),
        "createdAt": when(repository.created),
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": {"encryptionType": repository.encryption},
    }
    if repository.filters:
        found["imageTagMutabilityExclusionFilters"] = mutability.shown(repository.filters)
    if repository.kms_key:
        found["encryptionConfiguration"]["kmsKey"] = repository.kms_key
    return found
