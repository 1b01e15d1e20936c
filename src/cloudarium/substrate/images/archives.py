"""Images in files: what ``docker save`` writes, OCI layouts as folders or archives, and plain archives of a root.

An archive is read twice: once for its names and the few documents that say what it is, then for what is wanted of it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudarium.substrate.images import tar
from cloudarium.substrate.images.blobs import BlobStore, DigestMismatch
from cloudarium.substrate.images.compression import pieces
from cloudarium.substrate.images.digests import algorithm
from cloudarium.substrate.images.errors import BlobNotFound, CorruptLayer, HostileArchive, ImageError, InvalidManifest
from cloudarium.substrate.images.manifests import Index, Manifest, parse
from cloudarium.substrate.images.model import MAX_CONFIG, MAX_MANIFEST, OCI_INDEX, Descriptor
from cloudarium.substrate.images.platforms import choose

_CHUNK = 1 << 20
_MAX_ENTRIES = 2_000_000
_DOCUMENTS = ("manifest.json", "index.json", "oci-layout")


class Found(msgspec.Struct, frozen=True):
    """An image that was put into the store: its manifest, or the parts one has to be written for."""

    manifest: bytes = b""
    media_type: str = ""
    config: bytes = b""
    layers: tuple[tuple[str, int], ...] = ()
    """Without a manifest: the blobs (digest, bytes) of the layers, lowest first."""


def store_archive(path: Path, blobs: BlobStore, platform: str, tag: str) -> Found | None:
    """Take an image out of an archive; None when the archive is a plain one of files. Blocks; raises ``ImageError``."""
    documents = _documents(path)
    if "oci-layout" in documents and "index.json" in documents:
        return _layout(documents["index.json"], _Members(path, blobs), blobs, platform, tag)
    if (saved := _saved(documents.get("manifest.json", b""))) is not None:
        return _from_docker(_pick(saved, tag), _Members(path, blobs))
    return None


def store_layout(folder: Path, blobs: BlobStore, platform: str, tag: str) -> Found:
    """Take an image out of an OCI layout that is a folder."""
    index = (folder / "index.json").read_bytes()
    return _layout(index, _Folder(folder, blobs), blobs, platform, tag)


def is_layout(folder: Path) -> bool:
    """Whether a folder is an OCI layout."""
    return (folder / "oci-layout").is_file() and (folder / "index.json").is_file()


# -- OCI layouts -----------------------------------------------------------------------------------------------------


class _Folder:
    """The blobs of a layout's folder."""

    def __init__(self, folder: Path, blobs: BlobStore) -> None:
        self._folder, self._blobs = folder, blobs

    def take(self, digest: str) -> None:
        """Copy a blob into the store, which verifies it."""
        if self._blobs.path(digest) is not None:
            return
        source = self._folder / "blobs" / digest.replace(":", "/")
        try:
            with source.open("rb") as file:
                _copy(iter(lambda: file.read(_CHUNK), b""), digest, self._blobs)
        except FileNotFoundError:
            raise BlobNotFound(f"the layout has no blob {digest}") from None


class _Members:
    """The regular files of an archive; all are taken into the store at once, when the first is asked for."""

    def __init__(self, path: Path, blobs: BlobStore) -> None:
        self._path, self._blobs = path, blobs
        self._found: dict[str, str] | None = None
        self._links: dict[str, str] = {}

    def take(self, digest: str) -> None:
        """Have a blob of an OCI layout in the store."""
        if self._blobs.path(digest) is None and self.digest(f"blobs/{digest.replace(':', '/')}") != digest:
            raise BlobNotFound(f"the archive has no blob {digest}")

    def digest(self, name: str) -> str:
        """The digest of a member, which is in the store."""
        if self._found is None:
            self._found = self._store_all()
        for _ in range(8):
            if (digest := self._found.get(name)) is not None:
                return digest
            if name not in self._links:
                break
            name = self._links[name]
        raise BlobNotFound(f"the archive has no {name[:200]!r}")

    def _store_all(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry, reader in _entries(self._path):
            name = _clean(entry.name)
            if entry.kind == tar.FILE and entry.sparse is None:
                wanted = name.split("/")
                layout_name = len(wanted) == 3 and wanted[0] == "blobs" and wanted[1] == "sha512"
                upload = self._blobs.begin("sha512" if layout_name else "sha256")
                try:
                    for piece in reader.data():
                        upload.write(piece)
                    found[name] = upload.finish()
                except BaseException:
                    upload.cancel()
                    raise
            elif entry.kind == tar.SYMLINK:
                self._links[name] = _clean(posixpath.join(posixpath.dirname(name), entry.link))
            elif entry.kind == tar.HARDLINK:
                self._links[name] = _clean(entry.link)
        return found


def _layout(index: bytes, source: _Folder | _Members, blobs: BlobStore, platform: str, tag: str) -> Found:
    data, found = index, parse(index, OCI_INDEX)
    for _ in range(4):
        if isinstance(found, Manifest):
            for descriptor in (found.config, *found.layers):
                source.take(descriptor.digest)
            return Found(manifest=data, media_type=found.media_type)
        chosen = _choose(found, platform, tag)
        source.take(chosen.digest)
        data = _small(blobs, chosen.digest, MAX_MANIFEST)
        found = parse(data, chosen.media_type)
    raise InvalidManifest("indexes of indexes of indexes")


def _choose(index: Index, platform: str, tag: str) -> Descriptor:
    named = {
        (one.annotations or {}).get("org.opencontainers.image.ref.name")
        or (one.annotations or {}).get("io.containerd.image.name", ""): one
        for one in index.manifests
    }
    if tag:
        found = [one for name, one in named.items() if name == tag or name.endswith(f":{tag}")]
        if found:
            return found[0]
    names = sorted(name for name in named if name)
    if len(names) > 1:
        raise ImageError(f"there are several images: say which with a tag ({', '.join(names)[:500]})")
    return choose(index.manifests, platform)


# -- docker save -----------------------------------------------------------------------------------------------------


class _Saved(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


def _saved(document: bytes) -> list[_Saved] | None:
    try:
        return msgspec.json.decode(document, type=list[_Saved]) or None
    except (msgspec.MsgspecError, RecursionError):
        return None


def _pick(saved: list[_Saved], tag: str) -> _Saved:
    fitting = [one for one in saved if not tag or any(f":{t}".endswith(f":{tag}") for t in one.repo_tags or ())]
    if len(fitting) != 1:
        names = ", ".join(name for one in saved for name in one.repo_tags or ())
        raise ImageError(f"the archive has {len(saved)} images: say which with a tag ({names[:500]})")
    return fitting[0]


def _from_docker(saved: _Saved, members: _Members) -> Found:
    blobs = members._blobs
    config = _small(blobs, members.digest(_clean(saved.config)), MAX_CONFIG)
    layers = []
    for name in saved.layers[:1000]:
        digest = members.digest(_clean(name))
        layers.append((digest, blobs.size(digest) or 0))
    return Found(config=config, layers=tuple(layers))


# -- reading archives ------------------------------------------------------------------------------------------------


def _entries(path: Path) -> Iterator[tuple[tar.Entry, tar.TarReader]]:
    reader = tar.TarReader(tar.Chunks(pieces(path)))
    for count, entry in enumerate(reader):
        if count > _MAX_ENTRIES:
            raise HostileArchive(f"the archive has more than {_MAX_ENTRIES} entries")
        yield entry, reader


_PART = re.compile(
    r"\.|blobs(/.*)?|(sha256:)?[0-9a-f]{64}([./].*)?|oci-layout|repositories|[^/]+\.(json|tar|tar\.gz|tar\.zst)",
    re.DOTALL,
)
"""Names that archives of images have inside. One with another name is of files, and need not be read to its end."""


def _documents(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry, reader in _entries(path):
        name = _clean(entry.name)
        if not _PART.fullmatch(name):
            return {}
        if name in _DOCUMENTS and entry.kind == tar.FILE and entry.size <= MAX_MANIFEST:
            found[name] = b"".join(reader.data())
    return found


def _clean(name: str) -> str:
    return posixpath.normpath(name).lstrip("/")


def _small(blobs: BlobStore, digest: str, limit: int) -> bytes:
    try:
        data = blobs.read(digest, limit=limit)
    except ValueError as error:
        raise InvalidManifest(str(error)) from error
    if data is None:
        raise BlobNotFound(f"blob {digest} is not there")
    return data


def _copy(source: Iterator[bytes], digest: str, blobs: BlobStore) -> None:
    upload = blobs.begin(algorithm(digest))
    try:
        for piece in source:
            upload.write(piece)
        upload.finish(digest)
    except DigestMismatch as error:
        upload.cancel()
        raise CorruptLayer(str(error)) from error
    except BaseException:
        upload.cancel()
        raise
