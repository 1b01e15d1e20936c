"""``/_cloudarium/images/…``: what ``cloudarium image`` asks of a running cloud."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cloudarium.kernel.errors import AwsError
from cloudarium.substrate.images.assemble import Changes
from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.model import Image

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud
    from cloudarium.substrate.images.store import Images, ImportedName

_MACHINE = ("busybox", "python")


class _Request(msgspec.Struct):
    path: str = ""
    name: str = ""
    tag: str = ""
    platform: str = ""
    kind: str = ""
    changes: Changes = Changes()


async def answer(cloud: Cloud, action: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Serve ``list``, ``import``, ``machine``, ``pull``, ``remove`` or ``prune``. Raises ``AwsError``."""
    images: Images = cloud.images
    try:
        request = msgspec.convert(fields, _Request)
        match action:
            case "list":
                return {"images": [_row(row) for row in images.names()]}
            case "import":
                image = await images.import_path(
                    Path(request.path),
                    request.name,
                    changes=request.changes,
                    platform=request.platform,
                    tag=request.tag,
                )
                return _shown(image)
            case "machine":
                return _shown(await import_machine_image(images, request.kind, request.name, request.changes))
            case "pull":
                return _shown(await images.prefetch(request.name, platform=request.platform))
            case "remove":
                if not await images.forget(request.name):
                    raise AwsError("ImageNotFound", f"there is no image {request.name}", 404)
                return {"removed": request.name}
            case "prune":
                for owner in images.owners():
                    await cloud.ensure_started(cloud.services[owner])
                return dict(await images.sweep(grace=0.0))
    except msgspec.ValidationError as error:
        raise AwsError("ValidationException", str(error), 400) from error
    except ImageError as error:
        raise AwsError(type(error).__name__, str(error), 400) from error
    except OSError as error:
        # Copying a tree, shutil gathers what went wrong with each file.
        full = os.strerror(errno.ENOSPC) in str(error)
        raise AwsError("DiskFull" if full else "ImageError", f"{str(error)[:300]}", 400) from error
    raise AwsError("UnknownOperation", f"there is no images/{action}", 404)


async def import_machine_image(images: Images, kind: str, name: str, changes: Changes) -> Image:
    """Make and import an image of what this machine has: ``busybox``, or ``python`` with busybox beside it."""
    from cloudarium.substrate.images import machine_images

    if kind not in _MACHINE:
        raise AwsError("ValidationException", f"there is no image {kind!r} to make: use {' or '.join(_MACHINE)}", 400)
    folder = images.root / "scratch" / uuid.uuid4().hex

    def fill() -> Changes:
        folder.mkdir()
        return machine_images.busybox_root(folder) if kind == "busybox" else machine_images.python_root(folder)

    try:
        usual = await asyncio.to_thread(fill)
        given = {key: value for key, value in msgspec.structs.asdict(changes).items() if value}
        given["env"] = [*usual.env, *changes.env]
        return await images.import_path(folder, name, changes=msgspec.structs.replace(usual, **given))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _row(row: ImportedName) -> dict[str, Any]:
    created = datetime.fromtimestamp(row.created, UTC).isoformat(timespec="seconds")
    return {"name": row.name, "digest": row.digest, "size": row.size, "created": created}


def _shown(image: Image) -> dict[str, Any]:
    return {
        "digest": image.digest,
        "size": image.size,
        "platform": f"{image.config.os}/{image.config.architecture}",
        "layers": len(image.layers),
    }
