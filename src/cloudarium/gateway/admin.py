"""``/_cloudarium/…`` on the one port: what the CLI and the console ask beyond AWS's own API."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

import cloudarium
from cloudarium.gateway.coverage import coverage
from cloudarium.gateway.hostaccess import HostAccess
from cloudarium.gateway.names import resolve
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import DEFAULT_ACCOUNT, DEFAULT_REGION
from cloudarium.kernel.store import Scope

PREFIX = "/_cloudarium/"

Answer = tuple[int, dict[str, Any]]


class AdminError(Exception):
    """A request the admin API cannot serve: what is wrong, and what to do."""

    def __init__(self, error: str, hint: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.hint, self.status = error, hint, status


class Admin:
    """The admin API. ``reset`` is given by the composition root, which knows how to start anew."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        reset: Callable[[], Awaitable[None]],
        rest_operations: Callable[[str], dict[str, bool]],
        processes: Callable[[], list[dict[str, Any]]],
        access: HostAccess | None = None,
    ) -> None:
        self._cloud = cloud
        self._reset = reset
        self._rest_operations = rest_operations
        self._processes = processes
        self._access = access

    async def handle(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """Serve one request; the answer is JSON."""
        name = path.removeprefix(PREFIX).strip("/")
        try:
            match method, name:
                case "GET", "health":
                    return 200, self._health()
                case "GET", "clock":
                    return 200, self._clock()
                case "POST", "clock":
                    return 200, await self._steer(_fields(body))
                case "POST", "reset":
                    await self._reset()
                    return 200, {"status": "reset"}
                case "GET", "coverage":
                    return 200, coverage(self._cloud, query.get("service"), self._rest_operations)
                case "GET", "events":
                    return 200, {"Events": [msgspec.to_builtins(e) for e in self._cloud.events.recent(_scope(query))]}
                case "POST", "resolve":
                    return 200, await self._resolve(_fields(body))
                case "POST", ("attach" | "detach"):
                    return 200, await self._extension(name, _fields(body))
                case "POST", _ if name.startswith("images/"):
                    from cloudarium.substrate.images.admin import answer

                    return 200, await answer(self._cloud, name.removeprefix("images/"), _fields(body))
        except AdminError as error:
            return error.status, {"error": error.error, "hint": error.hint}
        except AwsError as error:
            return error.status, {"error": f"{error.code}: {error.message}", "hint": ""}
        known = "health, clock, reset, coverage, events, resolve, attach, detach, images"
        return 404, {"error": f"there is no {method} {path}", "hint": f"the admin API has {known}"}

    def _health(self) -> dict[str, Any]:
        started = sorted(name for name, service in self._cloud.services.items() if self._cloud.is_started(service))
        return {
            "status": "running",
            "version": cloudarium.__version__,
            "port": self._cloud.port,
            "services": started,
            "limits": self._cloud.limits,
            "processes": [{"name": "cloud", "pid": os.getpid()}, *self._processes()],
        }

    def _clock(self) -> dict[str, Any]:
        clock = self._cloud.clock
        now = datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"now": now, "mode": clock.mode, "scale": clock.state.scale}

    async def _steer(self, fields: dict[str, Any]) -> dict[str, Any]:
        clock = self._cloud.clock
        try:
            match fields.get("action"):
                case "freeze":
                    clock.freeze()
                case "resume":
                    clock.resume()
                case "scale":
                    clock.scale(float(fields["scale"]))
                case "advance":
                    await clock.advance(float(fields["seconds"]))
                case other:
                    raise AdminError(f"unknown clock action {other!r}", "use freeze, resume, scale or advance")
        except (KeyError, TypeError, ValueError) as error:
            raise AdminError(f"the clock cannot do that: {error}", "seconds and scale are positive numbers") from error
        return self._clock()

    async def _resolve(self, fields: dict[str, Any]) -> dict[str, Any]:
        port = fields.get("port")
        if port is not None and (not isinstance(port, int) or not 0 < port < 65_536):
            raise AdminError(f"{port!r} is not a port", "give a number from 1 to 65535, or none")
        host, number = await resolve(self._cloud, self._access, str(fields.get("name", "")).lower().rstrip("."), port)
        return {"host": host, "port": number}

    async def _extension(self, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        if name not in self._cloud.extensions:
            await self._cloud.ensure_started(self._cloud.services["ec2"])
        return await self._cloud.extensions[name](_scope(fields), fields)


def _scope(fields: dict[str, Any]) -> Scope:
    return Scope(str(fields.get("account") or DEFAULT_ACCOUNT), str(fields.get("region") or DEFAULT_REGION))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise AdminError(f"the body is not a JSON object: {error}", "send JSON such as {}") from error
