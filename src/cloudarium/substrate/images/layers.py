"""Unpacked layers, one directory each, shared by all images that have them.

``layers/<24 hex>`` is a layer's directory and ``layers/<24 hex>.json``, written last, says that it is complete and
whose it is. A directory without it is an unpacking that died; it is removed and begun again. Names are short because
all layers of an overlay have to fit into one page of mount options.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudarium.substrate.images.blobs import full_disk_named
from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.unpack import Job, Limits, Unpacked, unpack

_IN_THREAD = 4 << 20
"""Blobs up to this many bytes are unpacked in a thread: a process takes longer to start than they take."""
_AT_ONCE = 2


class Layers:
    """All unpacked layers below ``root``."""

    def __init__(self, root: Path, *, limits: Limits | None = None) -> None:
        self._root = root / "layers"
        self._scratch = root / "scratch"
        self._root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self._limits = limits or Limits()
        self._under_way: dict[str, asyncio.Task[Unpacked]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.limited = _ids_are_limited()
        """Whether this is a user namespace without all ids: owners are then recorded as lost, not an error."""

    def path(self, diff_id: str) -> Path | None:
        """The directory of a complete layer, else None."""
        return self._place(diff_id) if self.info(diff_id) is not None else None

    def info(self, diff_id: str) -> Unpacked | None:
        """What is known of a complete layer, else None."""
        try:
            found = msgspec.json.decode(self._marker(diff_id).read_bytes(), type=Unpacked)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        if found.diff_id != diff_id:
            raise ImageError(f"the layers {found.diff_id} and {diff_id} have the same short name")
        return found

    def touch(self, diff_id: str) -> bool:
        """Whether a layer is complete; it then counts as made now, since somebody is about to run it."""
        if self.info(diff_id) is None:
            return False
        os.utime(self._marker(diff_id))
        return True

    async def ensure(self, diff_id: str, blob: Path) -> Unpacked:
        """Unpack a layer unless it is there; whoever asks meanwhile waits for the same work."""
        if (found := self.info(diff_id)) is not None:
            return found
        task = self._under_way.get(diff_id)
        if task is None:
            task = self._under_way[diff_id] = asyncio.get_running_loop().create_task(self._unpack(diff_id, blob))
            task.add_done_callback(lambda done: self._done(diff_id, done))
        return await asyncio.shield(task)

    async def adopt(self, blob: Path) -> Unpacked:
        """Unpack an archive whose diff id is not known yet."""
        return await self._unpack("", blob)

    def complete(self) -> Iterator[tuple[str, float]]:
        """Every complete layer: its diff id, and the host time at which it was made."""
        for marker in self._root.glob("*.json"):
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                yield msgspec.json.decode(marker.read_bytes(), type=Unpacked).diff_id, marker.stat().st_mtime

    def remove(self, diff_id: str) -> None:
        """Delete a layer; its marker first, so that half a layer never counts. May take long: call it in a thread."""
        self._marker(diff_id).unlink(missing_ok=True)
        shutil.rmtree(self._place(diff_id), ignore_errors=True)

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _place(self, diff_id: str) -> Path:
        return self._root / diff_id.partition(":")[2][:24]

    def _marker(self, diff_id: str) -> Path:
        place = self._place(diff_id)
        return place.with_name(place.name + ".json")

    def _done(self, diff_id: str, task: asyncio.Task[Unpacked]) -> None:
        self._under_way.pop(diff_id, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when all have gone, nobody is

    async def _unpack(self, diff_id: str, blob: Path) -> Unpacked:
        async with self._slots:
            target = self._scratch / uuid.uuid4().hex
            with full_disk_named("layer"):
                target.mkdir(mode=0o755)
                target.chmod(0o755)
            job = Job(
                blob=str(blob),
                target=str(target),
                diff_id=diff_id,
                opaque_xattr="user.overlay.opaque" if self.limited else "trusted.overlay.opaque",
                tolerant=self.limited,
                limits=self._limits,
            )
            try:
                if _size(blob) <= _IN_THREAD:
                    done = await asyncio.to_thread(unpack, job)
                else:
                    # Only now: most clouds never unpack anything big.
                    from cloudarium.substrate.images.unpack_child import unpack_elsewhere

                    done = await unpack_elsewhere(job)
                return await asyncio.to_thread(self._publish, target, done)
            finally:
                if target.exists():
                    await asyncio.to_thread(shutil.rmtree, target, True)

    def _publish(self, target: Path, done: Unpacked) -> Unpacked:
        if (known := self.info(done.diff_id)) is not None:
            return known
        with full_disk_named("layer"):
            place = self._place(done.diff_id)
            shutil.rmtree(place, ignore_errors=True)
            target.rename(place)
            scratch = self._scratch / uuid.uuid4().hex
            scratch.write_bytes(msgspec.json.encode(done))
            scratch.replace(self._marker(done.diff_id))
        return done


def _size(blob: Path) -> int:
    return blob.stat().st_size


def _ids_are_limited() -> bool:
    if os.geteuid() != 0:
        return True
    try:
        fields = Path("/proc/self/uid_map").read_text().split()
    except OSError:
        return False
    return fields != ["0", "0", "4294967295"]
