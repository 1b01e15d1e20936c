"""The one port: AWS's API, the admin API, and by Host header every HTTP data plane.

A connection whose Host names a data plane is handed to it whole (descriptor and unread bytes); the data plane hands
it back through ``take_back`` when a later request on it asks for something else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import msgspec

from cloudarium.gateway.admin import PREFIX, Admin
from cloudarium.gateway.app import Gateway
from cloudarium.gateway.names import data_plane_of, split_host
from cloudarium.gateway.registry import RegistryDoor, is_registry
from cloudarium.gateway.webpages import is_foreign, is_of_another_origin
from cloudarium.gateway.wire import WireRequest, WireResponse
from cloudarium.kernel.cloud import Cloud
from cloudarium.substrate.http.server import HttpServer, Request, Response, ServerLimits

_ADMIN = PREFIX.encode()
_BODY_LIMIT = 256 * 1024 * 1024
"""The largest body AWS takes in one request that we may be asked to hold: an S3 part is usually 8 to 100 MiB."""

_FOREIGN = b"Calls made by web pages that are not served from this machine are refused.\n"

HandOn = Callable[[int, bytes], None]


class FrontDoor:
    """Serves the one port."""

    def __init__(self, cloud: Cloud, gateway: Gateway, admin: Admin) -> None:
        self._cloud = cloud
        self._gateway = gateway
        self._admin = admin
        self._registry = RegistryDoor(cloud)
        self._server = HttpServer(
            self._handle,
            now=cloud.clock.now,
            limits=ServerLimits(body=_BODY_LIMIT),
            divert=self._divert,
            streams=is_registry,
        )

    async def open(self, listening: socket.socket) -> asyncio.AbstractServer:
        """Accept clients from a listening socket (the one port's, or one inside a VPC) until the server is closed."""
        return await self._server.serve(listening)

    async def close(self) -> None:
        """Stop accepting; requests under way have a moment to finish."""
        await self._server.close(grace=2.0)

    def take_back(self, fd: int, unread: bytes) -> None:
        """A connection that a data plane was handed and whose next request is not for it."""
        # A client may alternate between names on one connection; a task per hop keeps that from recursing.
        task = asyncio.get_running_loop().create_task(self._server.adopt(fd, unread))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _divert(self, host: bytes) -> HandOn | None:
        if not self._cloud.data_planes:
            return None
        name, port = split_host(host.decode("latin-1"))
        found = data_plane_of(self._cloud, name)
        if found is None:
            return None
        plane, handle = found
        listener_port = None if port == self._cloud.port else port
        return lambda fd, unread: plane.adopt(handle, name, listener_port, fd, unread)

    def _handle(self, request: Request) -> Response | Awaitable[Response]:
        if request.target.startswith(_ADMIN):
            return self._handle_admin(request)
        if request.get(b"upgrade") is not None:
            path = request.path.decode("latin-1")
            for prefix, accept in self._cloud.upgrades.items():
                if path.startswith(prefix):
                    response: Response = accept(request)
                    return response
        if is_registry(request):
            return self._registry.handle(request)
        if is_foreign(request):
            return Response(403, [(b"Content-Type", b"text/plain")], _FOREIGN)
        for prefix, serve in self._cloud.doors.items():
            if request.target.startswith(prefix.encode()):
                return serve(request)
        answer = self._gateway.answer(_to_wire(request), request.peer[0])
        return _to_http(answer) if isinstance(answer, WireResponse) else _later(answer)

    async def _handle_admin(self, request: Request) -> Response:
        if is_foreign(request) or is_of_another_origin(request):
            return _json(403, {"error": "requests from web pages of other origins are refused", "hint": ""})
        query: dict[str, str] = {}
        for pair in request.query.decode("latin-1").split("&"):
            name, _, value = pair.partition("=")
            query[name] = value
        method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
        status, body = await self._admin.handle(method, path, query, request.body)
        return _json(status, body)


def _json(status: int, body: object) -> Response:
    return Response(status, [(b"Content-Type", b"application/json")], msgspec.json.encode(body) + b"\n")


def _to_wire(request: Request) -> WireRequest:
    path, _, query = request.target.partition(b"?")
    headers: dict[str, str] = {}
    for name, value in request.fields.items:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return WireRequest(
        request.method.decode("latin-1"), path.decode("latin-1"), query.decode("latin-1"), headers, request.body
    )  # fmt: skip


def _to_http(response: WireResponse) -> Response:
    headers = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in response.headers
        # The server counts bodies itself; only an answer without one (HEAD) says how long it would be.
        if not response.body or name.lower() != "content-length"
    ]
    return Response(response.status, headers, response.body)


async def _later(answer: Awaitable[WireResponse]) -> Response:
    return _to_http(await answer)
