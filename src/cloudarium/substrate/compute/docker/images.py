"""Images for an engine that knows nothing of our store: the layers, as one file system, imported once.

What lies in an overlay's lower folders is put together here as the kernel would (upper names first, whiteouts and
opaque folders hide), as a tar archive in a scratch file, since a build of hundreds of megabytes must not be in memory.
The imported image has no configuration: all that matters is in the specification.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from cloudarium.substrate.compute.docker.api import Api, Query
from cloudarium.substrate.compute.docker.labels import KEY, OWNER, having
from cloudarium.substrate.compute.errors import ComputeError

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_KEPT = "security.capability"


class EngineImages:
    """Images in the engine that belong to ``owner``; ``scratch`` is a folder for archives."""

    def __init__(self, api: Api, owner: str, scratch: Path) -> None:
        self._api = api
        self._owner = owner
        self._scratch = scratch
        self._coming: dict[str, asyncio.Task[str]] = {}

    async def rootfs(self, lowers: Sequence[str]) -> str:
        """The engine's id of the image of these layers, top first. They must not change. Raises ComputeError."""
        if not lowers:
            raise ComputeError("unsupported", "this engine runs images and layers, not folders")
        return await self._have("layers\n" + "\n".join(lowers), lambda file: pack(lowers, file))

    async def bare(self, links: dict[str, str], folders: Sequence[str]) -> str:
        """The id of an image with nothing but some links and folders."""
        return await self._have(
            f"bare {sorted(links.items())} {sorted(folders)}", lambda f: _pack_bare(links, folders, f)
        )

    async def forget(self) -> None:
        """Remove what was imported. Raises ComputeError."""
        for each in (
            await self._api.call("GET", "/images/json", {"filters": having(OWNER, self._owner), "all": 1}) or ()
        ):
            try:
                await self._api.call("DELETE", f"/images/{each['Id']}", {"force": 1})
            except ComputeError as error:
                if error.kind not in ("not-found", "conflict"):  # somebody else runs it
                    raise

    async def _have(self, content: str, write: Any) -> str:
        key = hashlib.sha256(f"{self._owner}\n{content}".encode()).hexdigest()[:32]
        task = self._coming.get(key)
        if task is None:
            # Not the caller's: others wait for it too.
            task = self._coming[key] = asyncio.get_running_loop().create_task(self._fetch(key, write))
            task.add_done_callback(lambda done: self._coming.pop(key, None) and (done.cancelled() or done.exception()))
        return await asyncio.shield(task)

    async def _fetch(self, key: str, write: Any) -> str:
        for each in await self._api.call("GET", "/images/json", {"filters": having(KEY, key)}) or ():
            return str(each["Id"])
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            try:
                await asyncio.to_thread(write, file)
                size = file.tell()
                file.seek(0)
            except OSError as error:
                raise ComputeError("failed", f"the image could not be put together: {error}") from error
            changes = [f"LABEL {KEY}={key}", f"LABEL {OWNER}={self._owner}"]
            query: Query = {"fromSrc": "-", "repo": f"localhost/cloudarium/{key}", "tag": "latest", "changes": changes}
            for value in await self._api.upload("/images/create", query, file, size):
                if isinstance(value, dict) and "error" in value:
                    raise ComputeError("failed", f"the engine did not take the image: {value['error']}")
        for each in await self._api.call("GET", "/images/json", {"filters": having(KEY, key)}) or ():
            return str(each["Id"])
        raise ComputeError("failed", "the engine took the image and does not have it")


def pack(lowers: Sequence[str], target: IO[bytes]) -> None:
    """Write the union of some layers, top first, as a tar archive."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in union(list(lowers)):
            entry: tarfile.TarInfo | None = archive.gettarinfo(path, name)
            if entry is None:
                continue  # a socket, which tar cannot have
            entry.uname = entry.gname = ""
            if entry.isreg():
                if (capability := _xattr(path, _KEPT)) is not None:
                    entry.pax_headers = {f"SCHILY.xattr.{_KEPT}": capability.decode("utf-8", "surrogateescape")}
                with open(path, "rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)


def union(folders: list[str], within: str = "") -> Iterator[tuple[str, str]]:
    """Names and paths of what an overlay of these folders, top first, shows; parents before children."""
    seen: dict[str, list[str]] = {}
    closed: set[str] = set()
    for folder in folders:
        for entry in os.scandir(folder):
            if entry.name in closed:
                continue
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                seen.setdefault(entry.name, []).append(entry.path)
                if any(_xattr(entry.path, name) == b"y" for name in _OPAQUE):
                    closed.add(entry.name)
                continue
            closed.add(entry.name)
            whiteout = stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
            if entry.name not in seen and not whiteout:
                seen[entry.name] = [entry.path]
    for name, paths in sorted(seen.items()):
        yield within + name, paths[0]
        if os.path.isdir(paths[0]) and not os.path.islink(paths[0]):
            yield from union(paths, f"{within}{name}/")


def _pack_bare(links: dict[str, str], folders: Sequence[str], target: IO[bytes]) -> None:
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in sorted([*links, *folders]):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = (tarfile.SYMTYPE, links[name]) if name in links else (tarfile.DIRTYPE, "")
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO())


def _xattr(path: str, name: str) -> bytes | None:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return None
