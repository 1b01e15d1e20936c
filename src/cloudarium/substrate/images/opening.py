"""Where a cloud's images are, and the daily sweep.

With a data folder they are in it. An ephemeral cloud has them in memory: a tmpfs mounted in the mount namespace of
its process tree, which is gone with the tree however it ended. Without such a namespace nothing can run in containers
either; what little there is (a registry's blobs) lies in the runtime folder and is cleared at the next start at the
latest.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cloudarium.substrate.images.errors import ImageError
from cloudarium.substrate.images.store import Images

if TYPE_CHECKING:
    from cloudarium.kernel.clock import Clock
    from cloudarium.kernel.store import Store
    from cloudarium.substrate.host.boot import Boot
    from cloudarium.substrate.host.client import HostClient

log = logging.getLogger(__name__)

_EVERY = 86_400.0
"""Cloud seconds between sweeps."""

_MS_NOSUID, _MS_NODEV, _MNT_DETACH = 2, 4, 2


def open_images(boot: Boot, *, host: HostClient | None, clock: Clock, store: Store) -> Images:
    """The images of this cloud; its sweep runs until they are closed."""
    leave = None
    if boot.data_dir and not boot.ephemeral:
        root = Path(boot.data_dir, "images")
    else:
        root = Path(boot.runtime_dir, "images")
        leave = _in_memory(root) if boot.namespaces else _cleared(root)
    images = Images(root, host=host, clock=clock, store=store)
    if leave is not None:
        images.on_close(leave)
    sweeper = clock.spawn(_sweep_daily(images, clock), "images sweep")
    images.on_close(sweeper.cancel)
    return images


async def _sweep_daily(images: Images, clock: Clock) -> None:
    while True:
        await clock.sleep(_EVERY)
        try:
            removed = await images.sweep()
        except (ImageError, OSError) as error:
            log.warning("images were not swept: %s", error)
        else:
            if any(removed.values()):
                log.info("images swept: %s", removed)


def _in_memory(root: Path) -> Callable[[], None]:
    """Mount a tmpfs; returns what unmounts it and removes the folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One left by a cloud of this tree that died: its rows are gone, and so is what they meant.
    while os.path.ismount(root) and libc.umount2(os.fsencode(root), _MNT_DETACH) == 0:
        pass
    if libc.mount(b"tmpfs", os.fsencode(root), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0700") != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mounting a tmpfs for images: {os.strerror(number)}")

    def leave() -> None:
        libc.umount2(os.fsencode(root), _MNT_DETACH)
        with contextlib.suppress(OSError):
            root.rmdir()

    return leave


def _cleared(root: Path) -> Callable[[], None]:
    """Empty the folder; returns what removes it."""
    shutil.rmtree(root, ignore_errors=True)
    return lambda: shutil.rmtree(root, ignore_errors=True)
