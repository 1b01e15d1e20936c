"""``cloudarium image`` against running clouds: kept, in memory, and an ordinary user's."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.support.cloud import CommandFailed, RunningCloud, until
from tests.support.images import busybox_image, import_image


def names(cloud: RunningCloud) -> list[str]:
    return [image["name"] for image in json.loads(cloud.run("image", "ls", "--json"))["images"]]


def kill(cloud: RunningCloud) -> None:
    """Kill the cloud process; returns when another one is there."""
    former = cloud.pids()["cloud"]
    os.kill(former, signal.SIGKILL)

    def is_back() -> bool:
        try:
            return cloud.pids()["cloud"] != former
        except (CommandFailed, KeyError):
            return False

    until(is_back, "the cloud is back")


def test_an_image_comes_and_goes(cloud: RunningCloud, tmp_path: Path) -> None:
    image = import_image(cloud, busybox_image(), "cli/tools:1", "--cmd", "httpd -f -p 80", "--env", "A=b c")
    assert image["platform"].startswith("linux/")
    assert "cli/tools:1" in cloud.run("image", "ls")
    cloud.run("image", "rm", "cli/tools:1")
    assert "cli/tools:1" not in names(cloud)
    with pytest.raises(CommandFailed, match="there is no image cli/tools:1"):
        cloud.run("image", "rm", "cli/tools:1")
    (tmp_path / "file").write_text("not an archive" * 100)
    with pytest.raises(CommandFailed, match="CorruptLayer: archive/tar"):
        cloud.run("image", "import", str(tmp_path / "file"), "x")
    with pytest.raises(CommandFailed, match="there is no /nowhere"):
        cloud.run("image", "import", "/nowhere", "x")
    with pytest.raises(CommandFailed, match="connection refused"):
        cloud.run("image", "pull", "127.0.0.1:1/app")
    with pytest.raises(CommandFailed, match="no command"):
        cloud.run("image", "busybox", "x", "--cmd", "[1]")


def test_a_killed_cloud_still_has_its_images(own_cloud: RunningCloud) -> None:
    made = json.loads(own_cloud.run("image", "busybox", "tools", "--json"))
    kill(own_cloud)
    assert names(own_cloud) == ["tools:latest"]
    again = import_image(own_cloud, busybox_image(), "again")
    assert again["layers"] == made["layers"] == 1
    own_cloud.run("image", "rm", "again")
    own_cloud.run("image", "rm", "tools")
    assert "2 unpacked layers" in own_cloud.run("image", "prune")
    assert sum(path.is_file() for path in (own_cloud.folder / "data/images/blobs").rglob("*")) == 0


def test_an_ordinary_users_images_are_in_memory_and_leave_nothing(ordinary_cloud: RunningCloud) -> None:
    ordinary_cloud.run("image", "busybox", "tools")
    assert names(ordinary_cloud) == ["tools:latest"]
    place = next((ordinary_cloud.folder / "run").rglob("images"))
    assert list(place.iterdir()) == [], "what is in it is in the cloud's own mount namespace"
    kill(ordinary_cloud)
    assert names(ordinary_cloud) == []
    ordinary_cloud.run("image", "busybox", "tools")
    ordinary_cloud.down()
    assert not place.exists()
    ordinary_cloud.up()
