"""From what is on the disk to directories that overlayfs mounts."""

# ruff: noqa: ASYNC240
from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zstandard
from tests.support.images import busybox_image, layout_of

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.store import Store
from cloudarium.substrate.images.errors import (
    BlobNotFound,
    CorruptLayer,
    ImageError,
    InvalidReference,
    NoMatchingPlatform,
)
from cloudarium.substrate.images.model import OCI_INDEX, OCI_MANIFEST
from cloudarium.substrate.images.store import Changes, Images


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    opened = Images(tmp_path / "images", host=None, clock=Clock(), store=Store(None))
    yield opened
    await opened.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that could be a container's."""
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/motd").write_text("hello")
    (folder / "bin").mkdir()
    (folder / "bin/run").write_text("#!/bin/sh\n")
    (folder / "bin/run").chmod(0o4755)
    (folder / "bin/link").symlink_to("run")
    os.link(folder / "bin/run", folder / "bin/same")
    return folder


def lower(images: Images, diff_id: str) -> Path:
    found = images.layers.path(diff_id)
    assert found is not None
    return found


async def test_a_folder_becomes_one_layer_and_the_same_one_again(images: Images, root: Path, tmp_path: Path) -> None:
    image = await images.import_path(root, "web", changes=Changes(cmd=["run"], env=["A=1"], exposed_ports=["80"]))
    assert (image.config.cmd, image.config.env, image.config.exposed_ports) == (["run"], ["A=1"], ["80/tcp"])
    found = images.find("web")
    assert found == image == images.find("web:latest")
    assert images.find("other") is None
    layer = lower(images, image.layers[0])
    assert (layer / "etc/motd").read_text() == "hello"
    assert (layer / "bin/run").stat().st_mode & 0o7777 == 0o4755
    assert os.readlink(layer / "bin/link") == "run"
    assert (layer / "bin/run").stat().st_ino == (layer / "bin/same").stat().st_ino
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-a", str(root), str(copied)], check=True)
    assert (await images.import_path(copied, "again")).layers == image.layers


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, zstandard.ZstdCompressor().compress])
async def test_archives_of_a_root(images: Images, root: Path, tmp_path: Path, pack: object) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.add(root, ".")
    path = tmp_path / "root.tar"
    path.write_bytes(pack(plain.getvalue()))  # type: ignore[operator]
    image = await images.import_path(path, "web")
    assert (lower(images, image.layers[0]) / "etc/motd").read_text() == "hello"
    assert (await images.pull("web")).digest == image.digest


async def test_oci_layouts_as_folder_and_archive(images: Images, root: Path, tmp_path: Path) -> None:
    layout = layout_of(root, tmp_path / "layout", Changes(cmd=["x"], working_dir="/etc"))
    image = await images.import_path(layout, "one")
    archive = tmp_path / "layout.tar"
    subprocess.run(["tar", "cf", str(archive), "-C", str(layout), "."], check=True)
    again = await images.import_path(archive, "two")
    assert again == image
    assert image.config.working_dir == "/etc"
    changed = await images.import_path(layout, "three", changes=Changes(cmd=["y"]))
    assert (changed.config.cmd, changed.config.working_dir, changed.layers) == (["y"], "/etc", image.layers)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo writes the archive")
async def test_what_docker_save_writes(images: Images, root: Path, tmp_path: Path) -> None:
    layout = layout_of(root, tmp_path / "layout", Changes(entrypoint=["run"]))
    archive = tmp_path / "saved.tar"
    copy = ["skopeo", "--insecure-policy", "copy", f"oci:{layout}:latest", f"docker-archive:{archive}:web:1"]
    subprocess.run(copy, check=True, capture_output=True)
    image = await images.import_path(archive, "web")
    assert image.config.entrypoint == ["run"]
    assert (lower(images, image.layers[0]) / "etc/motd").read_text() == "hello"
    with pytest.raises(ImageError, match="web:1"):
        await images.import_path(archive, "web", tag="2")


async def test_a_corrupt_layout_is_refused_and_leaves_no_name(images: Images, root: Path, tmp_path: Path) -> None:
    layout = layout_of(root, tmp_path / "layout")
    layer = max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    with layer.open("r+b") as file:
        file.seek(600)
        file.write(b"?")
    with pytest.raises(CorruptLayer, match="digest"):
        await images.import_path(layout, "web")
    layer.unlink()
    with pytest.raises(BlobNotFound):
        await images.import_path(layout, "web")
    assert images.names() == []


async def test_a_wrong_diff_id_is_found_and_nothing_is_kept(images: Images, root: Path) -> None:
    image = await images.import_path(root, "web")
    manifest = json.loads(images.blobs.read(image.digest, limit=10_000) or b"")
    config = json.loads(images.blobs.read(manifest["config"]["digest"], limit=10_000) or b"")
    config["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
    body = json.dumps(config).encode()
    manifest["config"] |= {"digest": images.blobs.put(body), "size": len(body)}
    with pytest.raises(CorruptLayer, match="diff id"):
        await images.load(json.dumps(manifest).encode(), OCI_MANIFEST)
    assert [diff_id for diff_id, _ in images.layers.complete()] == list(image.layers)
    assert list((images.root / "scratch").iterdir()) == []


async def test_an_index_chooses_by_platform(images: Images, root: Path, tmp_path: Path) -> None:
    amd = await images.import_path(root, "amd", platform="linux/amd64")
    (root / "etc/motd").write_text("other")
    arm = await images.import_path(root, "arm", platform="linux/arm64")
    index = {
        "schemaVersion": 2,
        "manifests": [
            {"mediaType": OCI_MANIFEST, "digest": one.digest, "size": 1, "platform": platform}
            for one, platform in (
                (arm, {"os": "linux", "architecture": "arm64", "variant": "v8"}),
                (amd, {"os": "linux", "architecture": "amd64"}),
            )
        ],
    }
    body = json.dumps(index).encode()
    assert (await images.load(body, OCI_INDEX, platform="linux/arm64")).digest == arm.digest
    chosen = await images.load(body, OCI_INDEX, platform="linux/x86_64")
    assert chosen.digest == amd.digest
    assert chosen.index_digest.startswith("sha256:")
    with pytest.raises(NoMatchingPlatform, match="descriptor matching platform 'linux/s390x'"):
        await images.load(body, OCI_INDEX, platform="linux/s390x")


async def test_layers_are_unpacked_once(images: Images, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = await images.import_path(root, "web")
    images.layers.remove(image.layers[0])
    from cloudarium.substrate.images import layers as module

    jobs = []
    unpack = module.unpack
    monkeypatch.setattr(module, "unpack", lambda job: (jobs.append(job), unpack(job))[1])
    await asyncio.gather(*(images.pull("web") for _ in range(5)))
    assert len(jobs) == 1


async def test_big_layers_are_unpacked_in_a_process_with_the_same_errors(
    images: Images, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloudarium.substrate.images import layers as module

    monkeypatch.setattr(module, "_IN_THREAD", 0)
    image = await images.import_path(root, "web")
    assert (lower(images, image.layers[0]) / "etc/motd").read_text() == "hello"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        writer.addfile(tarfile.TarInfo("../escape"))
    (root.parent / "bad.tar").write_bytes(archive.getvalue())
    with pytest.raises(ImageError, match="leaves the image"):
        await images.import_path(root.parent / "bad.tar", "bad")


@pytest.mark.parametrize("name", ["", "/x", "A b", "x" * 300, "../x"])
async def test_names_that_are_none(images: Images, root: Path, name: str) -> None:
    with pytest.raises(InvalidReference):
        await images.import_path(root, name)


async def test_a_container_gets_directories_and_keeps_them(images: Images, root: Path) -> None:
    root.chmod(0o751)
    image = await images.import_path(root, "web")
    rootfs = await images.rootfs(image, "abc")
    assert rootfs.lowers == [str(lower(images, image.layers[0]))]
    assert Path(rootfs.upper).stat().st_mode & 0o777 == 0o751
    Path(rootfs.upper, "written").touch()
    assert await images.rootfs(image, "abc") == rootfs
    assert Path(rootfs.upper, "written").exists()
    reopened = Images(images.root, host=None, clock=Clock(), store=Store(None))
    assert reopened.containers() == ["abc"]
    await reopened.discard("abc")
    await reopened.discard("abc")
    assert reopened.containers() == []
    with pytest.raises(ValueError):
        await images.rootfs(image, "../x")


async def test_a_reset_leaves_layers_for_the_next_sweep_and_nothing_else(images: Images, root: Path) -> None:
    """What containers wrote and services kept is gone; then nobody has to speak up before a sweep."""
    image = await images.import_path(root, "web")
    await images.rootfs(image, "c1")
    (images.root / "ecs" / "instances" / "i").mkdir(parents=True)
    images.keep("ecr", list)
    del images._live["ecr"]  # its service has been stopped
    await images.reset()
    assert images.containers() == [] and not (images.root / "ecs").exists() and images.owners() == []
    assert await images.forget("web")
    assert (await images.sweep(grace=0.0))["layers"] == 1


async def test_what_is_in_use_is_not_deleted(images: Images, root: Path) -> None:
    image = await images.import_path(root, "web")
    rootfs = await images.rootfs(image, "abc")
    Path(rootfs.merged, "volume").mkdir()
    with pytest.raises(ImageError, match="in use"):
        await images.discard("abc")
    assert Path(rootfs.merged, "volume").exists()


async def test_a_half_unpacked_layer_is_made_anew(images: Images, root: Path) -> None:
    image = await images.import_path(root, "web")
    place = lower(images, image.layers[0])
    place.with_name(place.name + ".json").unlink()
    (place / "etc/motd").write_text("half")
    reopened = Images(images.root, host=None, clock=Clock(), store=Store(None))
    assert reopened.layers.path(image.layers[0]) is None
    manifest = reopened.blobs.read(image.digest, limit=10_000)
    await reopened.load(manifest or b"", image.media_type)
    assert (lower(reopened, image.layers[0]) / "etc/motd").read_text() == "hello"


async def test_sweeping_keeps_what_names_owners_and_containers_need(images: Images, root: Path) -> None:
    image = await images.import_path(root, "web")
    stray = images.blobs.put(b"stray")
    for _ in range(2):
        upload = images.blobs.begin()
        upload.write(b"half")
    os.utime(images.root / "uploads" / upload.id, (0, 0))
    assert await images.sweep() == {"blobs": 0, "bytes": 0, "layers": 0, "uploads": 1}, "young things stay"
    assert await images.sweep(grace=-1) == {"blobs": 1, "bytes": 5, "layers": 0, "uploads": 0}
    assert images.blobs.path(stray) is None
    await images.rootfs(image, "abc")
    await images.forget("web")
    images.keep("registry", lambda: [image.digest])
    assert (await images.sweep(grace=-1))["blobs"] == 0
    images.keep("registry", lambda: [])
    assert (await images.sweep(grace=-1)).items() >= {"blobs": 3, "layers": 0}.items(), "the container runs on"
    await images.discard("abc")
    assert (await images.sweep(grace=-1))["layers"] == 1
    assert list((images.root / "layers").iterdir()) == []


async def test_nothing_is_swept_while_images_are_made(
    images: Images, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []
    put = images.blobs.put

    def put_and_sweep(data: bytes, name: str = "sha256") -> str:
        refused.append(asyncio.ensure_future(images.sweep(grace=-1)))
        return put(data, name)

    monkeypatch.setattr(images.blobs, "put", put_and_sweep)
    image = await images.import_path(root, "web")
    for one in refused:
        with pytest.raises(ImageError, match="try again"):
            await one
    assert refused
    lower(images, image.layers[0])


async def test_nothing_is_swept_while_an_owner_is_silent(images: Images) -> None:
    images.keep("registry", lambda: [])
    stray = images.blobs.put(b"stray")
    reopened = Images(images.root, host=None, clock=Clock(), store=Store(None))
    with pytest.raises(ImageError, match="registry"):
        await reopened.sweep(grace=-1)
    assert images.blobs.path(stray) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_whiteouts_hide_lower_layers_in_a_real_overlay(images: Images, tmp_path: Path) -> None:
    def archive(*members: tuple[str, bytes | None]) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.tar"
        with tarfile.open(path, "w") as writer:
            for name, data in members:
                info = tarfile.TarInfo(name)
                if data is None:
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    writer.addfile(info)
                else:
                    info.size = len(data)
                    writer.addfile(info, io.BytesIO(data))
        return path

    low = await images.import_path(
        archive(("a", b"1"), ("b", b"1"), ("d", None), ("d/x", b"1"), ("e", None), ("e/x", b"1")), "low"
    )
    high = await images.import_path(
        archive((".wh.a", b""), ("d/.wh..wh..opq", b""), ("d/y", b"2"), (".wh.e", b""), ("e", None), ("e/z", b"2")),
        "high",
    )
    both = await images.rootfs(type(low)(
        digest="", config=low.config, layers=(*low.layers, *high.layers), size=0, media_type=""
    ), "c")  # fmt: skip
    options = f"lowerdir={':'.join(both.lowers)},upperdir={both.upper},workdir={both.work}"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, both.merged], capture_output=True)
    if done.returncode:
        pytest.skip(f"no overlayfs here: {done.stderr.decode()}")
    try:
        found = sorted(str(path.relative_to(both.merged)) for path in Path(both.merged).rglob("*"))
        assert found == ["b", "d", "d/y", "e", "e/z"]
    finally:
        subprocess.run(["umount", both.merged], check=True)


async def test_the_busybox_image_is_complete(images: Images) -> None:
    image = await images.import_path(busybox_image(), "busybox")
    layer = lower(images, image.layers[0])
    said = subprocess.run([str(layer / "bin/busybox"), "echo", "hi"], capture_output=True, text=True, check=True)
    assert said.stdout == "hi\n"
    assert (layer / "bin/sh").is_symlink()
