"""``cloud.images``: every image this cloud has, and the directories containers are made of.

Images come in by name (``import_path``, ``pull``) or as blobs that are in the store already (``load``: how what was
pushed to a registry of this cloud runs). A name is a row of the cloud's store; everything else is files below one
folder, content-addressed, so that whatever was lost or half done is simply made again.

    images = cloud.images
    image = await images.pull("web:latest")              # an imported name, else the registry it names
    image = await images.load(manifest, media_type)      # blobs that are here
    rootfs = await images.rootfs(image, container_id)    # lowers, upper, work, merged
    await images.discard(container_id)                   # after unmounting
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cloudarium.kernel.store import Record, Scope
from cloudarium.substrate.images import manifests
from cloudarium.substrate.images.assemble import Changes
from cloudarium.substrate.images.blobs import BlobStore, full_disk_named
from cloudarium.substrate.images.digests import digest_of
from cloudarium.substrate.images.errors import BlobNotFound, ImageError, ImageNotFound, InvalidManifest
from cloudarium.substrate.images.layers import Layers
from cloudarium.substrate.images.model import MAX_CONFIG, MAX_MANIFEST, Image, Rootfs
from cloudarium.substrate.images.platforms import choose
from cloudarium.substrate.images.references import local_name, short_names

if TYPE_CHECKING:
    from cloudarium.kernel.clock import Clock
    from cloudarium.kernel.store import Store
    from cloudarium.substrate.host.client import HostClient
    from cloudarium.substrate.images.credentials import RegistryAuth

EVERYWHERE = Scope("*", "*")
"""Imported names belong to the machine, as a container engine's do, not to an account."""

SERVICES = ("ecs",)
"""Folders beside the images in which services keep what their containers mount."""

_CONTAINER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\Z")
_MAX_INDEXES = 4

Live = Callable[[], Iterable[str]]
"""Digests of manifests, indexes or single blobs that somebody needs."""


class ImportedName(Record, frozen=True, kw_only=True):
    """A name somebody gave to an image."""

    TABLE = "images.names"
    KEY = "name"

    name: str
    digest: str
    media_type: str
    size: int
    created: float
    """Cloud time."""


class Images:
    """See the module. ``root`` is made when needed."""

    def __init__(self, root: Path, *, host: HostClient | None, clock: Clock, store: Store) -> None:
        self.root = root
        self._host, self._clock = host, clock
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.blobs = BlobStore(root)
        self.layers = Layers(root)
        self._containers = root / "containers"
        self._containers.mkdir(exist_ok=True)
        self._trash = root / "scratch"
        self._names = store.table(ImportedName)
        self._store = store
        self._live: dict[str, Live] = {}
        self._owners = root / "owners.json"
        self._sweeping = asyncio.Lock()
        self._users = 0
        """Of what is in the store right now: while there are any nothing is swept."""
        self._closers: list[Callable[[], object]] = []

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, name: str) -> Image | None:
        """The image imported under a name (``:latest`` is understood), None when there is none."""
        row = self._row(name)
        if row is None:
            return None
        data = self._read(row.digest, MAX_MANIFEST)
        return self._describe(data, row.media_type, "")[0]

    def names(self) -> list[ImportedName]:
        """Every imported name."""
        return self._names.all(EVERYWHERE)

    async def forget(self, name: str) -> bool:
        """Take a name away; False when there was none. The next sweep removes what nothing else needs."""
        async with self._store.transaction():
            return self._names.delete(EVERYWHERE, local_name(name)) is not None

    # -- getting ---------------------------------------------------------------------------------------------------

    async def load(self, manifest: bytes, media_type: str, *, platform: str = "") -> Image:
        """Make an image whose blobs are in the store ready to run: choose from an index, unpack what is not unpacked.

        Raises ``InvalidManifest``, ``NoMatchingPlatform``, ``BlobNotFound``, ``CorruptLayer``, ``HostileArchive``,
        ``DiskFull``.
        """
        async with self._using():
            image, layers = self._describe(manifest, media_type, platform)
            self.blobs.put(manifest)
            await self._unpack(image, layers)
        return image

    async def pull(self, reference: str, *, platform: str = "", auth: RegistryAuth | None = None) -> Image:
        """An imported name first, else from the registry that the reference names. Ready to run when it returns.

        Raises what ``load`` does and ``InvalidReference``, ``ImageNotFound``, ``ManifestNotFound``,
        ``RegistryUnreachable``, ``RegistryDenied``, ``UnsupportedCredentials``.
        """
        if (row := self._row(reference)) is not None:
            return await self.load(self._read(row.digest, MAX_MANIFEST), row.media_type, platform=platform)
        async with self._using():
            document, media_type = await self._fetch(reference, platform, auth)
            return await self.load(document, media_type, platform=platform)

    async def prefetch(self, reference: str, *, platform: str = "") -> Image:
        """Fetch from the registry even if the name is here, and keep the image under that name from now on."""
        async with self._using():
            document, media_type = await self._fetch(reference, platform, None)
            image = await self.load(document, media_type, platform=platform)
            await self._name(local_name(reference), image, document, media_type)
        return image

    async def _fetch(self, reference: str, platform: str, auth: RegistryAuth | None) -> tuple[bytes, str]:
        from cloudarium.substrate.images.pull import fetch
        from cloudarium.substrate.images.references import parse_reference

        wanted = parse_reference(reference)
        if self._host is None:
            raise ImageNotFound(f"{wanted}: not found: it was not imported, and there is no network to pull it over")
        return await fetch(wanted, self.blobs, self._host, platform=platform, auth=auth)

    async def import_path(
        self, path: Path, name: str, *, changes: Changes | None = None, platform: str = "", tag: str = ""
    ) -> Image:
        """Bring an image in from this machine's disk and name it.

        ``path`` is a folder that becomes the root, an OCI layout, an archive that ``docker save`` wrote, an archive of
        an OCI layout, or an archive of a root; archives may be compressed with gzip or zstd. ``changes`` say what to
        run; ``tag`` chooses among several images of one archive.
        """
        from cloudarium.substrate.images.importing import bring_in

        full = local_name(name)
        async with self._using():
            manifest, media_type = await bring_in(path, self.blobs, self.layers, changes or Changes(), platform, tag)
            image = await self.load(manifest, media_type, platform=platform)
            await self._name(full, image, manifest, media_type)
        return image

    async def _name(self, name: str, image: Image, manifest: bytes, media_type: str) -> None:
        digest, now = digest_of(manifest), self._clock.now()
        row = ImportedName(name=name, digest=digest, media_type=media_type, size=image.size, created=now)
        async with self._store.transaction():
            self._names.put(EVERYWHERE, row)

    # -- containers ------------------------------------------------------------------------------------------------

    async def rootfs(self, image: Image, container_id: str) -> Rootfs:
        """Directories for a container, the same ones again when they were made before (also by a cloud that died).

        The image's layers are kept until ``discard``. Raises ``BlobNotFound`` when a layer is not unpacked.
        """
        lowers = []
        for diff_id in dict.fromkeys(reversed(image.layers)):
            if (found := self.layers.path(diff_id)) is None:
                raise BlobNotFound(f"layer {diff_id} is not unpacked")
            lowers.append(str(found))
        folder = self._container(container_id)
        with full_disk_named("container"):
            folder.mkdir(exist_ok=True)
            if not lowers:
                (folder / "empty").mkdir(exist_ok=True)
                lowers = [str(folder / "empty")]
            for name in ("upper", "work", "merged"):
                (folder / name).mkdir(exist_ok=True)
            marker = folder / "layers.json"
            if not marker.exists():
                # The container's root directory is the upper one: it has to look as the image's own does.
                top = os.stat(lowers[0])
                os.chown(folder / "upper", top.st_uid, top.st_gid)
                os.chmod(folder / "upper", top.st_mode & 0o7777)
                scratch = folder / "layers.json.new"
                scratch.write_bytes(msgspec.json.encode(image.layers))
                scratch.replace(marker)
        return Rootfs(
            lowers=lowers,
            upper=str(folder / "upper"),
            work=str(folder / "work"),
            merged=str(folder / "merged"),
            userxattr=self.layers.limited,
        )

    async def discard(self, container_id: str) -> None:
        """Delete what a container wrote. It must be unmounted: ``ImageError`` otherwise. Absent ones are no error."""
        folder = self._container(container_id)
        if not folder.exists():
            return
        try:
            # A mount point cannot be removed, and nothing below one may be deleted: it could be somebody's volume.
            (folder / "merged").rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ImageError(f"the files of container {container_id} are in use: {error.strerror}") from error
        trash = self._trash / uuid.uuid4().hex
        folder.rename(trash)
        await asyncio.to_thread(shutil.rmtree, trash, True)

    def written(self, container_id: str) -> tuple[Path, list[Path]]:
        """Where a container's own files are, and its image's layers below them. Raises OSError without directories."""
        folder = self._container(container_id)
        layers = msgspec.json.decode((folder / "layers.json").read_bytes(), type=list[str])
        return folder / "upper", [path for each in layers if (path := self.layers.path(each)) is not None]

    def containers(self) -> list[str]:
        """The ids that have directories."""
        return [entry.name for entry in os.scandir(self._containers) if entry.is_dir(follow_symlinks=False)]

    async def reset(self) -> None:
        """Every resource is gone: delete what containers wrote and what services keep for them.

        Nobody's containers run any more. Blobs and layers go with the next sweep, which asks nobody: owners that use
        images again say so again.
        """
        for container_id in self.containers():
            await self.discard(container_id)
        for folder in SERVICES:
            await asyncio.to_thread(shutil.rmtree, self.root / folder, True)
        self._owners.unlink(missing_ok=True)

    # -- who needs what --------------------------------------------------------------------------------------------

    def keep(self, owner: str, live: Live) -> None:
        """Ask ``live`` at each sweep which digests are needed (a registry's manifests and blobs).

        ``owner`` is the name of the service. It is remembered on the disk: nothing is swept, in later runs too, while
        an owner has not said what it needs. Registering again replaces.
        """
        self._live[owner] = live
        if owner not in (owners := self.owners()):
            scratch = self.root / "owners.json.new"
            scratch.write_bytes(msgspec.json.encode(sorted({*owners, owner})))
            scratch.replace(self._owners)

    def owners(self) -> list[str]:
        """Everybody who ever called ``keep``."""
        try:
            return msgspec.json.decode(self._owners.read_bytes(), type=list[str])
        except (FileNotFoundError, msgspec.DecodeError):
            return []

    async def sweep(self, *, grace: float = 3600.0) -> dict[str, int]:
        """Remove blobs, layers and uploads that nobody needs and that are older than ``grace`` host seconds.

        Says how many of each. Raises ``ImageError`` while an owner is silent, and while images are fetched or unpacked.
        """
        from cloudarium.substrate.images.sweep import sweep

        async with self._sweeping:
            if self._users:
                raise ImageError("images are being fetched or unpacked: try again when that is done")
            if silent := [owner for owner in self.owners() if owner not in self._live]:
                raise ImageError(f"what {', '.join(silent)} needs is not known: the service is not running")
            roots = {row.digest for row in self.names()}
            for live in self._live.values():
                roots.update(live())
            return await asyncio.to_thread(sweep, self.blobs, self.layers, roots, self._containers, grace)

    def on_close(self, closer: Callable[[], object]) -> None:
        """Call ``closer`` after ``close`` has stopped what is under way; last registered first."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Stop what is under way."""
        await self.layers.close()
        for closer in reversed(self._closers):
            closer()

    # -- inside ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[None]:
        """Keep the sweeper out; waits while it is at work, for seconds. May be nested."""
        if not self._users:
            async with self._sweeping:
                self._users += 1
        else:
            self._users += 1
        try:
            yield
        finally:
            self._users -= 1

    def _row(self, name: str) -> ImportedName | None:
        for short in short_names(name):
            if (row := self._names.get(EVERYWHERE, short)) is not None:
                return row
        return None

    def _container(self, container_id: str) -> Path:
        if not _CONTAINER_ID.match(container_id):
            raise ValueError(f"not a container id: {container_id!r}")
        return self._containers / container_id

    def _read(self, digest: str, limit: int) -> bytes:
        try:
            data = self.blobs.read(digest, limit=limit)
        except ValueError as error:
            raise InvalidManifest(str(error)) from error
        if data is None:
            raise BlobNotFound(f"failed to copy: {digest}: not found")
        return data

    def _describe(self, data: bytes, media_type: str, platform: str) -> tuple[Image, list[str]]:
        """The image, and the blobs of its layers, lowest first."""
        index_digest = ""
        found = manifests.parse(data, media_type)
        for _ in range(_MAX_INDEXES):
            if isinstance(found, manifests.Manifest):
                break
            index_digest = index_digest or digest_of(data)
            chosen = choose(found.manifests, platform)
            data = self._read(chosen.digest, MAX_MANIFEST)
            found = manifests.parse(data, chosen.media_type)
        if not isinstance(found, manifests.Manifest):
            raise InvalidManifest("indexes of indexes of indexes")
        config, diff_ids = manifests.parse_config(self._read(found.config.digest, MAX_CONFIG))
        manifests.check_image(found, diff_ids)
        image = Image(
            digest=digest_of(data),
            config=config,
            layers=diff_ids,
            size=found.config.size + sum(layer.size for layer in found.layers),
            media_type=found.media_type,
            index_digest=index_digest,
        )
        return image, [layer.digest for layer in found.layers]

    async def _unpack(self, image: Image, blobs: list[str]) -> None:
        async def one(diff_id: str, digest: str) -> None:
            if self.layers.touch(diff_id):
                return
            if (blob := self.blobs.path(digest)) is None:
                raise BlobNotFound(f"failed to copy: {digest}: not found")
            await self.layers.ensure(diff_id, blob)

        await gather([one(diff_id, digest) for diff_id, digest in zip(image.layers, blobs, strict=True)])


async def gather(works: Iterable[Awaitable[Any]]) -> None:
    """All of them; when one fails the others are cancelled and the first error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["Changes", "Image", "Images", "ImportedName", "Rootfs"]
