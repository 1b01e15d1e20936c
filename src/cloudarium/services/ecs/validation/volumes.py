"""Volumes of a task definition and the containers' mount points.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_data_volumes.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.services.ecs.errors import client

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}", re.ASCII)


def check(request: Mapping[str, Any]) -> None:
    """Refuse volumes that are badly named or used."""
    names: set[str] = set()
    for volume in request.get("volumes") or ():
        name = volume.get("name") or ""
        if not _NAME.fullmatch(name):
            raise client(f"Volume name '{name}' is invalid.")
        if name in names:
            raise client(f"Volume name '{name}' is used more than once in the task definition.")
        names.add(name)
        _one(volume)
    for container in request["containerDefinitions"]:
        _mounts(container, names)


def _one(volume: Mapping[str, Any]) -> None:
    name, docker = volume["name"], volume.get("dockerVolumeConfiguration")
    source = (volume.get("host") or {}).get("sourcePath")
    if docker is not None and source:
        raise client(f"Volume '{name}' cannot have both 'host' and 'dockerVolumeConfiguration'.")
    if source and not source.startswith("/"):
        raise client(f"Invalid 'sourcePath' setting for volume '{name}'.")
    if docker is not None and docker.get("autoprovision") and docker.get("scope") != "shared":
        raise client("autoprovision is only supported with scope 'shared'.")


def _mounts(container: Mapping[str, Any], names: set[str]) -> None:
    paths: set[str] = set()
    for mount in container.get("mountPoints") or ():
        source, path = mount.get("sourceVolume"), mount.get("containerPath")
        if source not in names:
            raise client(f"Unknown volume '{source}'.")
        if not path:
            raise client(f"Invalid 'containerPath' setting for container '{container.get('name')}'.")
        if path in paths:
            raise client(f"Duplicate mount point '{path}' for container '{container.get('name')}'.")
        paths.add(path)
