"""Network namespaces of the cloud's, for containers of an engine that knows nothing of them.

The API lets a container join another container's network, and that is wherever its first process is. So a holder is
run: a privileged container with the machine's pid namespace, whose process opens the cloud's descriptor through /proc,
steps into the namespace (nsenter) and sleeps. Containers then join the holder. Which namespace it is in, it says
itself: a pid that means another process in the engine's eyes is found out.

Its programs are this machine's own (/usr, read-only): the image of a holder has nothing in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from typing import Any, Protocol

from cloudarium.substrate.compute.docker.api import Api
from cloudarium.substrate.compute.docker.images import EngineImages
from cloudarium.substrate.compute.docker.labels import NAMESPACE, OWNER, ROLE, having
from cloudarium.substrate.compute.docker.streams import BadStream, Frames
from cloudarium.substrate.compute.errors import ComputeError

_FOLDERS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
_SHELL = "/bin/sh"
_SCRIPT = "readlink /proc/self/ns/net && exec sleep infinity"
_PATIENCE = 20.0
"""Host seconds for a holder to step into its namespace."""


class Host(Protocol):
    """What is asked of the host agent."""

    async def own_pid(self) -> int:
        """The calling process as the host sees it."""

    async def namespace(self, pid: int) -> int:
        """A descriptor of the network namespace of a process of the host."""


class Networks:
    """Holders by namespace (inode), and the containers in them."""

    def __init__(self, api: Api, owner: str, images: EngineImages, host: Host | None) -> None:
        self._api = api
        self._owner = owner
        self._images = images
        self._host = host
        self._holders: dict[int, str] = {}
        self._users: dict[int, set[str]] = {}
        self._coming: dict[int, asyncio.Task[str]] = {}
        self._spent: set[str] = set()
        """Holders without use. Podman does not let them go while there are containers, even ended ones, of theirs."""

    async def join(self, fd: int, user: str, hostname: str) -> str:
        """The engine's id of a holder of the namespace ``fd``, for container ``user``."""
        namespace = os.fstat(fd).st_ino
        self._users.setdefault(namespace, set()).add(user)
        if namespace not in self._holders:
            task = self._coming.get(namespace)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._hold(os.dup(fd), namespace, hostname))
                self._coming[namespace] = task
                task.add_done_callback(lambda _: self._coming.pop(namespace, None))
            self._holders[namespace] = await asyncio.shield(task)
        return self._holders[namespace]

    async def leave(self, user: str, namespace: int) -> None:
        """A container is gone; the last one takes the holder with it."""
        users = self._users.get(namespace, set())
        users.discard(user)
        if not users:
            self._users.pop(namespace, None)
            if (holder := self._holders.pop(namespace, None)) is not None:
                self._spent.add(holder)
        await self._sweep()

    async def _sweep(self) -> None:
        for holder in list(self._spent):
            with contextlib.suppress(ComputeError):
                await remove(self._api, holder)
                self._spent.discard(holder)

    async def recover(self, users: dict[str, int]) -> None:
        """Take over an earlier cloud's holders, for running containers by namespace; others are removed."""
        for user, namespace in users.items():
            self._users.setdefault(namespace, set()).add(user)
        filters = having(OWNER, self._owner, f"{ROLE}=network")
        for each in await self._api.call("GET", "/containers/json", {"all": 1, "filters": filters}) or ():
            namespace = int(each["Labels"].get(NAMESPACE) or 0)
            if namespace in self._users and each.get("State") == "running":
                self._holders[namespace] = each["Id"]
            else:
                self._spent.add(each["Id"])
        await self._sweep()

    async def close(self) -> None:
        """End all holders, and remove those that can be."""
        self._spent |= set(self._holders.values())
        self._holders.clear()
        self._users.clear()
        await self._sweep()
        for holder in self._spent:
            with contextlib.suppress(ComputeError):
                await self._api.call("POST", f"/containers/{holder}/kill", {"signal": "SIGKILL"})

    async def kill(self, pid: int, number: int) -> None:
        """Send a signal to a process of the machine, as the engine numbers them."""
        body = await self._body("helper", [_SHELL, "-c", f"kill -{number} {pid}"], {"CapAdd": ["KILL"]})
        made = await self._api.call("POST", "/containers/create", body=body)
        try:
            await self._api.call("POST", f"/containers/{made['Id']}/start")
            await self._api.call("POST", f"/containers/{made['Id']}/wait")
        finally:
            await remove(self._api, made["Id"])

    async def _hold(self, fd: int, namespace: int, hostname: str) -> str:
        try:
            if self._host is None or (program := nsenter()) is None:
                raise ComputeError("unsupported", why_not(self._host))
            try:
                pid = await self._host.own_pid()
            except OSError as error:
                raise ComputeError("failed", f"the host agent does not find the cloud: {error}") from error
            argv = [program, f"--net=/proc/{pid}/fd/{fd}", _SHELL, "-c", _SCRIPT]
            body = await self._body("network", argv, {"Privileged": True})
            body |= {"Hostname": hostname}
            body["Labels"][NAMESPACE] = str(namespace)
            made = await self._api.call("POST", "/containers/create", body=body)
            try:
                await self._api.call("POST", f"/containers/{made['Id']}/start")
                await self._see(made["Id"], namespace)
            except BaseException:
                await asyncio.shield(remove(self._api, made["Id"]))
                raise
            return str(made["Id"])
        finally:
            os.close(fd)

    async def _see(self, holder: str, namespace: int) -> None:
        """Wait until the holder says where it is."""
        query = {"stdout": 1, "stderr": 1, "follow": 1}
        said = b""
        with contextlib.suppress(TimeoutError, BadStream):
            async with asyncio.timeout(_PATIENCE):
                answer = await self._api.open("GET", f"/containers/{holder}/logs", query)
                frames = Frames()
                try:
                    async for data in answer.pieces():
                        said += b"".join(frame for _, frame in frames.feed(data))
                        if b"\n" in said or len(said) > 4096:
                            break
                finally:
                    answer.close()
        if said.strip() != b"net:[%d]" % namespace:
            text = " ".join(said.decode(errors="replace").split())[:300] or "nothing"
            raise ComputeError("failed", f"the engine could not enter the network of the cloud: it said {text}")

    async def _body(self, role: str, argv: list[str], more: dict[str, Any]) -> dict[str, Any]:
        links, folders = _layout()
        return {
            "Image": await self._images.bare(links, folders),
            "Entrypoint": [],
            "Cmd": argv,
            "Labels": {OWNER: self._owner, ROLE: role},
            "StopSignal": "SIGKILL",
            "HostConfig": {
                "NetworkMode": "none",
                "PidMode": "host",
                "RestartPolicy": {"Name": "no"},
                "LogConfig": {"Type": "json-file", "Config": {}},
                "Mounts": [
                    {"Type": "bind", "Source": f"/{name}", "Target": f"/{name}", "ReadOnly": True} for name in folders
                ],
            }
            | more,
        }


def why_not(host: Host | None) -> str:
    """Why containers cannot join networks of the cloud; empty when they can."""
    if host is None:
        return "there is no host agent to find this cloud's process for the engine"
    return "" if nsenter() else "nsenter is not installed (apt-get install util-linux)"


def nsenter() -> str | None:
    """The program that steps into namespaces, in a folder that a holder sees."""
    return shutil.which("nsenter", path="/usr/bin:/bin:/usr/sbin:/sbin")


def _layout() -> tuple[dict[str, str], list[str]]:
    """Of this machine's folders of programs: those that are links, and the others."""
    links = {name: os.readlink(f"/{name}") for name in _FOLDERS if os.path.islink(f"/{name}")}
    return links, [name for name in _FOLDERS if name not in links and os.path.isdir(f"/{name}")]


async def remove(api: Api, engine_id: str) -> None:
    """Remove a container, running or not. Nothing when there is none. Raises ComputeError."""
    try:
        await api.call("DELETE", f"/containers/{engine_id}", {"force": 1, "v": 1})
    except ComputeError as error:
        if error.kind != "not-found":
            raise
