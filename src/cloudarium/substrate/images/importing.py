"""What an import makes of a path: blobs in the store and a manifest that names them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cloudarium.substrate.images.archives import Found, is_layout, store_archive, store_layout
from cloudarium.substrate.images.assemble import Changes, change, layer_type, new_config, write_manifest
from cloudarium.substrate.images.blobs import BlobStore
from cloudarium.substrate.images.compression import sniff
from cloudarium.substrate.images.errors import ImageError, InvalidManifest
from cloudarium.substrate.images.folder import store_folder
from cloudarium.substrate.images.layers import Layers
from cloudarium.substrate.images.manifests import Manifest, parse
from cloudarium.substrate.images.model import MAX_CONFIG, OCI_MANIFEST

_CHUNK = 1 << 20


async def bring_in(
    path: Path, blobs: BlobStore, layers: Layers, changes: Changes, platform: str, tag: str
) -> tuple[bytes, str]:
    """The manifest, whose blobs are all in the store, and its media type. Raises ``ImageError`` kinds."""
    try:
        is_folder, layout = await asyncio.to_thread(_look, path)
        if is_folder and not layout:
            digest = await asyncio.to_thread(store_folder, path, blobs)
            return _plain(blobs, digest, digest, "none", changes, platform)
        if is_folder:
            found: Found | None = await asyncio.to_thread(store_layout, path, blobs, platform, tag)
        else:
            found = await asyncio.to_thread(store_archive, path, blobs, platform, tag)
        if found is None:
            digest = await asyncio.to_thread(_store_file, path, blobs)
            blob = blobs.path(digest)
            if blob is None:
                raise ImageError(f"{path} vanished while it was imported")
            return _plain(blobs, digest, (await layers.adopt(blob)).diff_id, _compression(blob), changes, platform)
    except OSError as error:
        raise ImageError(f"{path} cannot be imported: {error.strerror or error}") from error
    if found.manifest:
        return _changed(blobs, found, changes)
    config = change(found.config, changes) if changes else found.config
    described = [(digest, size, _type_of(blobs, digest)) for digest, size in found.layers]
    return write_manifest(blobs, config, described), OCI_MANIFEST


def _look(path: Path) -> tuple[bool, bool]:
    """Whether it is a folder, and an OCI layout."""
    return path.is_dir(), is_layout(path)


def _plain(
    blobs: BlobStore, digest: str, diff_id: str, compression: str, changes: Changes, platform: str
) -> tuple[bytes, str]:
    config = change(new_config(platform, [diff_id]), changes)
    layer = (digest, blobs.size(digest) or 0, layer_type(compression))
    return write_manifest(blobs, config, [layer]), OCI_MANIFEST


def _changed(blobs: BlobStore, found: Found, changes: Changes) -> tuple[bytes, str]:
    if not changes:
        return found.manifest, found.media_type
    manifest = parse(found.manifest, found.media_type)
    if not isinstance(manifest, Manifest):
        raise InvalidManifest("an index has nothing to run")
    config = blobs.read(manifest.config.digest, limit=MAX_CONFIG) or b""
    layers = [(layer.digest, layer.size, layer.media_type) for layer in manifest.layers]
    return write_manifest(blobs, change(config, changes), layers), OCI_MANIFEST


def _store_file(path: Path, blobs: BlobStore) -> str:
    upload = blobs.begin()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                upload.write(piece)
        return upload.finish()
    except BaseException:
        upload.cancel()
        raise


def _type_of(blobs: BlobStore, digest: str) -> str:
    path = blobs.path(digest)
    return layer_type(_compression(path)) if path is not None else layer_type("none")


def _compression(path: Path) -> str:
    with path.open("rb") as file:
        return sniff(file.read(8))
