"""The content-addressed store: whole or absent, and uploads that outlive the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloudarium.substrate.images.blobs import BlobStore, DigestMismatch
from cloudarium.substrate.images.digests import digest_of
from cloudarium.substrate.images.errors import DiskFull


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_put_and_read(blobs: BlobStore, algorithm: str) -> None:
    digest = blobs.put(b"content", algorithm)
    assert digest == digest_of(b"content", algorithm) == blobs.put(b"content", algorithm)
    path = blobs.path(digest)
    assert path is not None and path.read_bytes() == b"content"
    assert (blobs.size(digest), blobs.read(digest, limit=7)) == (7, b"content")
    with pytest.raises(ValueError, match="larger"):
        blobs.read(digest, limit=6)
    blobs.delete(digest)
    blobs.delete(digest)
    assert blobs.path(digest) is blobs.size(digest) is None


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:../../etc/passwd", "md5:00", "sha256:" + "A" * 64])
def test_what_is_no_digest_is_not_there(blobs: BlobStore, text: str) -> None:
    assert blobs.path(text) is None
    assert blobs.size(text) is None
    blobs.delete(text)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_uploads(blobs: BlobStore, algorithm: str) -> None:
    upload = blobs.begin()
    upload.write(b"con")
    upload.write(memoryview(b"tent"))
    assert upload.size == 7
    wrong = digest_of(b"other", algorithm)
    with pytest.raises(DigestMismatch):
        upload.finish(wrong)
    assert blobs.path(wrong) is None
    assert blobs.resume(upload.id) is upload, "a wrong digest does not end it"
    digest = digest_of(b"content", algorithm)
    assert upload.finish(digest) == digest
    assert blobs.read(digest, limit=10) == b"content"
    assert blobs.resume(upload.id) is None


def test_an_upload_goes_on_in_another_process(blobs: BlobStore) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from cloudarium.substrate.images.blobs import BlobStore\n"
        "upload = BlobStore(Path(sys.argv[1])).begin(); upload.write(b'con'); print(upload.id, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(blobs.root)], capture_output=True, text=True)
    upload = blobs.resume(killed.stdout.strip())
    assert upload is not None
    assert upload.size == 3
    upload.write(b"tent")
    assert upload.finish() == digest_of(b"content")


@pytest.mark.parametrize("upload_id", ["", "..", "../blobs", "0" * 32, "00000000-0000-4000-8000-000000000000"])
def test_uploads_that_are_none(blobs: BlobStore, upload_id: str) -> None:
    assert blobs.resume(upload_id) is None


def test_cancelled_and_old_uploads_are_gone(blobs: BlobStore) -> None:
    first, second = blobs.begin(), blobs.begin()
    first.cancel()
    assert blobs.resume(first.id) is None
    assert blobs.drop_uploads(0.0) == 0
    assert blobs.drop_uploads(2e12) == 1
    assert blobs.resume(second.id) is None


def test_many_uploads_at_once_hold_no_descriptors(blobs: BlobStore) -> None:
    before = len(os.listdir("/proc/self/fd"))
    uploads = [blobs.begin() for _ in range(600)]
    for number, upload in enumerate(uploads):
        upload.write(b"%d" % number)
    assert len(os.listdir("/proc/self/fd")) == before
    again = blobs.resume(uploads[0].id)
    assert again is not None and again is not uploads[0], "its hash was forgotten and is made anew"
    assert again.finish() == digest_of(b"0")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting a small disk needs root")
def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; from pathlib import Path\n"
        "from cloudarium.substrate.images.blobs import BlobStore\n"
        "from cloudarium.substrate.images.errors import DiskFull\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', sys.argv[1]], check=True)\n"
        "upload = BlobStore(Path(sys.argv[1])).begin(); upload.write(b'a' * 500_000)\n"
        "try: upload.write(b'b' * 2_000_000)\n"
        "except DiskFull as error: print(error)\n"
        "print(upload.size, Path(sys.argv[1], 'uploads', upload.id).stat().st_size)\n"
        "upload.write(b'c'); print(upload.finish())"
    )
    command = ["unshare", "-m", sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "failed to write blob: no space left on device",
        "500000 500000",
        digest_of(b"a" * 500_000 + b"c"),
    ]
    assert issubclass(DiskFull, Exception)
