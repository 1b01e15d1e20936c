"""Where contents are: the cloud's blob store, which images that run share with the registry."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecr.resources import Image, Layer
from cloudarium.substrate.images.blobs import BlobStore

_own: WeakKeyDictionary[Cloud, BlobStore] = WeakKeyDictionary()


def blobs(cloud: Cloud) -> BlobStore:
    """The blob store. A cloud that was built without images (in tests) gets one of its own while it runs."""
    if cloud.make_images is not None:
        found: BlobStore = cloud.images.blobs
        return found
    if cloud not in _own:
        _own[cloud] = _make(cloud)
    return _own[cloud]


def _make(cloud: Cloud) -> BlobStore:
    folder = tempfile.mkdtemp(prefix="cloudarium-ecr-")

    async def remove() -> None:
        _own.pop(cloud, None)
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)

    cloud.on_close(remove)
    return BlobStore(Path(folder))


def live_digests(cloud: Cloud) -> Iterator[str]:
    """Every blob that a repository has: manifests, configurations, layers. For whoever sweeps the store."""
    for _, layer in cloud.store.table(Layer).everywhere():
        yield layer.digest
    for _, image in cloud.store.table(Image).everywhere():
        yield image.digest
