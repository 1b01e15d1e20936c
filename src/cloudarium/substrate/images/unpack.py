"""Unpacking one layer into a directory that overlayfs can use as a lower one.

Names never leave the directory: each component is opened below its parent, refusing symbolic links, so that neither
``..`` nor a link that the archive made itself leads anywhere. Whiteouts become what overlayfs calls them: a character
device 0/0, and an extended attribute on directories whose lower contents are hidden.

Where ids cannot be given away (a user namespace with one id) files belong to this user; the count is reported. The
same holds for device nodes, which a container's own /dev covers anyway.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import msgspec

from cloudarium.substrate.images import tar
from cloudarium.substrate.images.blobs import full_disk_named
from cloudarium.substrate.images.compression import Pump
from cloudarium.substrate.images.digests import algorithm
from cloudarium.substrate.images.directories import Directories
from cloudarium.substrate.images.errors import CorruptLayer, HostileArchive, ImageError

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_REFUSALS = (errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP, errno.EACCES)
_XATTRS = ("security.capability", "user.", "system.posix_acl_")
_MAX_NAME = 4096


class Limits(msgspec.Struct, frozen=True):
    """What one layer may be at most."""

    size: int = 64 << 30
    """Bytes when decompressed, and of all files together with their holes."""
    entries: int = 2_000_000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One layer to unpack; sent to the child process that does it."""

    blob: str
    target: str
    """An empty directory."""
    diff_id: str
    """The digest that the decompressed archive must have; empty: none is known."""
    opaque_xattr: str = "trusted.overlay.opaque"
    tolerant: bool = False
    """Whether the kernel may refuse ownership, devices and attributes."""
    limits: Limits = Limits()


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job."""

    diff_id: str
    entries: int
    size: int
    unowned: int = 0
    """Files whose owner could not be set."""
    omitted: int = 0
    """Device nodes and attributes left out."""


def unpack(job: Job) -> Unpacked:
    """Do it. Raises ``ImageError`` kinds; the target may then hold a part."""
    name = algorithm(job.diff_id) if job.diff_id else "sha256"
    with Pump(Path(job.blob), name, job.limits.size) as pump, full_disk_named("layer"):
        chunks = tar.Chunks(pump)
        unpacker = _Unpacker(job, tar.TarReader(chunks))
        try:
            unpacker.run()
        finally:
            unpacker.close()
        chunks.drain()
    if job.diff_id and pump.digest != job.diff_id:
        raise CorruptLayer(f"wrong diff id calculated on extraction {pump.digest!r}, expected {job.diff_id!r}")
    return Unpacked(
        diff_id=pump.digest,
        entries=unpacker.entries,
        size=unpacker.size,
        unowned=unpacker.unowned,
        omitted=unpacker.omitted,
    )


class _Unpacker:
    def __init__(self, job: Job, reader: tar.TarReader) -> None:
        self._job, self._reader = job, reader
        self._root = Directories(job.target)
        self._times: list[tuple[str, float]] = []
        self.entries = self.size = self.unowned = self.omitted = 0

    def close(self) -> None:
        self._root.close()

    def run(self) -> None:
        for entry in self._reader:
            self.entries += 1
            if self.entries > self._job.limits.entries:
                raise HostileArchive(f"the layer has more than {self._job.limits.entries} entries")
            try:
                self._apply(entry)
            except ImageError:
                raise
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise CorruptLayer(f"failed to extract {entry.name[:200]!r}: {error.strerror}") from error
            except (ValueError, OverflowError) as error:  # numbers and names that no file system takes
                raise CorruptLayer(f"failed to extract {entry.name[:200]!r}: {error}") from error
        # Deepest first is not needed: setting a time changes no parent's.
        for path, when in self._times:
            with contextlib.suppress(OSError, HostileArchive):
                directory = self._root.open(tuple(path.split("/")) if path else ())
                os.utime(directory, (when, when))

    # -- one entry -------------------------------------------------------------------------------------------------

    def _apply(self, entry: tar.Entry) -> None:
        parts = _parts(entry.name)
        if not parts:
            if entry.kind == tar.DIRECTORY:
                self._dress_directory((), entry)
            return
        parent, base = self._root.make(parts[:-1]), parts[-1]
        if base.startswith(WHITEOUT):
            self._white_out(parts[:-1], parent, base)
        elif entry.kind == tar.DIRECTORY:
            self._directory(parts, parent, base, entry)
        else:
            try:
                self._other(parent, base, entry)
            except FileExistsError:
                self._clear(parent, base)
                self._other(self._root.open(parts[:-1]), base, entry)

    def _directory(self, parts: tuple[str, ...], parent: int, base: str, entry: tar.Entry) -> None:
        opaque = False
        try:
            os.mkdir(base, 0o700, dir_fd=parent)
        except FileExistsError:
            found = os.stat(base, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                opaque = _is_whiteout(found)
                os.unlink(base, dir_fd=parent)
                os.mkdir(base, 0o700, dir_fd=parent)
        self._dress_directory(parts, entry)
        if opaque:
            self._hide_lower(self._root.open(parts))

    def _other(self, parent: int, base: str, entry: tar.Entry) -> None:
        match entry.kind:
            case tar.FILE:
                self._file(parent, base, entry)
                return
            case tar.HARDLINK:
                self._hard_link(parent, base, entry)
                return
            case tar.SYMLINK:
                os.symlink(entry.link, base, dir_fd=parent)
            case tar.FIFO:
                os.mkfifo(base, 0o600, dir_fd=parent)
            case tar.CHARACTER | tar.BLOCK_DEVICE:
                if not self._device(parent, base, entry):
                    return
            case _:
                raise HostileArchive(f"{entry.name[:200]!r} is of an unknown kind {entry.kind!r}")
        self._own(base, entry, parent)
        if entry.kind != tar.SYMLINK:
            os.chmod(base, entry.mode, dir_fd=parent)
        os.utime(base, (entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _file(self, parent: int, base: str, entry: tar.Entry) -> None:
        self.size += entry.full_size
        if self.size > self._job.limits.size:
            raise HostileArchive(f"the layer is larger than {self._job.limits.size} bytes when unpacked")
        file = os.open(base, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
        try:
            if entry.sparse is not None:
                self._holes(file, entry)
            else:
                for piece in self._reader.data():
                    _write(file, piece)
            self._dress(file, entry)
            os.utime(file, (entry.mtime, entry.mtime))
        finally:
            os.close(file)

    def _holes(self, file: int, entry: tar.Entry) -> None:
        os.ftruncate(file, entry.full_size)
        extents = [extent for extent in entry.sparse or () if extent[1]]
        at = 0
        filled = 0
        for piece in self._reader.data():
            rest = piece
            while rest:
                offset, length = extents[at]
                part, rest = rest[: length - filled], rest[length - filled :]
                os.lseek(file, offset + filled, os.SEEK_SET)
                _write(file, part)
                filled += len(part)
                if filled == length:
                    at, filled = at + 1, 0

    def _hard_link(self, parent: int, base: str, entry: tar.Entry) -> None:
        parts = _parts(entry.link)
        if not parts:
            raise HostileArchive(f"{entry.name[:200]!r} is a hard link to nothing")
        directory = self._root.open(parts[:-1])
        try:
            found = os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) or _is_whiteout(found):
                raise HostileArchive(f"{entry.name[:200]!r} is a hard link to what may not be linked")
            os.link(parts[-1], base, src_dir_fd=directory, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            raise CorruptLayer(
                f"{entry.name[:200]!r} is a hard link to {entry.link[:200]!r}, which is not there"
            ) from None

    def _device(self, parent: int, base: str, entry: tar.Entry) -> bool:
        if _parts(entry.name)[0] != "dev" or (entry.major, entry.minor) == (0, 0):
            raise HostileArchive(f"{entry.name[:200]!r} is a device node outside of /dev")
        kind = stat.S_IFCHR if entry.kind == tar.CHARACTER else stat.S_IFBLK
        if kind == stat.S_IFBLK or (entry.major, entry.minor) not in _HARMLESS:
            self.omitted += 1
            return False
        try:
            os.mknod(base, kind | 0o600, os.makedev(entry.major, entry.minor), dir_fd=parent)
        except OSError as error:
            if not self._job.tolerant or error.errno not in _REFUSALS:
                raise
            self.omitted += 1
            return False
        return True

    # -- whiteouts -------------------------------------------------------------------------------------------------

    def _white_out(self, folder: tuple[str, ...], parent: int, base: str) -> None:
        if base == OPAQUE:
            self._hide_lower(self._root.open(folder))
            return
        if base.startswith(WHITEOUT + WHITEOUT):
            return  # what aufs kept for itself
        name = base[len(WHITEOUT) :]
        if name in ("", ".", ".."):
            raise HostileArchive(f"{base!r} is a whiteout of no file")
        try:
            os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
        except FileExistsError:
            # It hides what lower layers have, not what this one does, whichever came first.
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                self._hide_lower(self._root.open((*folder, name)))

    def _hide_lower(self, directory: int) -> None:
        try:
            os.setxattr(directory, self._job.opaque_xattr, b"y")
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise ImageError(
                    f"the image folder's file system keeps no {self._job.opaque_xattr} attributes"
                ) from error
            raise

    def _clear(self, parent: int, base: str) -> None:
        """Make room for a name: a later entry replaces an earlier one, but not a directory with something in it."""
        if not stat.S_ISDIR(os.stat(base, dir_fd=parent, follow_symlinks=False).st_mode):
            os.unlink(base, dir_fd=parent)
            return
        try:
            os.rmdir(base, dir_fd=parent)
        except OSError as error:
            raise HostileArchive(f"{base[:200]!r} replaces a directory that is not empty") from error
        self._root.forget()

    # -- owners, modes, attributes ---------------------------------------------------------------------------------

    def _dress_directory(self, parts: tuple[str, ...], entry: tar.Entry) -> None:
        self._dress(self._root.open(parts), entry)
        self._times.append(("/".join(parts), entry.mtime))

    def _dress(self, file: int, entry: tar.Entry) -> None:
        self._own(file, entry)
        os.fchmod(file, entry.mode)  # after the owner, whose change takes set-id bits away
        for name, value in entry.xattrs.items():
            if not name.startswith(_XATTRS) or name.startswith("user.overlay."):
                self.omitted += 1
                continue
            try:
                os.setxattr(file, name, value)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self.omitted += 1

    def _own(self, target: int | str, entry: tar.Entry, parent: int | None = None) -> None:
        try:
            if parent is None:
                os.chown(target, entry.uid, entry.gid)
            else:
                os.chown(target, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        except (OSError, OverflowError):
            if not self._job.tolerant:
                raise
            self.unowned += 1


_HARMLESS = frozenset({(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)})
"""null, zero, full, random, urandom, tty, console, ptmx."""


def _parts(name: str) -> tuple[str, ...]:
    if len(name) > _MAX_NAME:
        raise HostileArchive("archive/tar: a name that is too long")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise HostileArchive(f"{name[:200]!r} leaves the image")
    return parts


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _write(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]
