"""After a start: which containers of an earlier cloud process the engine still has, found by their labels."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import msgspec

from cloudarium.substrate.compute.docker import figures
from cloudarium.substrate.compute.docker.container import Container
from cloudarium.substrate.compute.docker.labels import FACTS, OWNER, ROLE, Facts, having
from cloudarium.substrate.compute.docker.networks import Host, remove
from cloudarium.substrate.compute.docker.tools import Tools
from cloudarium.substrate.compute.runtime import Recovered
from cloudarium.substrate.compute.spec import Exit

log = logging.getLogger(__name__)

Found = tuple[Container, Recovered]


async def find_again(
    tools: Tools, host: Host | None, on_exit: Callable[[Container, Exit], object], *, forget: bool
) -> list[Found]:
    """The containers there are; all else of ours is removed. With ``forget`` all is. Raises ComputeError."""
    api = tools.api
    there = await api.call("GET", "/containers/json", {"all": 1, "filters": having(OWNER, tools.owner)}) or []
    roles = {each["Id"]: each["Labels"].get(ROLE) for each in there}
    ours = [id_ for id_, role in roles.items() if role == "container"]
    found: list[Found | None] = []
    if forget:
        await asyncio.gather(*(remove(api, id_) for id_ in ours))
    else:
        found = await asyncio.gather(*(_find(tools, host, id_, on_exit) for id_ in ours))
    await asyncio.gather(*(remove(api, id_) for id_, role in roles.items() if role == "helper"))
    kept = [each for each in found if each is not None]
    # Last, since a holder cannot be removed before what is in its network.
    running = [container for container, _ in kept if container.state == "running" and container.facts.namespace]
    await tools.networks.recover({each.id: each.facts.namespace for each in running})
    ids = {container.id for container, _ in kept}
    for folder in tools.root.iterdir():
        if folder.is_dir() and folder.name not in ids:
            shutil.rmtree(folder, ignore_errors=True)
    return kept


async def _find(
    tools: Tools, host: Host | None, engine_id: str, on_exit: Callable[[Container, Exit], object]
) -> Found | None:
    inspected = await tools.api.call("GET", f"/containers/{engine_id}/json")
    try:
        facts = msgspec.json.decode(inspected["Config"]["Labels"][FACTS], type=Facts)
    except (KeyError, TypeError, msgspec.MsgspecError):
        await remove(tools.api, engine_id)
        return None
    container = Container(facts, engine_id, on_exit)
    state, network = figures.state_of(inspected), None
    if state == "running":
        if facts.namespace:
            network = await _network(tools, host, container, inspected)
        container.started()
    elif state == "exited":
        container.ended(figures.exit_of(inspected, time.time()))
    return container, Recovered(
        id=facts.id,
        state=container.state,
        labels=facts.labels,
        network_key=facts.network_key,
        network=network,
        exit=container.exit.result() if container.exit.done() else None,
    )


async def _network(tools: Tools, host: Host | None, container: Container, inspected: Any) -> int | None:
    """The namespace a container is in. One whose network cannot be plugged in again is ended."""
    try:
        if host is None:
            raise OSError("there is no host agent")
        fd = await host.namespace(inspected["State"]["Pid"])
        if os.fstat(fd).st_ino == container.facts.namespace:
            return fd
        os.close(fd)
        raise OSError("the engine counts processes differently")
    except OSError as error:
        log.warning("container %s cannot be kept, its network is not found: %s", container.id, error)
        await tools.api.call("POST", f"{container.path}/kill", {"signal": "SIGKILL"})
        return None
