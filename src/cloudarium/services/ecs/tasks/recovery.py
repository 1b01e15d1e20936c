"""After a start: which containers of an earlier cloud process still run, and whose they are.

Containers are known by their labels. Those of tasks that are not over are claimed, what no record asks for is deleted.
(Their interfaces have got their former namespaces back already: whoever starts the cloud sees to that before any
network is built.)
"""

from __future__ import annotations

import logging
import os
from typing import Any, NamedTuple

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks.live import Key
from cloudarium.services.ecs.tasks.sites import Sites
from cloudarium.services.ecs.tasks.spec import BRIDGE, OWNER
from cloudarium.substrate.compute.runtime import Recovered

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What was found of our tasks, by task and container name, and what belongs to nobody."""

    claimed: dict[Key, dict[str, Recovered]]
    orphans: list[Recovered]


def sort_out(cloud: Cloud, recovered: list[Recovered]) -> Found:
    """Whose the recovered containers are; those of other services are left alone."""
    tasks = cloud.store.table(Task)
    claimed: dict[Key, dict[str, Recovered]] = {}
    orphans = []
    for each in recovered:
        if each.labels.get(OWNER) != "ecs":
            continue
        labels = each.labels
        key = (Scope(labels["cloudarium.account"], labels["cloudarium.region"]), labels["cloudarium.task"])
        task = tasks.get(*key)
        if task is None or task.last_status == "STOPPED":
            orphans.append(each)
        else:
            claimed.setdefault(key, {})[labels["cloudarium.container"]] = each
    return Found(claimed, orphans)


async def take_over(cloud: Cloud, sites: Sites) -> Found:
    """Sort out what the runtime has recovered, give bridged containers their place, and delete what is nobody's."""
    compute: Any = cloud.compute
    found = sort_out(cloud, compute.recovered())
    for (scope, task_id), containers in found.claimed.items():
        task = cloud.store.table(Task).get(scope, task_id)
        for record in task.containers if task is not None else ():
            if record.name in containers:
                await _place_again(sites, record, containers[record.name])
    for each in found.orphans:
        log.warning("deleting container %s, which no task has", each.id)
        await compute.delete(each.id)
        await cloud.images.discard(each.id)
    return found


async def _place_again(sites: Sites, record: ContainerState, recovered: Recovered) -> None:
    eni_id, found, address = recovered.labels.get(BRIDGE, "").partition("/")
    if not found or recovered.state != "running" or (fd := recovered.take_network()) is None:
        return
    try:
        await sites.place_again(eni_id, recovered.id, address, fd, record.network_bindings)
    except Exception as error:
        # It goes on without the network; its task can still be stopped.
        log.warning("container %s has lost its place in the network of %s: %s", recovered.id, eni_id, error)
    finally:
        os.close(fd)
