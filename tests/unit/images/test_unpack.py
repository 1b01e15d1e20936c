"""Archives, honest and hostile."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.substrate.images.digests import digest_of
from cloudarium.substrate.images.errors import CorruptLayer, HostileArchive, ImageError
from cloudarium.substrate.images.tar import Chunks, TarReader
from cloudarium.substrate.images.unpack import Job, Limits, Unpacked, unpack

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="owners and devices need root")


def member(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.uid, info.gid = os.geteuid(), os.getegid()
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=0o755)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def archive(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as writer:
        for info, data in members:
            writer.addfile(info, io.BytesIO(data))
    return target.getvalue()


class Place:
    """A directory to unpack into, with something beside it that must stay as it is."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.target = base / "target"
        self.outside = base / "outside"
        self.outside.mkdir()
        (self.outside / "file").write_text("mine")

    def unpack(self, data: bytes, **options: Any) -> Unpacked:
        blob = self.base / "blob"
        blob.write_bytes(data)
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.mkdir()
        try:
            return unpack(Job(**{"blob": str(blob), "target": str(self.target), "diff_id": "", **options}))
        finally:
            assert [path.name for path in self.outside.iterdir()] == ["file"]
            assert (self.outside / "file").read_text() == "mine"
            assert sorted(path.name for path in self.base.iterdir()) == ["blob", "outside", "target"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_usual_things(place: Place, form: int) -> None:
    long = f"{'d' * 60}/{'e' * 60}/name"
    done = place.unpack(
        archive(
            folder("./"),
            member("./etc/motd", b"hi", mode=0o640, mtime=1_000_000_000),
            link("l", "/etc/motd"),
            link("h", "etc/motd", tarfile.LNKTYPE),
            member(long, b"x"),
            member("pipe", type=tarfile.FIFOTYPE),
            form=form,
        )
    )
    assert done.entries == 6
    found = (place.target / "etc/motd").stat()
    assert (found.st_mode & 0o7777, found.st_mtime, found.st_nlink) == (0o640, 1_000_000_000, 2)
    assert os.readlink(place.target / "l") == "/etc/motd"
    assert (place.target / long).read_bytes() == b"x"
    assert stat.S_ISFIFO((place.target / "pipe").stat().st_mode)


@root_only
def test_owners_bits_and_capabilities(place: Place) -> None:
    capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    info, data = member("ping", b"x", uid=12345, gid=2_000_000_000, mode=0o4755)
    info.pax_headers = {"SCHILY.xattr.security.capability": capability.decode(), "SCHILY.xattr.trusted.overlay.x": "y"}
    done = place.unpack(archive((info, data)))
    found = (place.target / "ping").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (12345, 2_000_000_000, 0o4755)
    assert os.getxattr(place.target / "ping", "security.capability") == capability
    assert os.listxattr(place.target / "ping") == ["security.capability"]
    assert done.omitted == 1


@pytest.mark.skipif(shutil.which("tar") is None, reason="GNU tar writes files with holes")
@pytest.mark.parametrize("version", ["gnu", "0.0", "0.1", "1.0"])
def test_files_with_holes(place: Place, tmp_path: Path, version: str) -> None:
    source = place.base / "holes"
    with source.open("wb") as file:
        for number in range(30):
            file.seek(number * 100_000)
            file.write(b"%d" % number * 50)
        file.truncate(5_000_000)
    form = ["--format=gnu"] if version == "gnu" else ["--format=posix", f"--sparse-version={version}"]
    packed = subprocess.run(
        ["tar", "cf", "-", "--sparse", *form, "-C", str(place.base), "holes"], capture_output=True, check=True
    ).stdout
    wanted = source.read_bytes()
    source.unlink()
    assert len(packed) < 1_000_000
    place.unpack(packed)
    assert (place.target / "holes").read_bytes() == wanted
    assert (place.target / "holes").stat().st_blocks * 512 < 2_000_000


@root_only
def test_whiteouts_whatever_the_order(place: Place) -> None:
    place.unpack(
        archive(
            member(".wh.gone"), member("d/.wh..wh..opq"), member(".wh.file"), member("file", b"new"),
            folder("kept"), member("kept/x"), member(".wh.kept"), member(".wh.new"), folder("new"),
            member(".wh..wh.plnk/1", b""),
        )
    )  # fmt: skip
    gone = (place.target / "gone").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    assert (place.target / "file").read_bytes() == b"new"
    for name in ("d", "kept", "new"):
        assert os.getxattr(place.target / name, "trusted.overlay.opaque") == b"y"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_digest_of_the_whole_stream_and_several_members(place: Place, pack: Any) -> None:
    plain = archive(member("a", b"1")) + b"\0" * 5000
    diff_id = digest_of(plain)
    packed = pack(plain[:700]) + pack(plain[700:])
    assert place.unpack(packed, diff_id=diff_id).diff_id == diff_id
    with pytest.raises(CorruptLayer, match="diff id"):
        place.unpack(packed, diff_id=digest_of(b""))
    assert place.unpack(packed, diff_id=digest_of(plain, "sha512")).diff_id.startswith("sha512:")
    with pytest.raises(CorruptLayer):
        place.unpack(packed[:-3], diff_id=diff_id)
    with pytest.raises(CorruptLayer):
        place.unpack(packed[:30] + b"????" + packed[34:], diff_id=diff_id)


HOSTILE = {
    "above": [member("../outside/new", b"x")],
    "above, later": [member("a/../../outside/new", b"x")],
    "link to above, then through": [link("l", "../outside"), member("l/new", b"x")],
    "absolute link, then through": [link("l", "OUTSIDE"), member("l/new", b"x")],
    "through two links": [link("a", "."), link("a/b", "OUTSIDE"), member("a/b/new", b"x")],
    "whiteout through a link": [link("l", "OUTSIDE"), member("l/.wh.file")],
    "opaque through a link": [link("l", "OUTSIDE"), member("l/.wh..wh..opq")],
    "whiteout of the parent": [member(".wh...")],
    "hard link to above": [link("h", "../outside/file", tarfile.LNKTYPE)],
    "hard link through a link": [link("l", "OUTSIDE"), link("h", "l/file", tarfile.LNKTYPE)],
    "hard link to a directory": [folder("d"), link("h", "d", tarfile.LNKTYPE)],
    "hard link to nothing": [link("h", "", tarfile.LNKTYPE)],
    "device": [member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "whiteout as a device": [member("dev/x", type=tarfile.CHRTYPE)],
    "file over a full directory": [folder("d"), member("d/x"), member("d", b"x")],
    "unknown kind": [member("x", type=b"Q")],
    "too deep": [member("d/" * 1000 + "x")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(place: Place, name: str) -> None:
    members = HOSTILE[name]
    for info, _ in members:
        if info.linkname == "OUTSIDE":
            info.linkname = str(place.outside)
    with pytest.raises(HostileArchive):
        place.unpack(archive(*members))


def test_a_link_is_replaced_and_not_written_through(place: Place) -> None:
    place.unpack(archive(link("f", str(place.outside / "file")), member("f", b"theirs")))
    assert (place.target / "f").read_bytes() == b"theirs"
    place.unpack(archive(link("d", str(place.outside)), folder("d"), member("d/file", b"theirs")))
    assert (place.target / "d/file").read_bytes() == b"theirs"


def test_later_entries_replace_earlier_ones(place: Place) -> None:
    entries = member("a/b", b"1"), member("a/b", b"2"), folder("a/d"), member("a/d", b"3"), link("a/b", "d")
    place.unpack(archive(*entries))
    assert (place.target / "a/d").read_bytes() == b"3"
    assert os.readlink(place.target / "a/b") == "d"


def test_absolute_names_stay_inside(place: Place) -> None:
    place.unpack(archive(member(str(place.outside / "new"), b"x")))
    assert (place.target / str(place.outside).lstrip("/") / "new").exists()


@root_only
def test_device_nodes_in_dev(place: Place) -> None:
    done = place.unpack(
        archive(
            member("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
            member("dev/sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        )
    )
    assert [path.name for path in (place.target / "dev").iterdir()] == ["null"]
    assert done.omitted == 1


def test_bombs_are_defused(place: Place) -> None:
    limits = Limits(size=1 << 20, entries=100)
    zeros = archive(member("zeros", bytes(4 << 20)))
    for packed in (gzip.compress(zeros), zstandard.ZstdCompressor().compress(zeros)):
        assert len(packed) < 20_000
        with pytest.raises(HostileArchive, match="larger than"):
            place.unpack(packed, limits=limits)
    with pytest.raises(HostileArchive, match="entries"):
        place.unpack(archive(*(member(str(number)) for number in range(101))), limits=limits)
    info, _ = member("x")
    info.pax_headers = {"comment": "x" * (2 << 20)}
    with pytest.raises(HostileArchive, match="extended header"):
        place.unpack(archive((info, b"")))
    header = bytearray(archive(member("x", b"")))[:512]
    many = b"".join(_pax_header() for _ in range(2000)) + bytes(header)
    with pytest.raises(HostileArchive, match="in a row"):
        place.unpack(many)


def _pax_header() -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", 8
    return info.tobuf(tarfile.USTAR_FORMAT) + b"8 a=bcd\n".ljust(512, b"\0")


def test_a_hole_larger_than_allowed(place: Place) -> None:
    info, _ = member("x")
    info.pax_headers = {"GNU.sparse.size": str(1 << 50), "GNU.sparse.map": "0,0"}
    with pytest.raises(HostileArchive, match="larger than"):
        place.unpack(archive((info, b"")))


@given(st.binary(max_size=4096))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _read_all(data)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_archives_are_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(_SAMPLE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    # A header that was changed gets a checksum that fits, else nothing behind the check would ever be reached.
    for start in range(0, len(whole) - 511, 512):
        block = whole[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            whole[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    _read_all(bytes(whole))


def _read_all(data: bytes) -> None:
    reader = TarReader(Chunks([data[:100], data[100:]]))
    try:
        for _ in reader:
            for _ in reader.data():
                pass
    except ImageError:
        pass


def _sample() -> bytes:
    sparse, data = member("sparse", b"2\n0\n1\n5\n1\n".ljust(512, b"\0") + b"ab")
    sparse.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": "10",
    }  # fmt: skip
    return archive(
        member("a", b"data", pax_headers={"mtime": "1.5", "uid": "7"}), folder("d"), link("l", "x"), (sparse, data)
    ) + archive(member("n" * 150, b"1"), form=tarfile.GNU_FORMAT)


_SAMPLE = _sample()


def test_the_sample_is_read_in_full() -> None:
    """Else the damaged ones would test nothing."""
    reader = TarReader(Chunks([_SAMPLE]))
    assert [(entry.name, entry.full_size) for entry in reader] == [("a", 4), ("d/", 0), ("l", 0), ("s", 10)]


_IN_USER_NAMESPACE = """
import os, subprocess, sys
from pathlib import Path
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.store import Store
from cloudarium.substrate.images.store import Images
import asyncio

async def main():
    base = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(base / "mnt")], check=True)
    images = Images(base / "mnt/images", host=None, clock=Clock(), store=Store(None))
    low = await images.import_path(base / "low.tar", "low")
    high = await images.import_path(base / "high.tar", "high")
    info = images.layers.info(low.layers[0])
    both = type(low)(digest="", config=low.config, layers=low.layers + high.layers, size=0, media_type="")
    rootfs = await images.rootfs(both, "c")
    assert rootfs.userxattr
    options = f"userxattr,lowerdir={':'.join(rootfs.lowers)},upperdir={rootfs.upper},workdir={rootfs.work}"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, rootfs.merged], capture_output=True)
    if done.returncode:
        print("skip", done.stderr.decode())
        return
    names = sorted(str(path.relative_to(rootfs.merged)) for path in Path(rootfs.merged).rglob("*"))
    print(info.unowned, info.omitted, *names)

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_with_one_id_only(tmp_path: Path) -> None:
    """In a user namespace owners and devices are lost, and said to be; whiteouts work all the same."""
    (tmp_path / "mnt").mkdir()
    device = member("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
    low = archive(member("a", b"1", uid=33, gid=33), folder("d"), member("d/x"), member("e"), device)
    (tmp_path / "low.tar").write_bytes(low)
    (tmp_path / "high.tar").write_bytes(archive(member(".wh.e"), member("d/.wh..wh..opq"), member("d/y")))
    command = ["unshare", "-Urm", sys.executable, "-c", _IN_USER_NAMESPACE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "unshare" in done.stderr or done.stdout.startswith("skip"):
        pytest.skip(done.stderr + done.stdout)
    assert done.returncode == 0, done.stderr
    unowned, omitted, *names = done.stdout.split()
    assert (int(unowned) >= 1, omitted, names) == (True, "1", ["a", "d", "d/y", "dev"])
