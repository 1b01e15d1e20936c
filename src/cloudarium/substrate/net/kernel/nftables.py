"""Loading nftables rulesets into the calling thread's network namespace.

Through libnftables in this process (0.5 ms) where it can be loaded, else through the `nft` command (15 ms). nft is
linked against the library, so both come with the same package. A ruleset is one transaction either way.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Any

from cloudarium.substrate.net.errors import NetworkError

_NETLINK_NETFILTER = 12
_TIMEOUT = 30.0
"""Host seconds for the nft command: it talks to the kernel only, so this guards against a stuck kernel."""


@lru_cache(maxsize=1)
def _library() -> Any:
    import ctypes

    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError:
        return None
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    for name in ("nft_ctx_free", "nft_ctx_buffer_error", "nft_ctx_buffer_output", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


def available() -> bool:
    """Whether this machine has nftables' library or its command."""
    return _library() is not None or _command() is not None


def load(ruleset: str) -> None:
    """Apply a ruleset, whole or not at all. One thread at a time. Raises NetworkError with nft's own message."""
    library = _library()
    if library is None:
        _run(ruleset)
        return
    # The library ends the process when it cannot open a socket: find out first whether one can be had.
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER).close()
    context = library.nft_ctx_new(0)
    if not context:
        raise NetworkError("nftables: no context")
    try:
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_buffer_output(context)
        if library.nft_run_cmd_from_buffer(context, ruleset.encode()) != 0:
            raise NetworkError(_explain(library.nft_ctx_get_error_buffer(context)))
    finally:
        library.nft_ctx_free(context)


def _command() -> str | None:
    """Where nft is: often in a folder that is not on an ordinary user's PATH."""
    import shutil

    return shutil.which("nft") or shutil.which("nft", path="/usr/local/sbin:/usr/sbin:/sbin")


def _run(ruleset: str) -> None:
    import subprocess

    try:
        done = subprocess.run(
            [_command() or "nft", "-f", "-"], input=ruleset.encode(), capture_output=True, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkError(f"nft: {error}") from error
    if done.returncode != 0:
        raise NetworkError(_explain(done.stderr))


def _explain(output: bytes) -> str:
    return "nftables: " + output.decode(errors="replace").strip()[:2000]
