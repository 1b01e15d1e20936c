"""Listens at 169.254.170.2:80 within the network of each task (or of each instance) and answers.

Whoever knows a container's or credentials' id is answered, as on AWS: ids are in the environment of the containers
they belong to, and nothing else can connect here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Session
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.agent.documents import Extras, Network, container_document, stamp, task_document
from cloudarium.services.ecs.agent.identities import ADDRESS
from cloudarium.services.ecs.agent.statistics import stats_document
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import Stats

if TYPE_CHECKING:
    from cloudarium.substrate.http.server import HttpServer, Request, Response

log = logging.getLogger(__name__)

PORT = 51679
"""Where the endpoint really listens, as AWS's agent does: port 80 of every address is left to the workload."""
Key = tuple[Scope, str]


class Tasks(Protocol):
    """Whoever runs the tasks."""

    def extras(self, key: Key) -> dict[str, Extras]:
        """What the agent shows beside a task's record, by container."""

    def networks(self, key: Key) -> dict[str, Network]:
        """The network of each container."""

    async def role_session(self, key: Key) -> Session:
        """A session of the task role; raises AwsError or CannotRun when there is none."""


class Agent:
    """The endpoint of all tasks."""

    def __init__(self, cloud: Cloud, tasks: Tasks) -> None:
        self._cloud = cloud
        self._tasks = tasks
        self._server: HttpServer | None = None
        self._open: dict[str, asyncio.AbstractServer] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._credentials: dict[str, Key] = {}
        self._containers: dict[str, tuple[Key, str]] = {}
        self._readings: dict[str, Stats] = {}
        self._known: dict[Key, tuple[str, list[str]]] = {}

    # -- who can ask ---------------------------------------------------------------------------------------------------

    async def open(self, eni_id: str) -> None:
        """Listen within an interface's namespace; nothing when that is so already."""
        async with self._locks.setdefault(eni_id, asyncio.Lock()):
            if eni_id in self._open:
                return
            if self._server is None:
                from cloudarium.substrate.http.server import HttpServer

                self._server = HttpServer(self._answer, now=self._cloud.clock.now)
            await self._cloud.fabric.local_address(eni_id, ADDRESS, port=80, leads_to=PORT)
            listening = await self._cloud.fabric.listen(eni_id, PORT, address=ADDRESS)
            self._open[eni_id] = await self._server.serve(listening)

    def close_interface(self, eni_id: str) -> None:
        """Stop listening there."""
        self._locks.pop(eni_id, None)
        if (server := self._open.pop(eni_id, None)) is not None:
            server.close()

    async def close(self) -> None:
        """Stop altogether."""
        self._open.clear()
        if self._server is not None:
            await self._server.close()
            self._server = None

    def know(self, key: Key, credentials_id: str, containers: dict[str, str]) -> None:
        """Answer for a task: its credentials' id, and its containers' names by runtime id."""
        self._known[key] = (credentials_id, list(containers))
        self._credentials[credentials_id] = key
        self._containers.update({runtime_id: (key, name) for runtime_id, name in containers.items()})

    def forget(self, key: Key) -> None:
        """Answer no more for a task."""
        credentials_id, runtime_ids = self._known.pop(key, ("", []))
        self._credentials.pop(credentials_id, None)
        for each in runtime_ids:
            self._containers.pop(each, None)
            self._readings.pop(each, None)

    # -- answers -------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response | Awaitable[Response]:
        parts = [part for part in request.path.decode("latin-1").split("/") if part]
        match parts:
            case ["v2", "credentials", *rest] | ["v1", "credentials", *rest]:
                return self._credentials_answer(rest[0] if rest else "")
            case ["v4" | "v3" as version, runtime_id, *rest]:
                return self._metadata(int(version[1]), runtime_id, "/".join(rest))
            case ["api", runtime_id, "task-protection", "v1", "state"]:
                return self._protection(request, runtime_id)
        return _json("404 page not found", 404)

    async def _credentials_answer(self, credentials_id: str) -> Response:
        if not credentials_id:
            return _refused("NoIdInRequest", "CredentialsV2Request: No ID in the request")
        key = self._credentials.get(credentials_id)
        if key is None:
            return _refused("InvalidIdInRequest", "CredentialsV2Request: Credentials not found")
        try:
            session = await self._tasks.role_session(key)
        except Exception as error:
            log.warning("no credentials for task %s: %s", key[1], error)
            return _refused("CredentialsUninitialized", "CredentialsV2Request: Credentials uninitialized for ID", 503)
        return _json(
            {
                "RoleArn": session.principal.session_issuer,
                "AccessKeyId": session.access_key,
                "SecretAccessKey": session.secret_key,
                "Token": session.token,
                "Expiration": stamp(session.expires).partition(".")[0] + "Z",
            }
        )

    def _task(self, key: Key) -> Task | None:
        return self._cloud.store.table(Task).get(*key)

    async def _metadata(self, version: int, runtime_id: str, what: str) -> Response:
        known = self._containers.get(runtime_id)
        task = self._task(known[0]) if known is not None else None
        if known is None or task is None:
            text = f"V{version} container metadata handler: unable to get container ID from request: "
            return _json(f"{text}unable to get docker ID from v3 ID: {runtime_id}", 404)
        key, name = known
        extras, networks = self._tasks.extras(key), self._tasks.networks(key)
        containers = {each.name: each for each in task.containers}
        match what:
            case "":
                return _json(container_document(task, containers[name], extras[name], networks[name], version=version))
            case "task" | "taskWithTags":
                return _json(task_document(task, extras, networks, version=version, tags=what != "task"))
            case "stats":
                return _json(await self._stats(containers[name]))
            case "task/stats":
                shown = {each.runtime_id: await self._stats(each) for each in task.containers if each.runtime_id}
                return _json(shown)
        return _json("404 page not found", 404)

    async def _stats(self, container: ContainerState) -> dict[str, Any] | None:
        """Docker's document; None for a container that does not run, as on AWS."""
        try:
            reading = await self._cloud.compute.stats(container.runtime_id)
        except ComputeError:
            return None
        document = stats_document(
            container.name, container.runtime_id, reading, self._readings.get(container.runtime_id)
        )
        self._readings[container.runtime_id] = reading
        return document

    # -- protection from scale-in --------------------------------------------------------------------------------------

    async def _protection(self, request: Request, runtime_id: str) -> Response:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html."""
        known = self._containers.get(runtime_id)
        task = self._task(known[0]) if known is not None else None
        if known is None or task is None:
            return _json({"error": {"Code": "ResourceNotFoundException", "Message": "Failed to find a task"}}, 404)
        wanted: dict[str, Any] = {"cluster": task.cluster_arn, "tasks": [task.arn]}
        if request.method == b"PUT":
            try:
                given = json.loads(request.body)
                wanted["protectionEnabled"] = bool(given["ProtectionEnabled"])
                if (minutes := given.get("ExpiresInMinutes")) is not None:
                    wanted["expiresInMinutes"] = int(minutes)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                text = "Invalid request: does not contain 'ProtectionEnabled' field"
                return _json({"error": {"Arn": task.arn, "Code": "InvalidParameterException", "Message": text}}, 400)
        try:
            session = await self._tasks.role_session(known[0])
            ecs = self._cloud.aws(known[0][0], session.principal).ecs
            change = request.method == b"PUT"
            answer = await (ecs.update_task_protection(**wanted) if change else ecs.get_task_protection(**wanted))
        except AwsError as error:
            shown = {"Arn": task.arn, "Code": error.code, "Message": error.message}
            return _json({"error": shown}, error.status)
        except Exception as error:
            return _json({"error": {"Arn": task.arn, "Code": "AccessDeniedException", "Message": str(error)}}, 400)
        if answer.get("failures"):
            failure = answer["failures"][0]
            shown = {"Arn": task.arn, "Reason": failure.get("reason", ""), "Detail": failure.get("detail", "")}
            return _json({"failure": shown})
        return _json({"protection": _protected(answer["protectedTasks"][0])})


def _protected(found: dict[str, Any]) -> dict[str, Any]:
    shown = {"TaskArn": found["taskArn"], "ProtectionEnabled": bool(found.get("protectionEnabled"))}
    when = found.get("expirationDate")
    if when is not None:
        shown["ExpirationDate"] = stamp(when if isinstance(when, int | float) else when.timestamp())
    return shown


def _json(document: Any, status: int = 200) -> Response:
    from cloudarium.substrate.http.messages import Response

    headers = [(b"Content-Type", b"application/json")]
    return Response(status, headers, json.dumps(document, separators=(",", ":")).encode())


def _refused(code: str, message: str, status: int = 400) -> Response:
    return _json({"code": code, "message": message, "HTTPErrorCode": status}, status)
