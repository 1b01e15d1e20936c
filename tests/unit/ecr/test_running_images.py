"""What was pushed can be run, and is kept from the image store's sweep for as long as a repository has it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

from tests.unit.ecr.conftest import Api

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Store
from cloudarium.services import ecr
from cloudarium.substrate.images.digests import digest_of
from cloudarium.substrate.images.store import Images

DAY = 86_400.0


async def push_program(api: Api, repository: str) -> str:
    """An image of one file, tagged ``v1``; its layer's digest."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("app"), io.BytesIO())
    about = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/app"]}}
    about["rootfs"] = {"type": "layers", "diff_ids": [digest_of(raw.getvalue())]}
    layer = await api.layer(repository, gzip.compress(raw.getvalue(), mtime=0))
    config = await api.layer(repository, json.dumps(about).encode())
    document = {
        "schemaVersion": 2,
        "config": {**config, "mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [{**layer, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}],
    }
    await api("put_image", repositoryName=repository, imageManifest=json.dumps(document), imageTag="v1")
    return str(layer["digest"])


async def test_pushed_images_run_and_are_swept_when_they_are_gone(tmp_path: Path) -> None:
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    images = Images(tmp_path, host=None, clock=cloud.clock, store=cloud.store)
    cloud.make_images = lambda: images
    api = Api(cloud)
    cloud.clock.freeze()
    await cloud.ensure_started(ecr.SERVICE)
    try:
        await api("create_repository", repositoryName="app")
        layer = await push_program(api, "app")
        got = await api("batch_get_image", repositoryName="app", imageIds=[{"imageTag": "v1"}])
        found = got["images"][0]
        image = await images.load(
            found["imageManifest"].encode(), found["imageManifestMediaType"], platform="linux/amd64"
        )
        assert (image.digest, image.config.cmd) == (found["imageId"]["imageDigest"], ["/app"])
        await images.sweep(grace=-1)
        assert images.blobs.path(layer) is not None
        assert images.blobs.path(image.digest) is not None
        await api("batch_delete_image", repositoryName="app", imageIds=[{"imageTag": "v1"}])
        await cloud.clock.advance(2 * DAY)
        await images.sweep(grace=-1)
        assert images.blobs.path(layer) is None
        assert images.blobs.path(image.digest) is None
    finally:
        await cloud.stop_services()
        await images.close()
