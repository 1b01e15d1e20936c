"""Folders that containers mount: a task's own, those of an instance, and named Docker volumes.

A Fargate task and a bind volume without a source have a folder that goes with the task. An instance has a folder of
this machine that stands for its disk: ``sourcePath`` is below it, and so are Docker volumes of the scope ``shared``.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_data_volumes.html
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.substrate.compute.spec import Mount

_ELSEWHERE = {
    "efsVolumeConfiguration": "EFS volumes",
    "fsxWindowsFileServerVolumeConfiguration": "FSx for Windows File Server volumes",
    "s3filesVolumeConfiguration": "S3 Files volumes",
}


class Volumes:
    """The folders, all below one root."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def task_folder(self, task_id: str) -> Path:
        """What goes with a task."""
        return self._root / "tasks" / task_id

    def forget(self, task_id: str) -> None:
        """Remove what goes with a task. Blocking."""
        shutil.rmtree(self.task_folder(task_id), ignore_errors=True)

    def forget_instance(self, instance_id: str) -> None:
        """Remove the disk of an instance that is gone. Blocking."""
        shutil.rmtree(self._root / "instances" / instance_id, ignore_errors=True)

    def keep_only(self, task_ids: Collection[str], instance_ids: Collection[str]) -> None:
        """Remove what goes with other tasks and instances than these: a crash left it. Blocking."""
        for folder, kept, forget in (
            ("tasks", task_ids, self.forget),
            ("instances", {*task_ids, *instance_ids}, self.forget_instance),
        ):
            with contextlib.suppress(FileNotFoundError):
                for each in os.listdir(self._root / folder):
                    if each not in kept:
                        forget(each)

    def mounts(
        self, task: Task, definition: Mapping[str, Any], container: Mapping[str, Any], by_name: Mapping[str, Any]
    ) -> list[Mount]:
        """The mounts of one container, those of ``volumesFrom`` included; folders are made. Raises CannotRun.

        ``by_name`` are the task's container definitions.
        """
        declared = {each["name"]: each for each in definition.get("volumes") or ()}
        found: dict[str, Mount] = {}
        for source in container.get("volumesFrom") or ():
            other = by_name.get(source["sourceContainer"], {})
            for mount in self._points(task, declared, other, container["name"]):
                readonly = mount.readonly or bool(source.get("readOnly"))
                found[mount.target] = Mount(
                    source=mount.source, target=mount.target, readonly=readonly, options=mount.options
                )
        for mount in self._points(task, declared, container, container["name"]):
            found[mount.target] = mount
        # Outer folders first: an inner mount must not be hidden by its parent's.
        return sorted(found.values(), key=lambda mount: mount.target.count("/"))

    def _points(self, task: Task, declared: Mapping[str, Any], container: Mapping[str, Any], name: str) -> list[Mount]:
        found = []
        for point in container.get("mountPoints") or ():
            if "containerPath" not in point:
                continue
            volume = declared.get(point.get("sourceVolume") or "")
            if volume is None:
                raise CannotRun(f"CannotCreateContainerError: volume {point.get('sourceVolume')} is not declared", name)
            folder = self._folder(task, volume, name)
            found.append(Mount(source=str(folder), target=point["containerPath"], readonly=bool(point.get("readOnly"))))
        return found

    def _folder(self, task: Task, volume: Mapping[str, Any], container: str) -> Path:
        for member, words in _ELSEWHERE.items():
            if volume.get(member):
                raise CannotRun(f"CannotCreateVolumeError: {words} are not implemented in Cloudarium yet", container)
        docker = volume.get("dockerVolumeConfiguration")
        source = (volume.get("host") or {}).get("sourcePath")
        if docker:
            folder = self._docker(task, volume["name"], docker, container)
        elif source and task.container_instance:
            folder = _below(self._instance(task) / "disk", source, container)
        else:
            folder = self.task_folder(task.id) / "volumes" / _safe(volume["name"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _docker(self, task: Task, name: str, given: Mapping[str, Any], container: str) -> Path:
        driver = given.get("driver") or "local"
        if driver != "local" or given.get("driverOpts"):
            what = f"volume driver {driver}" if driver != "local" else "driverOpts of Docker volumes"
            raise CannotRun(f"CannotCreateVolumeError: {what} is not implemented in Cloudarium yet", container)
        if given.get("scope") != "shared":
            return self.task_folder(task.id) / "volumes" / _safe(name)
        folder = self._instance(task) / "volumes" / _safe(name)
        if not given.get("autoprovision") and not folder.exists():
            raise CannotRun(f"CannotCreateVolumeError: volume {name} does not exist on the instance", container)
        return folder

    def _instance(self, task: Task) -> Path:
        return self._root / "instances" / (task.container_instance or task.id)


def _safe(name: str) -> str:
    return name.replace("/", "_").lstrip(".") or "_"


def _below(root: Path, path: str, container: str) -> Path:
    """A path of the instance as a path of this machine. Links that containers made must not lead out of it."""
    folder = root / os.path.normpath(f"/{path}").lstrip("/")
    if not folder.resolve().is_relative_to(root.resolve()):
        raise CannotRun(f"CannotCreateContainerError: {path} leads out of the instance's file system", container)
    return folder
