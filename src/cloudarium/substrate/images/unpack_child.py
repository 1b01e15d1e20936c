"""Unpacking in a process of its own: it keeps both the interpreter's lock and the memory of big layers from the cloud.

The job comes as JSON on standard input; the result, or the error's kind and words, leaves on standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from cloudarium.substrate.images import errors
from cloudarium.substrate.images.unpack import Job, Unpacked, unpack


class _Failure(msgspec.Struct):
    kind: str
    words: str


class _Answer(msgspec.Struct):
    done: Unpacked | None = None
    failure: _Failure | None = None


def main() -> None:
    """The child's code; see ``kernel.child_main``."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        answer = _Answer(done=unpack(job))
    except errors.ImageError as error:
        answer = _Answer(failure=_Failure(type(error).__name__, str(error)))
    except OSError as error:
        answer = _Answer(failure=_Failure("ImageError", f"failed to extract layer: {error}"))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.buffer.flush()


async def unpack_elsewhere(job: Job) -> Unpacked:
    """Run a job in a child process, which dies with this one. Raises ``ImageError`` kinds."""
    command = ["-m", "cloudarium.kernel.child_main", str(os.getpid()), "call", f"{__name__}:main"]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await child.communicate(msgspec.json.encode(job))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except msgspec.DecodeError:
        raise errors.ImageError(
            f"failed to extract layer: the unpacking process ended with {child.returncode}"
        ) from None
    if answer.done is not None:
        return answer.done
    failure = answer.failure or _Failure("ImageError", "failed to extract layer")
    kind = getattr(errors, failure.kind, errors.ImageError)
    if kind in (errors.ManifestNotFound, errors.NoMatchingPlatform):
        kind = errors.ImageError
    raise kind(failure.words)
