"""Layers put together as the kernel's overlay would."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
from pathlib import Path

import pytest

from cloudarium.substrate.compute.docker.images import pack, union


def layer(folder: Path, files: dict[str, str | None], opaque: tuple[str, ...] = ()) -> str:
    """Files with contents; None is a whiteout."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
        else:
            path.write_text(content)
    for name in opaque:
        os.setxattr(folder / name, "user.overlay.opaque", b"y")
    return str(folder)


def test_upper_layers_hide_lower_ones(tmp_path: Path) -> None:
    lower = layer(tmp_path / "1", {"a": "1", "b": "1", "d/x": "1", "d/y": "1", "gone/z": "1", "was/dir": "1", "n": "1"})
    try:
        middle = layer(tmp_path / "2", {"a": "2", "b": None, "gone": None, "was": "2", "n/ow": "2"})
    except PermissionError:
        pytest.skip("whiteouts cannot be made here")
    try:
        upper = layer(tmp_path / "3", {"d/x": "3", "gone/new": "3"}, opaque=("d",))
    except OSError:
        pytest.skip("no extended attributes here")
    found = {name: Path(path).read_text() for name, path in union([upper, middle, lower]) if os.path.isfile(path)}
    assert found == {"a": "2", "d/x": "3", "gone/new": "3", "was": "2", "n/ow": "2"}
    assert {name for name, path in union([middle, lower]) if os.path.isfile(path)} == {"a", "d/x", "d/y", "was", "n/ow"}
    names = [name for name, _ in union([upper, middle, lower])]
    assert all(os.path.dirname(name) in ("", *names[:place]) for place, name in enumerate(names)), "parents come first"


def test_the_archive_has_all_that_files_are(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    layer(folder, {"bin/tool": "#!", "étc/x": "y"})
    (folder / "bin/tool").chmod(0o4755)
    (folder / "bin/link").symlink_to("/bin/tool")
    (folder / "outside").symlink_to("/")
    os.link(folder / "bin/tool", folder / "bin/same")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / "s"))
    target = io.BytesIO()
    pack([str(folder)], target)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        found = {each.name: each for each in archive}
    assert set(found) == {"bin", "bin/link", "bin/same", "bin/tool", "étc", "étc/x", "outside"}
    assert found["bin/link"].linkname == "/bin/tool" and found["outside"].issym()
    assert found["bin/tool"].linkname == "bin/same" and found["bin/same"].mode == 0o4755
    assert {each.uname for each in found.values()} == {""} and found["étc/x"].uid == os.getuid()
