"""How much of their ephemeral storage Fargate tasks use: files that were written, image layers, and volumes.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks.volumes import Volumes

_MOST_FILES = 200_000
_BLOCK = 512
"""Bytes: the unit of ``st_blocks``."""


class TooManyFiles(Exception):
    """Counting would take too long."""


class Storage:
    """Measures. ``images`` is ``substrate.images.store.Images``. Blocking: for a worker thread."""

    def __init__(self, images: Any) -> None:
        self._images = images
        self._volumes = Volumes(images.root / "ecs")
        self._layers: dict[Path, int] = {}
        """Sizes of layers, which never change."""

    def used(self, tasks: Iterable[Task]) -> dict[str, int]:
        """Bytes by task id; without those that cannot be measured (images of another engine, too many files)."""
        found = {}
        for task in tasks:
            try:
                found[task.id] = self._of_task(task)
            except (OSError, TooManyFiles):
                continue
        return found

    def _of_task(self, task: Task) -> int:
        layers: set[Path] = set()
        total = 0
        for container in task.containers:
            if container.runtime_id:
                written, below = self._images.written(container.runtime_id)
                total += size_of(written)
                layers.update(below)
        folder = self._volumes.task_folder(task.id)
        if folder.is_dir():
            total += size_of(folder)
        return total + sum(self._of_layer(each) for each in layers)

    def _of_layer(self, layer: Path) -> int:
        if layer not in self._layers:
            if len(self._layers) > 4096:
                self._layers.clear()
            self._layers[layer] = size_of(layer)
        return self._layers[layer]


def size_of(folder: Path) -> int:
    """Bytes that a folder's files take on the disk, each once. Raises OSError and TooManyFiles."""
    total, seen = 0, 0
    linked: set[tuple[int, int]] = set()
    folders = [os.fspath(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > _MOST_FILES:
                    raise TooManyFiles
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # the workload has just removed it
                if facts.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                    if (facts.st_dev, facts.st_ino) in linked:
                        continue
                    linked.add((facts.st_dev, facts.st_ino))
                total += facts.st_blocks * _BLOCK
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return total
