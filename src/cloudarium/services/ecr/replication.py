"""Replication: an image that is pushed is copied to other registries of this cloud.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html. A push writes one record per destination; the
controller ``ecr.replication`` does the copying. What arrives by replication is not replicated further. Another account
must let its registry be replicated to (registry policy, ``ecr:ReplicateImage``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import happenings, images, mutability, policies, templates
from cloudarium.services.ecr.lookup import registry_of
from cloudarium.services.ecr.names import repository_arn
from cloudarium.services.ecr.resources import (
    Image,
    Layer,
    Registry,
    Replication,
    Repository,
    Tag,
    tagged,
    within,
)

NAME = "ecr.replication"
Key = tuple[Scope, str]


def pushed(ctx: Context, scope: Scope, image: Image, tag: str) -> None:
    """Note where a pushed image must go."""
    for account, region, _ in _destinations(registry_of(ctx, scope), image.repository):
        _note(ctx, scope, image, tag, account, region, deletes=False)


def deleted(ctx: Context, scope: Scope, image: Image, tags: list[str]) -> None:
    """Note where a deleted image, or its deleted tags, must go too."""
    for account, region, deletes in _destinations(registry_of(ctx, scope), image.repository):
        for tag in (tags or [""]) if deletes else []:
            _note(ctx, scope, image, tag, account, region, deletes=True)


def _note(ctx: Context, scope: Scope, image: Image, tag: str, account: str, region: str, *, deletes: bool) -> None:
    key = f"{image.key}|{tag}|{account}|{region}"
    record = Replication(
        key=key,
        image=image.key,
        repository=image.repository,
        digest=image.digest,
        tag=tag,
        region=region,
        account=account,
        deletes=deletes,
    )
    ctx.table(Replication).put(scope, record)


def _destinations(registry: Registry, repository: str) -> Iterator[tuple[str, str, bool]]:
    seen = set()
    for rule in registry.replication:
        filters = rule.get("repositoryFilters") or []
        if filters and not any(_matches(each, repository) for each in filters):
            continue
        deletes = bool((rule.get("deleteReplication") or {}).get("enabled"))
        for place in rule["destinations"]:
            where = place["registryId"], place["region"]
            if where not in seen:
                seen.add(where)
                yield *where, deletes


def _matches(wanted: Mapping[str, str], repository: str) -> bool:
    return repository.startswith(wanted["filter"])


# -- the controller ----------------------------------------------------------------------------------------------------


class Replicator:
    """Carries out what is noted."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def every(self) -> Iterator[Key]:
        """Everything still under way."""
        for scope, record in self._cloud.store.table(Replication).everywhere():
            if record.status == "IN_PROGRESS":
                yield scope, record.key

    async def reconcile(self, key: Key) -> float | None:
        """One image to one place."""
        source, name = key
        table = self._cloud.store.table(Replication)
        record = table.get(source, name)
        if record is None or record.status != "IN_PROGRESS":
            return None
        ctx = self._cloud.context(Scope(record.account, record.region), "ecr")
        async with self._cloud.store.transaction():
            try:
                if record.deletes:
                    self._delete(ctx, record)
                    table.delete(source, name)
                    return None
                self._copy(ctx, source, record)
                table.put(source, record.replace(status="COMPLETE"))
            except AwsError as error:
                table.put(source, record.replace(status="FAILED", failure=error.code))
        return None

    def _copy(self, ctx: Context, source: Scope, record: Replication) -> None:
        cloud, target = self._cloud, ctx.scope
        image = cloud.store.table(Image).get(source, record.image)
        if image is None:
            raise AwsError("ImageNotFound", "the image was deleted before it was replicated")
        _permit(ctx, source, record.repository)
        repository = ctx.table(Repository).get(target, record.repository)
        if repository is None:
            repository = templates.create(ctx, target, record.repository, "REPLICATION", always=True)
        assert repository is not None
        for blob in image.blobs:
            layer = cloud.store.table(Layer).get(source, blob)
            if layer is not None and ctx.table(Layer).get(target, blob) is None:
                ctx.table(Layer).put(target, layer.replace(uploaded=ctx.clock.now()))
        if ctx.table(Image).get(target, image.key) is None:
            ctx.table(Image).put(target, image.replace(pushed=ctx.clock.now(), pulled=0.0))
        if record.tag:
            self._tag(ctx, repository, image, record.tag)
        arn = repository_arn(target, record.repository)
        happenings.replicated(cloud, source, target, image, record.tag, arn)

    @staticmethod
    def _tag(ctx: Context, repository: Repository, image: Image, tag: str) -> None:
        key = tagged(repository.name, tag)
        present = ctx.table(Tag).get(ctx.scope, key)
        if present is not None and present.image == image.key:
            return
        if present is not None and mutability.is_immutable(tag, repository.mutability, repository.filters):
            raise AwsError("ImageTagAlreadyExists", "the tag is immutable at the destination")
        made = Tag(key=key, repository=repository.name, tag=tag, image=image.key, created=ctx.clock.now())
        ctx.table(Tag).put(ctx.scope, made)

    def _delete(self, ctx: Context, record: Replication) -> None:
        image = images.find(self._cloud, ctx.scope, record.repository, digest=record.digest, tag=record.tag)
        if image is None:
            return
        if record.tag:
            images.untag(self._cloud, ctx.scope, image, record.tag)
        elif not images.is_referenced(self._cloud, ctx.scope, image):
            images.delete(self._cloud, ctx.scope, image)


def _permit(ctx: Context, source: Scope, repository: str) -> None:
    if source.account != ctx.account:
        arn = repository_arn(ctx.scope, repository)
        policies.authorize(registry_of(ctx).policy, root(source.account), ctx.account, "ReplicateImage", arn)


def statuses(cloud: Cloud, scope: Scope, repository: str, digest: str) -> list[dict[str, Any]]:
    """How far an image has come, per destination: failed if any of its tags is, complete when all are."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    order = ("COMPLETE", "IN_PROGRESS", "FAILED")
    for record in cloud.store.table(Replication).find(scope, "image", within(repository, digest)):
        where = record.region, record.account
        row = {"region": record.region, "registryId": record.account, "status": record.status}
        if record.failure:
            row["failureCode"] = record.failure
        if where not in found or order.index(record.status) > order.index(found[where]["status"]):
            found[where] = row
    return list(found.values())
