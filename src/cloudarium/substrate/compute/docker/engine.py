"""Which engine answers, and what it can do here: asked once, by two short blocking requests when first needed."""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import Any

import msgspec

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runtime import RuntimeCapabilities

DEFAULT = "unix:///var/run/docker.sock"
_NEWEST = (1, 47)
"""The newest version of the API that this driver was written for; older ones do, newer engines still speak it."""
_OLDEST = (1, 41)
_PATIENCE = 2.0
"""Host seconds for each answer."""
_LIMITS = {
    "cpu": ("CPUShares", "CpuCfsQuota"),
    "memory": ("MemoryLimit",),
    "pids": ("PidsLimit",),
}
_GROUPS = "an engine has no limits for several containers together: those of a task as a whole are not enforced"


class Engine(msgspec.Struct, kw_only=True, frozen=True):
    """What was found. ``reason``: why there is none; else ``version`` is the version of the API to speak.

    ``slow``: something is there that takes connections, and did not answer in time.

    ``names_joined``: whether a container in another's network can have a name of its own. Podman gives it none
    otherwise; Docker refuses to, and gives it the other's.
    """

    reason: str = ""
    slow: bool = False
    version: str = ""
    info: dict[str, Any] = {}
    names_joined: bool = False

    def capabilities(self, networks: str) -> RuntimeCapabilities:
        """For callers; ``networks`` says why containers cannot join networks, empty when they can."""
        info = self.info
        reasons = {"groups": _GROUPS} | ({"networks": networks} if networks else {})
        return RuntimeCapabilities(
            driver="docker",
            available=not self.reason,
            reason=self.reason,
            limits=frozenset(name for name, needed in _LIMITS.items() if all(info.get(each) for each in needed)),
            networks=not networks,
            reasons=reasons,
        )


def socket_path(url: str) -> str:
    """The path in a ``DOCKER_HOST``. Raises ComputeError for what is not a socket of this machine."""
    scheme, separator, path = (url or DEFAULT).partition("://")
    if not separator or scheme != "unix" or not path.startswith("/"):
        raise ComputeError(
            "unsupported",
            f"DOCKER_HOST={url}: the engine must share this machine's files; write unix:///path/of/its.sock",
        )
    return path


def probe(path: str) -> Engine:
    """Ask the engine at ``path``; never fails."""
    try:
        version = _get(path, "/version")
        newest = _number(version["ApiVersion"])
        if newest < _OLDEST:
            return Engine(reason=f"the engine at {path} is too old: API {version['ApiVersion']}, 1.41 is needed")
        spoken = ".".join(map(str, min(newest, _NEWEST)))
        info = _get(path, f"/v{spoken}/info")
        if info.get("OSType", "linux") != "linux":
            return Engine(reason=f"the engine at {path} runs {info['OSType']} containers")
        podman = any("Podman" in str(each) for each in version.get("Components") or ())
        return Engine(version=spoken, info=info, names_joined=podman)
    except OSError as error:
        slow = isinstance(error, TimeoutError)
        return Engine(reason=f"no engine answers at {path}: {error.strerror or error}", slow=slow)
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Engine(reason=f"what answers at {path} is no engine: {error!r}"[:300])


def _get(path: str, target: str) -> Any:
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        return json.loads(connection.getresponse().read(1024 * 1024))
    finally:
        connection.close()


def _number(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)


def is_there(url: str) -> bool:
    """Whether a socket exists where ``url`` says."""
    try:
        return os.path.exists(socket_path(url))
    except ComputeError:
        return False
