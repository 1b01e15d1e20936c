"""Images for tests, made of what this machine has, without a network.

Both are OCI layouts (folders), made once per session; skip the test when the machine lacks what they are made of.

    busybox_image()          2 MB: sh, httpd, nc, wget …
    python_image()           50 MB: /usr/bin/python3 with its standard library, and busybox

Into a running cloud, under a name that tasks can use as their image:

    import_image(cloud, busybox_image(), "tools")                        # cloud: RunningCloud
    import_image(cloud, python_image(), "web", "--cmd", "python3 -m http.server 80")

or quicker, without a layout: ``cloud.run("image", "busybox", "tools")``, ``cloud.run("image", "demo", "web")``. Into a
registry: ``skopeo copy oci:<layout>:latest docker://…``. Into an ``Images`` object: ``await images.import_path(…)``.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudarium.substrate.images import assemble, machine_images
from cloudarium.substrate.images.assemble import Changes
from cloudarium.substrate.images.blobs import BlobStore
from cloudarium.substrate.images.digests import digest_of
from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.folder import store_folder
from cloudarium.substrate.images.model import OCI_MANIFEST


@functools.cache
def busybox_image() -> Path:
    """An OCI layout with busybox."""
    return _machine_image(machine_images.busybox_root)


@functools.cache
def python_image() -> Path:
    """An OCI layout with Python and busybox."""
    return _machine_image(machine_images.python_root)


def import_image(cloud: Any, path: Path, name: str, *options: str) -> dict[str, Any]:
    """``cloudarium image import``; what it says of the image."""
    answer: dict[str, Any] = json.loads(cloud.run("image", "import", str(path), name, *options, "--json"))
    return answer


def layout_of(folder: Path, target: Path, changes: Changes | None = None, *, tag: str = "latest") -> Path:
    """Write an OCI layout of one image whose root is ``folder``."""
    blobs = BlobStore(target / "store")
    layer = store_folder(folder, blobs)
    config = assemble.change(assemble.new_config("", [layer]), changes or Changes())
    size = blobs.size(layer)
    assert size is not None
    manifest = assemble.write_manifest(blobs, config, [(layer, size, assemble.layer_type("none"))])
    write_layout(target, blobs, manifest, tag)
    shutil.rmtree(target / "store")
    return target


def write_layout(target: Path, blobs: BlobStore, manifest: bytes, tag: str = "latest") -> None:
    """An OCI layout of everything in a store, with one manifest as its index."""
    for digest, _, _ in blobs.digests():
        place = target / "blobs" / digest.replace(":", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        source = blobs.path(digest)
        assert source is not None
        shutil.copyfile(source, place)
    entry = {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    (target / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (target / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cloudarium-test-images-"))
    folder.chmod(0o755)  # clouds of other users import from it too
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _machine_image(fill: Callable[[Path], Changes]) -> Path:
    root, target = _folder() / f"{fill.__name__}.root", _folder() / fill.__name__
    root.mkdir()
    target.mkdir()
    try:
        changes = fill(root)
    except ImageError as error:
        pytest.skip(str(error))
    layout_of(root, target, changes)
    shutil.rmtree(root)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target
