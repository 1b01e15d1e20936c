"""Events that ECR emits: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr.lookup import is_public
from cloudarium.services.ecr.manifests import IMAGES
from cloudarium.services.ecr.resources import Image

SOURCE = "aws.ecr"


def image_action(cloud: Cloud, scope: Scope, action: str, image: Image, tag: str) -> None:
    """``PUSH`` or ``DELETE`` of an image or of a tag (empty: none)."""
    if is_public(scope):
        return
    detail: dict[str, Any] = {
        "result": "SUCCESS",
        "repository-name": image.repository,
        "image-digest": image.digest,
        "action-type": action,
        "image-tag": tag,
        "manifest-media-type": image.media_type,
    }
    if image.media_type in IMAGES and image.artifact_type:
        detail["artifact-media-type"] = image.artifact_type
    cloud.events.emit(scope, SOURCE, "ECR Image Action", detail)


def replicated(cloud: Cloud, source: Scope, target: Scope, image: Image, tag: str, repository_arn: str) -> None:
    """An image arrived in another registry."""
    detail = {
        "result": "SUCCESS",
        "repository-name": image.repository,
        "image-digest": image.digest,
        "source-account": source.account,
        "action-type": "REPLICATE",
        "source-region": source.region,
        "image-tag": tag,
    }
    cloud.events.emit(target, SOURCE, "ECR Replication Action", detail, [repository_arn])


def cached(cloud: Cloud, scope: Scope, detail: dict[str, str], repository_arn: str) -> None:
    """An image was compared with its upstream."""
    cloud.events.emit(scope, SOURCE, "ECR Pull Through Cache Action", {"rule-version": "1", **detail}, [repository_arn])
