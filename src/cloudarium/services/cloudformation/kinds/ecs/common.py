"""What the resource types of ECS share: parameters in the API's case, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import shapes, tagging
from cloudarium.services.cloudformation.kinds.kind import Work

_NAMES = {
    "AwsVpcConfiguration": "awsvpcConfiguration",
    "ClusterSettings": "settings",
    "FSxWindowsFileServerVolumeConfiguration": "fsxWindowsFileServerVolumeConfiguration",
    "FilesystemId": "fileSystemId",
    "PlacementStrategies": "placementStrategy",
    "ProxyConfigurationProperties": "properties",
    "S3FilesVolumeConfiguration": "s3filesVolumeConfiguration",
}
"""Names that differ from the API's in more than the case of their beginning."""
_DATA = frozenset({"DockerLabels", "DriverOpts", "Labels", "Options"})
"""Properties whose keys are the user's own."""


def parameters(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the API's parameters, without the tags."""
    converted: dict[str, Any] = shapes.camel(shapes.without(properties, "Tags"), _NAMES, _DATA)
    return converted


def tags(work: Work) -> list[dict[str, str]]:
    """All tags that a resource should have."""
    return tagging.pairs(work.tags, "key", "value")


def tags_of(shown: Mapping[str, Any]) -> dict[str, str]:
    """The tags in an answer of the API."""
    return tagging.by_key(shown.get("tags") or (), "key", "value")


async def retag(work: Work, arn: str) -> None:
    """Give a resource the tags that it should have."""
    if removed := tagging.dropped(work):
        await work.ctx.aws.ecs.untag_resource(resourceArn=arn, tagKeys=removed)
    if work.tags:
        await work.ctx.aws.ecs.tag_resource(resourceArn=arn, tags=tags(work))
