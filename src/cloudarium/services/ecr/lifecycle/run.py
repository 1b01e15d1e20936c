"""Lifecycle policies at work, and previews of them.

AWS acts within 24 hours of an image meeting a rule. Here each repository with a policy is looked at every twelve
hours of the cloud's clock, first twelve hours after the policy was set; so a policy set by mistake can be taken back.
Deletions are on record in CloudTrail: BatchDeleteImage, called by the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import images
from cloudarium.services.ecr.lifecycle.evaluate import Candidate, Verdict, evaluate
from cloudarium.services.ecr.lifecycle.policy import parse
from cloudarium.services.ecr.resources import ACTIVATING, ARCHIVED, Image, Preview, Repository

POLICIES = "ecr.lifecycle"
PREVIEWS = "ecr.previews"
PERIOD = 12 * 3600.0
PREVIEW_LIFETIME = 24 * 3600.0
Key = tuple[Scope, str]


def candidates(cloud: Cloud, scope: Scope, repository: str) -> Iterator[Candidate]:
    """A repository's images as the evaluator takes them."""
    for image in images.all_in(cloud, scope, repository):
        status = images.status_of(cloud, image)
        if status == ACTIVATING:
            continue
        yield Candidate(
            digest=image.digest,
            tags=tuple(images.tags_of(cloud, scope, image)),
            pushed=image.pushed,
            pulled=image.pulled,
            storage_class="archive" if status == ARCHIVED else "standard",
            archived=image.archived,
            activated=image.activated,
            referenced=images.is_referenced(cloud, scope, image),
        )


class Lifecycle:
    """Two controllers: policies that act, previews that only tell."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def every_policy(self) -> Iterator[Key]:
        """Every repository with a policy."""
        for scope, repository in self._cloud.store.table(Repository).everywhere():
            if repository.lifecycle_policy:
                yield scope, repository.name

    async def act(self, key: Key) -> float | None:
        """Evaluate one repository's policy when it is time."""
        scope, name = key
        cloud = self._cloud
        table = cloud.store.table(Repository)
        repository = table.get(scope, name)
        if repository is None or not repository.lifecycle_policy:
            return None
        now = cloud.clock.now()
        wait = max(repository.lifecycle_set, repository.lifecycle_evaluated) + PERIOD - now
        if wait > 0:
            return wait
        verdicts = evaluate(parse(repository.lifecycle_policy), candidates(cloud, scope, name), now)
        expired = [each.image.digest for each in verdicts if each.action == "expire"]
        async with cloud.store.transaction():
            table.put(scope, repository.replace(lifecycle_evaluated=now))
            self._archive(scope, name, verdicts)
        ctx = cloud.context(scope, "ecr")
        for start in range(0, len(expired), 100):
            batch = [{"imageDigest": digest} for digest in expired[start : start + 100]]
            await ctx.aws.ecr.batch_delete_image(repositoryName=name, imageIds=batch)
        return PERIOD

    def _archive(self, scope: Scope, name: str, verdicts: list[Verdict]) -> None:
        table, now = self._cloud.store.table(Image), self._cloud.clock.now()
        for verdict in verdicts:
            image = images.find(self._cloud, scope, name, digest=verdict.image.digest)
            if verdict.action == "transition" and image is not None:
                table.put(scope, image.replace(status=ARCHIVED, archived=now))

    def every_preview(self) -> Iterator[Key]:
        """Every preview that is not over."""
        for scope, preview in self._cloud.store.table(Preview).everywhere():
            if preview.status != "EXPIRED":
                yield scope, preview.repository

    async def preview(self, key: Key) -> float | None:
        """Evaluate one preview, and let it expire a day later."""
        scope, name = key
        table = self._cloud.store.table(Preview)
        preview = table.get(scope, name)
        if preview is None:
            return None
        now = self._cloud.clock.now()
        left = preview.started + PREVIEW_LIFETIME - now
        async with self._cloud.store.transaction():
            if left <= 0:
                table.put(scope, preview.replace(status="EXPIRED", results=()))
                return None
            if preview.status == "IN_PROGRESS":
                verdicts = evaluate(parse(preview.policy), candidates(self._cloud, scope, name), now)
                table.put(scope, preview.replace(status="COMPLETE", results=tuple(map(_row, verdicts))))
        return left


def _row(verdict: Verdict) -> dict[str, Any]:
    image = verdict.image
    action = {"type": verdict.action.upper()}
    if verdict.action == "transition":
        action["targetStorageClass"] = "ARCHIVE"
    return {
        "imageTags": list(image.tags),
        "imageDigest": image.digest,
        "imagePushedAt": image.pushed,
        "action": action,
        "appliedRulePriority": verdict.priority,
        "storageClass": image.storage_class.upper(),
    }
