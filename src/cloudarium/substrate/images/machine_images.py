"""Small images made of what this machine has: busybox, and Python. For demonstrations and tests; no network.

Each function fills an empty folder with a root and says what to run; ``Images.import_path`` takes it from there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from cloudarium.substrate.images.assemble import Changes
from cloudarium.substrate.images.errors import ImageError

_HOST_SECONDS = 20.0
"""For busybox and ldd to answer: they touch nothing but this machine's disk."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEFT_OUT = ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "site-packages",
             "dist-packages")  # fmt: skip
_LEFT_OUT_FILES = re.compile(
    r"config-|.*\.(a|exe)\Z|.*\.opt-[12]\.pyc\Z|_tkinter|_test|.*_test(buffer|capi|clinic|internalcapi|multiphase)"
)
_LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)

_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"


def busybox_root(folder: Path) -> Changes:
    """A root with busybox and its applets (2 MB). Raises ``ImageError`` when this machine has no static busybox."""
    program = _busybox()
    _skeleton(folder)
    shutil.copyfile(program, folder / "bin/busybox")
    (folder / "bin/busybox").chmod(0o755)
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, timeout=_HOST_SECONDS, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox" and "/" not in applet:
            (folder / "bin" / applet).symlink_to("busybox")
    (folder / "usr/bin/env").symlink_to("/bin/busybox")
    return Changes(cmd=["sh"], env=[f"PATH={_PATH}"])


def python_root(folder: Path) -> Changes:
    """A Python of this machine with its standard library, at ``/usr/bin/python3``, beside busybox (about 50 MB).

    The system's own, or else the one this cloud runs on. Raises ``ImageError`` when busybox or ldd is missing.
    """
    busybox_root(folder)
    program, library = _interpreter()
    name = library.name
    shutil.copytree(library, folder / "usr/lib" / name, symlinks=True, ignore=_ignore)
    shutil.copy2(program, folder / "usr/bin" / name)
    for link in ("python3", "python"):
        (folder / "usr/bin" / link).symlink_to(name)
    extensions = library / "lib-dynload"
    for needed in sorted(_libraries([program, *(extensions.glob("*.so") if extensions.is_dir() else ())])):
        _copy_library(needed, folder)
    env = [f"PATH={_PATH}", "PYTHONHOME=/usr", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"]
    return Changes(cmd=["python3"], env=env)


def _interpreter() -> tuple[Path, Path]:
    """An interpreter and the folder of its standard library."""
    question = "import os, sys, sysconfig; print(os.path.realpath(sys.executable)); print(sysconfig.get_path('stdlib'))"
    for program in ("/usr/bin/python3", getattr(sys, "_base_executable", sys.executable)):
        try:
            done = subprocess.run(
                [program, "-I", "-c", question], capture_output=True, text=True, timeout=_HOST_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        executable, library = map(Path, done.stdout.splitlines())
        if (library / "os.py").exists():
            return executable, library
    raise ImageError("there is no Python with a standard library on this machine")


def _busybox() -> str:
    found = shutil.which("busybox")
    if found is None or _libraries([Path(found)]):
        raise ImageError("there is no static busybox on this machine: install the package busybox-static")
    return found


def _skeleton(folder: Path) -> None:
    folder.chmod(0o755)
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "usr/bin", "usr/lib", "usr/sbin", "var", "home"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o1777)
    (folder / "root").chmod(0o700)
    (folder / "sbin").symlink_to("bin")
    # Where the machine's /lib is part of /usr the libraries' own paths go through the link.
    for name in ("lib", "lib64"):
        if os.path.islink(f"/{name}"):
            target = os.readlink(f"/{name}").lstrip("/")
            (folder / target).mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)
    (folder / "etc/passwd").write_text(_PASSWD)
    (folder / "etc/group").write_text(_GROUP)


def _copy_library(path: Path, folder: Path) -> None:
    """A library at the place it has here, or where every loader looks when that is a private one."""
    standard = path.parts[1].startswith("lib") or path.parts[1:3] in (("usr", "lib"), ("usr", "lib64"))
    target = folder / (path.relative_to("/") if standard else Path("usr/lib", path.name))
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _libraries(objects: Iterable[Path]) -> set[Path]:
    """The shared libraries that programs and extensions load, the dynamic loader with them."""
    command = ["ldd", *map(str, objects)]
    try:
        # A static program makes ldd fail; then there is nothing in its output either.
        done = subprocess.run(command, capture_output=True, text=True, timeout=_HOST_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"ldd is needed to find the libraries of a program: {error}") from error
    return {Path(match) for match in _LIBRARY.findall(done.stdout)}


def _ignore(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in _LEFT_OUT or _LEFT_OUT_FILES.match(name)}
