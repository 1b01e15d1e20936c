"""The content-addressed store: what registries serve and layers are unpacked from.

``<root>/blobs/<algorithm>/<2 hex>/<hex>`` holds what is complete and verified; a file appears there by one rename, so
that it is either whole or absent whatever dies. ``<root>/uploads/<id>`` holds what is being written. An upload is
nothing but its file: after ``kill -9`` it goes on from the bytes that reached the page cache. Nothing is synced to the
disk: as everywhere, the death of processes is survived, not that of the machine.

Writes happen on the event loop: a chunk goes into the page cache in microseconds. Files are opened for each write, so
that uploads somebody walked away from hold no descriptors.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from cloudarium.substrate.images.digests import DEFAULT_ALGORITHM, Hash, algorithm, digest_of, is_digest, new_hash
from cloudarium.substrate.images.errors import DiskFull

__all__ = ["BlobStore", "DigestMismatch", "Upload"]

_CHUNK = 1 << 20
_HASHES_KEPT = 256
"""Uploads whose hash is kept between writes; one forgotten is read again when it is resumed."""


class DigestMismatch(Exception):
    """What was written does not have the digest it should have."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"the content has the digest {actual}, not {expected}")
        self.expected = expected
        self.actual = actual


@contextlib.contextmanager
def full_disk_named(what: str) -> Iterator[None]:
    """Turn the kernel's words for "no space left" into ``DiskFull``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"failed to write {what}: no space left on device") from error
        raise


class Upload:
    """A blob being written. Obtained from ``BlobStore.begin`` or ``resume``."""

    def __init__(self, store: BlobStore, upload_id: str, path: Path, name: str, state: Hash, size: int) -> None:
        self.id = upload_id
        self.size = size
        """Bytes written so far; where the next write goes."""
        self._store = store
        self._path = path
        self._algorithm = name
        self._hash = state

    def write(self, data: bytes | memoryview) -> None:
        """Append. ``DiskFull`` leaves the upload as it was before the call."""
        with full_disk_named("blob"):
            file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                _write_all(file, data, self.size)
            except OSError:
                os.ftruncate(file, self.size)
                raise
            finally:
                os.close(file)
        self._hash.update(data)
        self.size += len(data)

    def finish(self, digest: str | None = None) -> str:
        """Publish under its digest. With ``digest`` given and another content, ``DigestMismatch``: the upload stays.

        An algorithm other than the upload's own means reading the file once more.
        """
        if digest is None or algorithm(digest) == self._algorithm:
            actual = f"{self._algorithm}:{self._hash.hexdigest()}"
        elif is_digest(digest):
            actual = f"{algorithm(digest)}:{_hash_file(self._path, algorithm(digest)).hexdigest()}"
        else:
            raise ValueError(f"not a digest: {digest!r}")
        if digest is not None and actual != digest:
            raise DigestMismatch(digest, actual)
        self._store._publish(self._path, actual)
        self._store._forget(self.id)
        return actual

    def cancel(self) -> None:
        """Throw away what was written."""
        self._path.unlink(missing_ok=True)
        self._store._forget(self.id)


class BlobStore:
    """All blobs below one directory. Used by one process; the directory outlives it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._uploads.mkdir(parents=True, exist_ok=True)
        self._open: OrderedDict[str, Upload] = OrderedDict()

    # -- reading ---------------------------------------------------------------------------------------------------

    def path(self, digest: str) -> Path | None:
        """The file of a complete blob; None when it is absent or ``digest`` is not a digest."""
        if not is_digest(digest):
            return None
        place = self._place(digest)
        return place if place.exists() else None

    def size(self, digest: str) -> int | None:
        """The blob's length in bytes, None when absent."""
        if not is_digest(digest):
            return None
        try:
            return self._place(digest).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, digest: str, *, limit: int) -> bytes | None:
        """A small blob's bytes; None when absent. ``ValueError`` when it is larger than ``limit`` bytes."""
        place = self.path(digest)
        if place is None:
            return None
        with place.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"blob {digest} is larger than {limit} bytes")
        return data

    # -- writing ---------------------------------------------------------------------------------------------------

    def put(self, data: bytes, name: str = DEFAULT_ALGORITHM) -> str:
        """Store some bytes that are at hand; returns their digest. Raises ``DiskFull``."""
        digest = digest_of(data, name)
        if self.size(digest) == len(data):
            os.utime(self._place(digest))
            return digest
        upload = self.begin(name)
        try:
            upload.write(data)
            return upload.finish(digest)
        except BaseException:
            upload.cancel()
            raise

    def begin(self, name: str = DEFAULT_ALGORITHM) -> Upload:
        """A new, empty upload, hashed with the algorithm ``name`` while it is written."""
        upload_id = str(uuid.uuid4())
        path = self._uploads / upload_id
        with full_disk_named("blob"):
            path.touch(exist_ok=False)
        return self._keep(Upload(self, upload_id, path, name, new_hash(name), 0))

    def resume(self, upload_id: str) -> Upload | None:
        """An upload begun earlier, also by a process that died; None when there is none of this id.

        After a restart what is on disk is hashed again, at about a gigabyte a second, once.
        """
        if (known := self._open.get(upload_id)) is not None:
            self._open.move_to_end(upload_id)
            return known
        try:
            if str(uuid.UUID(upload_id)) != upload_id:
                return None
        except ValueError:
            return None
        path = self._uploads / upload_id
        if not path.exists():
            return None
        state = _hash_file(path, DEFAULT_ALGORITHM)
        return self._keep(Upload(self, upload_id, path, DEFAULT_ALGORITHM, state, path.stat().st_size))

    def delete(self, digest: str) -> None:
        """Remove a blob; those who have it open keep reading. Absent ones are no error."""
        if is_digest(digest):
            self._place(digest).unlink(missing_ok=True)

    # -- sweeping --------------------------------------------------------------------------------------------------

    def digests(self) -> Iterator[tuple[str, float, int]]:
        """Every blob as ``(digest, host time of its last storing, bytes)``, read from the disk as it goes."""
        for name in ("sha256", "sha512"):
            for bucket in _entries(self._blobs / name):
                for entry in _entries(Path(bucket.path)):
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat()
                        yield f"{name}:{entry.name}", found.st_mtime, found.st_size

    def drop_uploads(self, before: float) -> int:
        """Cancel uploads not written to since the host time ``before``; returns how many."""
        dropped = 0
        for entry in _entries(self._uploads):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < before:
                    os.unlink(entry.path)
                    self._forget(entry.name)
                    dropped += 1
        return dropped

    # -- inside ----------------------------------------------------------------------------------------------------

    def _place(self, digest: str) -> Path:
        name, _, value = digest.partition(":")
        return self._blobs / name / value[:2] / value

    def _publish(self, path: Path, digest: str) -> None:
        place = self._place(digest)
        with full_disk_named("blob"):
            place.parent.mkdir(parents=True, exist_ok=True)
            # Also over one that is there: the new file's age tells the sweeper that somebody wants it now.
            os.utime(path)
            path.replace(place)

    def _keep(self, upload: Upload) -> Upload:
        self._open[upload.id] = upload
        if len(self._open) > _HASHES_KEPT:
            self._open.popitem(last=False)
        return upload

    def _forget(self, upload_id: str) -> None:
        self._open.pop(upload_id, None)


def _write_all(file: int, data: bytes | memoryview, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written


def _hash_file(path: Path, name: str) -> Hash:
    state = new_hash(name)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
