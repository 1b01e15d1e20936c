"""Everything a task needs before its first container: roles, secrets, environment files, images, ways to reach them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import overrides
from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks import environment, interfaces, reasons, secret_values
from cloudarium.services.ecs.tasks.book import Book
from cloudarium.services.ecs.tasks.live import Key, Live, Prepared
from cloudarium.services.ecs.tasks.pulling import Pulls
from cloudarium.services.ecs.tasks.reach import Reach, Unreachable, Way
from cloudarium.services.ecs.tasks.roles import Roles
from cloudarium.services.ecs.tasks.secret_references import Reference
from cloudarium.substrate.images.model import Image

_REFUSED = {
    "credentialSpecs": "credentialSpecs",
    "resourceRequirements": "resourceRequirements (GPUs and accelerators)",
}


class Preparing:
    """Fetches what containers need."""

    def __init__(self, cloud: Cloud, book: Book, roles: Roles) -> None:
        self._cloud = cloud
        self._book = book
        self._roles = roles
        self._reach = Reach(cloud)
        self._pulls = Pulls(cloud, self._reach)

    async def prepare(self, key: Key, live: Live) -> None:
        """Fill ``live.prepared``; raises CannotRun."""
        task = self._book.task(key)
        if task is None:
            return
        scope = key[0]
        definition = self._book.definition(key, task)
        containers = overrides.containers(definition, task.overrides)
        for each in containers:
            for member, words in _REFUSED.items():
                if each.get(member):
                    raise reasons.resource(f"{words} are not implemented in Cloudarium yet")
        session = await self._roles.execution_session(scope, task, definition)
        if role := self._roles.task_role(scope, task, definition):
            await self._roles.session(scope, task, role)

        def clients(where: Scope) -> AwsClients:
            return self._roles.clients(where, session)

        way = None
        if task.launch_type == "FARGATE" and (eni_id := interfaces.interface_id(task)):
            way = await interfaces.way(self._cloud, scope, eni_id)
        wanted = {each["name"]: secret_values.references(each) for each in containers}
        for router, variables in secret_values.router_references(containers).items():
            wanted[router] |= variables
        if way is not None:
            await self._require(way, scope, containers, [ref for each in wanted.values() for ref in each.values()])

        def regional(region: str) -> AwsClients:
            return clients(Scope(scope.account, region or scope.region))

        secrets = await secret_values.values(regional, [ref for each in wanted.values() for ref in each.values()])
        environments = {}
        for each in containers:
            files = await secret_values.environment_files(clients(scope), each)
            own = environment.pairs(each.get("environment"))
            secret = {name: secrets[reference] for name, reference in wanted[each["name"]].items()}
            environments[each["name"]] = {**files, **own, **secret}
        images = await self._images(key, task, definition, containers, clients, way)
        live.prepared = Prepared(images, environments)

    async def _images(
        self,
        key: Key,
        task: Task,
        definition: Mapping[str, Any],
        containers: Sequence[dict[str, Any]],
        clients: Any,
        way: Way | None,
    ) -> dict[str, Image]:
        clock = self._cloud.clock
        if task.pull_started is None:
            self._book.change(key, pull_started=clock.now())
        works = [self._pulls.pull(each, definition, clients, key[0], way) for each in containers]
        found = await asyncio.gather(*works, return_exceptions=True)
        images: dict[str, Image] = {}
        for container, image in zip(containers, found, strict=True):
            if isinstance(image, BaseException):
                raise image
            images[container["name"]] = image
        current = self._book.task(key)
        if current is not None and current.pull_stopped is None:
            digests = tuple(
                msgspec.structs.replace(each, image_digest=images[each.name].index_digest or images[each.name].digest)
                for each in current.containers
            )
            self._book.change(key, pull_stopped=clock.now(), containers=digests)
        return images

    # -- on Fargate everything goes through the task's interface -----------------------------------------------------

    async def _require(
        self, way: Way, scope: Scope, containers: Sequence[Mapping[str, Any]], wanted: Sequence[Reference]
    ) -> None:
        for service, what in (("ssm", "secrets from ssm"), ("secretsmanager", "secret from asm")):
            regions = {reference.region or scope.region for reference in wanted if reference.service == service}
            for region in sorted(regions):
                host = f"{service}.{region}.amazonaws.com"
                try:
                    await self._reach.require(way, [host])
                except Unreachable as error:
                    cause = reasons.no_connection(f"https://{host}/", error.address, error.cause)
                    raise reasons.pull_secrets(what, cause) from error
        if any(each.get("environmentFiles") for each in containers):
            await self._require_s3(way, scope)
        for region in sorted({_logs_region(each, scope) for each in containers} - {""}):
            host = f"logs.{region}.amazonaws.com"
            try:
                await self._reach.require(way, [host])
            except Unreachable as error:
                where = f"dial tcp {error.address}: {error.cause}" if error.address else error.cause
                raise reasons.logger_args(
                    "create stream has been retried 1 times: failed to create Cloudwatch log stream: RequestError: "
                    f'send request failed caused by: Post "https://{host}/": {where} : exit status 1'
                ) from error

    async def _require_s3(self, way: Way, scope: Scope) -> None:
        host = f"s3.{scope.region}.amazonaws.com"
        try:
            await self._reach.require(way, [host])
        except Unreachable as error:
            cause = reasons.no_connection(f"https://{host}/", error.address, error.cause)
            raise reasons.resource(f"failed to download env files: {cause}") from error


def _logs_region(container: Mapping[str, Any], scope: Scope) -> str:
    given = container.get("logConfiguration") or {}
    if given.get("logDriver") != "awslogs":
        return ""
    return str((given.get("options") or {}).get("awslogs-region") or scope.region)
