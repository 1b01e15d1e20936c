"""The cloud's own means, put together: what services and substrate are handed."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from cloudarium.kernel.client import AwsClients, Dispatch
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.context import Context
from cloudarium.kernel.controllers import Controller
from cloudarium.kernel.events import Events
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.metrics import Metrics
from cloudarium.kernel.service import Service
from cloudarium.kernel.store import Scope, Store

if TYPE_CHECKING:
    from cloudarium.kernel.supervision import Supervisor

log = logging.getLogger(__name__)


Extension = Callable[[Scope, dict[str, Any]], Awaitable[dict[str, Any]]]

NameServer = Callable[[str, str, str], "list[str] | None"]
"""``(vpc id, lower-case name without the last dot, record type) -> record values``, None for a name not known."""


class DataPlane(Protocol):
    """Whoever serves names such as a load balancer's; registered so that the front door and ``resolve`` find it."""

    def owns(self, host: str) -> object | None:
        """An opaque handle when this data plane serves the lower-case host name (without port), else None."""

    def adopt(self, handle: object, host: str, port: int | None, fd: int, initial: bytes) -> None:
        """Take over an accepted connection (a duplicated fd, now the data plane's) and the bytes read from it."""

    async def resolve(self, handle: object, port: int | None) -> tuple[str, int]:
        """A loopback address on the host that reaches this name's port; raises ``AwsError`` when nothing listens."""


class Cloud:
    """One running cloud. Built by ``cloudarium.cloud``; tests build smaller ones."""

    def __init__(self, *, clock: Clock, store: Store, port: int) -> None:
        self.clock = clock
        self.store = store
        self.port = port
        self.events = Events(clock, store)
        self.metrics = Metrics(clock, store)
        self.services: dict[str, Service] = {}
        self.data_planes: list[DataPlane] = []
        self.name_servers: list[NameServer] = []
        """Who answers DNS queries from inside VPCs, asked in order."""
        self.fabric: Any = None
        """The network substrate (``substrate.net.Fabric``); None in tests that need no network."""
        self.host: Any = None
        """The host agent's client (``substrate.host.HostClient``)."""
        self.front_door: Any = None
        """Takes back connections that a data plane was handed but that now ask for something else."""
        self.supervisor: Supervisor | None = None
        self.extensions: dict[str, Extension] = {}
        """What the CLI can ask of a service beyond AWS's API, by name (``attach``, ``detach``)."""
        self.make_images: Callable[[], Any] | None = None
        """Opens ``images`` on first use; given by the composition root."""
        self.limits: list[str] = []
        """What this machine cannot do for the cloud, in sentences: ``cloudarium status`` shows them."""
        self.make_compute: Callable[[], Any] | None = None
        """Opens ``compute`` on first use; given by the composition root."""
        self.upgrades: dict[str, Callable[[Any], Any]] = {}
        """Who takes connections that ask for another protocol, by path prefix: ``(request) -> response``."""
        self.doors: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        """Who answers requests on the one port that are not AWS's API, by path prefix: ``(request) -> response``."""
        self.dispatch: Dispatch = _no_dispatch
        self._started: dict[str, asyncio.Task[None]] = {}
        self._controllers: dict[str, Controller] = {}
        self._closers: list[Callable[[], Awaitable[None]]] = []

    @functools.cached_property
    def images(self) -> Any:
        """Container images (``substrate.images.store.Images``), opened on first use; None where a test has none."""
        return self.make_images() if self.make_images is not None else None

    @functools.cached_property
    def compute(self) -> Any:
        """Containers (``substrate.compute.runtime.Runtime``), opened on first use; None where a test has none."""
        return self.make_compute() if self.make_compute is not None else None

    # -- services --------------------------------------------------------------------------------------------------

    async def ensure_started(self, service: Service) -> None:
        """Start a service's controllers once; concurrent callers wait for the same start."""
        task = self._started.get(service.name)
        if task is None:
            task = self._started[service.name] = self.clock.spawn(service.start(self), f"start {service.name}")
        if not task.done():
            await asyncio.shield(task)
        elif (error := task.exception()) is not None:
            del self._started[service.name]
            raise error

    def is_started(self, service: Service) -> bool:
        """Whether the service may be called without waiting."""
        task = self._started.get(service.name)
        return task is not None and task.done() and task.exception() is None

    def aws(self, scope: Scope, principal: Principal) -> AwsClients:
        """AWS as seen by a principal in an account and region."""
        return AwsClients(self.dispatch, scope, principal)

    def context(self, scope: Scope, service: str) -> Context:
        """A context for work that a service does on its own account (controllers): its service principal."""
        principal = Principal("AWSService", scope.account, f"{service}.amazonaws.com", f"{service}.amazonaws.com")
        return Context(self, scope, principal)

    def resolve(self, vpc_id: str, name: str, kind: str) -> list[str] | None:
        """Answer a DNS query from inside a VPC: the records, or None when nobody knows the name."""
        for server in self.name_servers:
            if (records := server(vpc_id, name, kind)) is not None:
                return records
        return None

    # -- controllers -----------------------------------------------------------------------------------------------

    def controller(
        self,
        name: str,
        reconcile: Callable[[Any], Awaitable[float | None]],
        keys: Callable[[], Iterable[Hashable]],
        *,
        workers: int = 8,
    ) -> Controller:
        """Register a controller and enqueue all its keys."""
        controller = self._controllers[name] = Controller(self.clock, name, reconcile, keys, workers=workers)
        controller.start()
        return controller

    def enqueue(self, controller: str, key: Hashable) -> None:
        """Wake a controller by name; does nothing while its service is not started (its start enqueues all keys)."""
        if (found := self._controllers.get(controller)) is not None:
            found.enqueue(key)

    # -- the end ---------------------------------------------------------------------------------------------------

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Run ``closer`` when the cloud stops or is reset, last registered first."""
        self._closers.append(closer)

    async def stop_services(self) -> None:
        """Stop every controller and data plane; services start again on the next use."""
        for controller in self._controllers.values():
            await controller.stop()
        self._controllers.clear()
        for closer in reversed(self._closers):
            try:
                await closer()
            except Exception:
                log.exception("closing failed")
        self._closers.clear()
        self.data_planes.clear()
        self.extensions.clear()
        self.upgrades.clear()
        self.doors.clear()
        self.name_servers.clear()
        self.events.forget_listeners()
        self._started.clear()


async def _no_dispatch(*_: object) -> dict[str, Any]:
    raise RuntimeError("this cloud has no gateway to dispatch calls")
