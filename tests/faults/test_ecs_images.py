"""Images that cannot run: of another architecture, corrupt, larger than the disk. The documented reasons, and after.

The images are made here and pushed with skopeo to the cloud's own registry, as anybody's would be.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number, life
from tests.support.aws import Account
from tests.support.cloud import CommandFailed, RunningCloud
from tests.support.ecs_tasks import Place
from tests.support.images import busybox_image

OCI = "application/vnd.oci.image."
MIB = 1 << 20


class Layout:
    """An OCI layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def put(self, data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / name).write_bytes(data)
        return {"mediaType": f"{OCI}{kind}", "digest": f"sha256:{name}", "size": len(data), **more}

    def image(self, layer: bytes, diff_id: str, *, architecture: str = "amd64") -> dict[str, Any]:
        """One image; its descriptor. ``layer`` is a blob, whatever is in it."""
        rootfs = {"type": "layers", "diff_ids": [diff_id]}
        config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["/main"]}, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}manifest.v1+json",
            "config": self.put(json.dumps(config).encode(), "config.v1+json"),
            "layers": [self.put(layer, "layer.v1.tar+gzip")],
        }
        platform = {"architecture": architecture, "os": "linux"}
        return self.put(json.dumps(manifest).encode(), "manifest.v1+json", platform=platform)

    def name(self, found: dict[str, Any]) -> str:
        """Make this the layout's image."""
        row = {**found, "annotations": {"org.opencontainers.image.ref.name": "v1"}}
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [row]}))
        return f"oci:{self.folder}:v1"


class Registry:
    """The private registry of a place's account."""

    def __init__(self, place: Place) -> None:
        self.place, ecr = place, place.account.ecr
        self.uri = ecr.create_repository(repositoryName="app")["repository"]["repositoryUri"]
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self._credentials = base64.b64decode(token).decode()

    def push(self, source: str, tag: str) -> subprocess.CompletedProcess[str]:
        line = ["skopeo", "copy", "--all", "--dest-tls-verify=false", "--dest-creds", self._credentials, source]
        return subprocess.run([*line, f"docker://{self.uri}:{tag}"], capture_output=True, text=True, timeout=60)

    def runs(self, tag: str, **more: Any) -> dict[str, Any]:
        """A task of the image, once it is over."""
        place = self.place
        definition = place.define(
            {"name": "app", "image": f"{self.uri}:{tag}", **more}, executionRoleArn=place.execution_role
        )
        return place.until(place.run(definition), "STOPPED")


@pytest.fixture(scope="module")
def lasting_cloud() -> Iterator[RunningCloud]:
    yield from life(RunningCloud(ephemeral=False))


@pytest.fixture
def registry(lasting_cloud: RunningCloud) -> Registry:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo pushes the images")
    return Registry(Place(lasting_cloud, Account(lasting_cloud, fresh_number())))


def test_an_index_without_this_machine_s_architecture(registry: Registry, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    found = layout.image(b"never looked at", f"sha256:{'0' * 64}", architecture="s390x")
    index = {"schemaVersion": 2, "mediaType": f"{OCI}index.v1+json", "manifests": [found]}
    pushed = registry.push(layout.name(layout.put(json.dumps(index).encode(), "index.v1+json")), "v1")
    assert pushed.returncode == 0, pushed.stderr
    task = registry.runs("v1")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert f"image Manifest does not contain descriptor matching platform 'linux/{machine}'" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_a_program_of_another_architecture(registry: Registry, tmp_path: Path) -> None:
    """An image without an index is pulled whatever it is for; then the kernel does not know its program."""
    import gzip
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        program = b"\x7fELF\x02\x02\x01" + bytes(9) + b"\x00\x02\x00\x16" + bytes(100)  # s390x
        entry = tarfile.TarInfo("main")
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    diff_id = f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"
    layout = Layout(tmp_path / "layout")
    found = layout.image(gzip.compress(packed.getvalue()), diff_id, architecture="s390x")
    pushed = registry.push(layout.name(found), "v1")
    assert pushed.returncode == 0, pushed.stderr
    task = registry.runs("v1")
    said = [task["stoppedReason"], task["containers"][0].get("reason", ""), task["containers"][0].get("exitCode")]
    assert "exec format error" in f"{said[0]} {said[1]}" or said[2] == 1, said


@pytest.mark.parametrize("layer", [b"this is not gzip", b"\x1f\x8b\x08\x00" + bytes(40)], ids=["text", "gzip"])
def test_a_corrupt_layer(registry: Registry, tmp_path: Path, layer: bytes) -> None:
    layout = Layout(tmp_path / "layout")
    pushed = registry.push(layout.name(layout.image(layer, f"sha256:{hashlib.sha256(layer).hexdigest()}")), "v1")
    assert pushed.returncode == 0, pushed.stderr
    task = registry.runs("v1")
    assert task["stoppedReason"].startswith(
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer"
    ), task["stoppedReason"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can only be mounted by root")
def test_a_disk_that_fills(tmp_path: Path) -> None:
    """A push is refused and a pull fails, both saying why; with room again both work, and nothing else was hurt."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo pushes the images")
    made = RunningCloud(ephemeral=False)
    images = made.folder / "data" / "images"
    images.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=0700", "tmpfs", str(images)], check=True)
    try:
        for cloud in life(made):
            place = Place(cloud, Account(cloud, fresh_number()))
            registry = Registry(place)
            assert registry.push(f"oci:{busybox_image()}:latest", "small").returncode == 0
            full = images / "ballast"
            room = shutil.disk_usage(images).free
            with open(full, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, room - MIB)
            with pytest.raises(CommandFailed, match=r"DiskFull.*No space left on device"):
                cloud.run("image", "demo", "another")
            layout = Layout(tmp_path / "layout")
            large = layout.name(layout.image(os.urandom(4 * MIB), f"sha256:{'1' * 64}"))
            refused = registry.push(large, "large")
            assert refused.returncode != 0 and "507 Insufficient Storage" in refused.stderr, refused.stderr
            answer = place.account.ecr.describe_images(repositoryName="app")["imageDetails"]
            assert [each["imageTags"] for each in answer] == [["small"]]
            task = registry.runs("small", command=["true"])
            assert task["stoppedReason"].startswith("CannotPullContainerError: ref pull has been retried 1 time(s): ")
            assert "no space left on device" in task["stoppedReason"]
            full.unlink()
            assert registry.push(large, "large").returncode == 0
            task = registry.runs("small", command=["true"])
            assert task["containers"][0].get("exitCode") == 0, task["stoppedReason"]
    finally:
        subprocess.run(["umount", "-l", str(images)], check=False)
