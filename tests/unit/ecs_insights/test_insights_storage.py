"""Used ephemeral storage: what was written, the image's layers once, and the task's volumes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudarium.services.ecs.insights import storage
from cloudarium.services.ecs.insights.storage import Storage, TooManyFiles, size_of
from cloudarium.services.ecs.resources import ContainerState, Task

KIB = 1024


class Images:
    """Container folders, and one layer for all of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layer = root / "layer"
        fill(self.layer, 64)

    def written(self, container_id: str) -> tuple[Path, list[Path]]:
        return self.root / container_id, [self.layer]


def fill(folder: Path, size: int) -> None:
    """A file of so many KiB."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_bytes(os.urandom(size * KIB))


def task(*runtime_ids: str) -> Task:
    containers = tuple(ContainerState(name=each, id="0", arn="a", image="web", runtime_id=each) for each in runtime_ids)
    return Task(
        id="task", arn="a", cluster="main", cluster_arn="a", task_definition_arn="a", family="web", revision=1,
        launch_type="FARGATE", created=0.0, containers=containers,
    )  # fmt: skip


def test_files_layers_and_volumes_are_added_up(tmp_path: Path) -> None:
    images = Images(tmp_path)
    fill(tmp_path / "app" / "var", 8)
    fill(tmp_path / "side", 4)
    fill(tmp_path / "ecs" / "tasks" / "task" / "volume", 16)
    folders = 3 * 4
    used = Storage(images).used([task("app", "side")])["task"]
    assert (64 + 8 + 4 + 16) * KIB <= used <= (64 + 8 + 4 + 16 + folders) * KIB, "the shared layer counts once"


def test_a_layer_is_measured_once(tmp_path: Path) -> None:
    images = Images(tmp_path)
    fill(tmp_path / "app", 4)
    measured = Storage(images)
    before = measured.used([task("app")])
    fill(images.layer, 640)
    assert measured.used([task("app")]) == before


def test_hard_links_and_links_count_once(tmp_path: Path) -> None:
    fill(tmp_path, 16)
    alone = size_of(tmp_path)
    os.link(tmp_path / "file", tmp_path / "again")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert size_of(tmp_path) <= alone + 4 * KIB


def test_what_cannot_be_measured_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(tmp_path)
    assert Storage(images).used([task("nowhere")]) == {}
    monkeypatch.setattr(storage, "_MOST_FILES", 3)
    for number in range(4):
        fill(tmp_path / "app" / str(number), 1)
    with pytest.raises(TooManyFiles):
        size_of(tmp_path / "app")
    assert Storage(images).used([task("app")]) == {}
