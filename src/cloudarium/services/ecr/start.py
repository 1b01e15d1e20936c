"""What runs for the service: lifecycle policies, replication, the sweep of unused layers; names inside VPCs."""

from __future__ import annotations

from collections.abc import Iterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import replication, storage
from cloudarium.services.ecr.images import sweep
from cloudarium.services.ecr.lifecycle import run
from cloudarium.services.ecr.names import PUBLIC_HOST
from cloudarium.services.ecr.replication import Replicator
from cloudarium.services.ecr.resources import Preview, Replication, Repository

SWEEPER = "ecr.layers"
_DAY = 86_400.0
_SERVICES = "198.19.255.2"
"""Where AWS's services are for workloads inside VPCs, unless an address block of their own is published."""


async def start(cloud: Cloud) -> None:
    """Start the service's controllers."""
    store = cloud.store
    lifecycle, replicator = run.Lifecycle(cloud), Replicator(cloud)
    store.table(Repository).watch(lambda scope, key, old, new: _repository_changed(cloud, scope, key, old, new))
    store.table(Preview).watch(lambda scope, key, old, new: cloud.enqueue(run.PREVIEWS, (scope, key)))
    store.table(Replication).watch(lambda scope, key, old, new: cloud.enqueue(replication.NAME, (scope, key)))
    cloud.controller(run.POLICIES, lifecycle.act, lifecycle.every_policy)
    cloud.controller(run.PREVIEWS, lifecycle.preview, lifecycle.every_preview)
    cloud.controller(replication.NAME, replicator.reconcile, replicator.every)
    cloud.controller(SWEEPER, lambda key: _sweep(cloud, key), lambda: _repositories(cloud))
    cloud.name_servers.append(_public_name)
    if cloud.make_images is not None:
        cloud.images.keep("ecr", lambda: storage.live_digests(cloud))


def _public_name(vpc_id: str, name: str, kind: str) -> list[str] | None:
    """ECR Public's name inside VPCs, at an address of AWS's services like every other registry's."""
    if name != PUBLIC_HOST:
        return None
    return [_SERVICES] if kind == "A" else []


async def start_public(cloud: Cloud) -> None:
    """ECR Public has the same records and the same controllers: they run when ECR does."""
    await cloud.ensure_started(cloud.services["ecr"])


def _repository_changed(cloud: Cloud, scope: Scope, name: str, old: Repository | None, new: Repository | None) -> None:
    if new is None:
        return
    if old is None:
        cloud.enqueue(SWEEPER, (scope, name))
    if new.lifecycle_policy and (old is None or old.lifecycle_set != new.lifecycle_set):
        cloud.enqueue(run.POLICIES, (scope, name))


def _repositories(cloud: Cloud) -> Iterator[tuple[Scope, str]]:
    for scope, repository in cloud.store.table(Repository).everywhere():
        yield scope, repository.name


async def _sweep(cloud: Cloud, key: tuple[Scope, str]) -> float | None:
    """Once a day: drop layers and uploads of a repository that nothing came of."""
    scope, name = key
    if cloud.store.table(Repository).get(scope, name) is None:
        return None
    async with cloud.store.transaction():
        sweep(cloud, scope, name, cloud.clock.now() - _DAY)
    return _DAY
