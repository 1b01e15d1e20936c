"""The root file system of a container, mounted where only the shim and what is below it can see it."""

from __future__ import annotations

import os
import stat

from cloudarium.substrate.compute.runc.shim import kernel
from cloudarium.substrate.compute.runc.shim.users import User, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FILE_LIMIT = 4 * 1024 * 1024


def mount_overlay(overlay: dict[str, Any], in_user_namespace: bool) -> None:
    """Mount ``{"lowers" (top first), "upper", "work", "merged"}`` at ``merged``.

    The kernel takes one page of options, too little for the paths of many layers, and has its own ideas about commas
    and colons in them: so it is told descriptors.
    """
    fds: list[int] = []

    def short(path: str) -> str:
        fds.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        return f"/proc/self/fd/{fds[-1]}"

    try:
        options = [f"lowerdir={':'.join(map(short, overlay['lowers']))}"]
        if overlay.get("upper"):
            options += [f"upperdir={short(overlay['upper'])}", f"workdir={short(overlay['work'])}"]
        if in_user_namespace:
            options.append("userxattr")
        kernel.mount("overlay", overlay["merged"], "overlay", 0, ",".join(options))
    finally:
        for fd in fds:
            os.close(fd)


def find_user(root: str, wanted: str) -> User:
    """Who ``wanted`` is in the file system at ``root``. Raises UnknownUser."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return resolve(wanted, _text(folder, "etc/passwd"), _text(folder, "etc/group"))
    finally:
        os.close(folder)


def _text(root: int, path: str) -> str:
    """A file of the image; empty when it has none, or something else by that name."""
    try:
        # Without O_NONBLOCK a fifo would be waited for.
        fd = kernel.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return ""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return ""
    with open(fd, "rb") as file:
        return file.read(_FILE_LIMIT).decode(errors="replace")
