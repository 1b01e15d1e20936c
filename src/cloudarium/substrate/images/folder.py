"""A folder as a layer: the same files with the same owners, modes and times make the same bytes, wherever they are."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudarium.substrate.images.blobs import BlobStore, Upload, full_disk_named
from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.unpack import WHITEOUT

_BUFFER = 1 << 20


class _Sink(io.RawIOBase):
    """What tarfile writes to."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def write(self, data: Any) -> int:
        """Append to the upload."""
        self._upload.write(data)
        return len(data)


def store_folder(folder: Path, blobs: BlobStore) -> str:
    """Write a folder as an uncompressed layer; returns its digest, which is its diff id too. Blocks.

    What cannot be in a layer is refused: names that would be whiteouts. Sockets are left out, as tar does.
    """
    upload = blobs.begin()
    try:
        sink = _Sink(upload)
        with (
            full_disk_named("layer"),
            tarfile.open(mode="w|", fileobj=sink, format=tarfile.PAX_FORMAT, bufsize=_BUFFER) as archive,
        ):
            archive.copybufsize = _BUFFER  # type: ignore[attr-defined]  # typeshed does not know it
            for path, name in _walk(folder):
                _add(archive, path, name)
        return upload.finish()
    except BaseException:
        upload.cancel()
        raise


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file as (path, name in the archive), parents first, in the order of their names."""
    yield str(folder), "."
    pending = [(str(folder), "")]
    while pending:
        path, prefix = pending.pop()
        folders = []
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                name = prefix + entry.name
                if entry.name.startswith(WHITEOUT):
                    raise ImageError(f"{entry.path} cannot be in an image: names with {WHITEOUT} mean deleted files")
                yield entry.path, name
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, f"{name}/"))
        pending += reversed(folders)


def _add(archive: tarfile.TarFile, path: str, name: str) -> None:
    try:
        info = archive.gettarinfo(path, name)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    if info is None or stat.S_ISSOCK(info.mode):
        return
    info.mtime = int(info.mtime)
    info.uname = info.gname = ""
    with contextlib.suppress(OSError):
        capability = os.getxattr(path, "security.capability", follow_symlinks=False)
        info.pax_headers = {"SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}
    if not info.isreg():
        archive.addfile(info)
        return
    try:
        with open(path, "rb") as file:
            archive.addfile(info, file)
    except PermissionError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
