"""The cloud process: everything put together. The one place that knows all the parts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cloudarium import services
from cloudarium.gateway.admin import Admin
from cloudarium.gateway.app import Gateway
from cloudarium.gateway.audit import Audit
from cloudarium.gateway.dispatch import Dispatcher
from cloudarium.gateway.frontdoor import FrontDoor
from cloudarium.gateway.hostaccess import HostAccess
from cloudarium.gateway.hostdns import HostDns
from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Record, Scope, Store
from cloudarium.kernel.supervision import Supervisor
from cloudarium.substrate.host.boot import Boot
from cloudarium.substrate.host.client import HostClient
from cloudarium.substrate.moto.bridge import MotoBridge
from cloudarium.substrate.net import Fabric

if TYPE_CHECKING:
    from cloudarium.substrate.compute.runtime import Runtime
    from cloudarium.substrate.images.store import Images

log = logging.getLogger(__name__)

EVERYWHERE = Scope("*", "*")

SERVICE_ADDRESS = "198.19.255.1"
"""Where AWS's API is for workloads inside VPCs, in the cloud's own namespace."""
SERVICE_NETWORK = "198.19.0.0/16"
"""The public addresses of AWS's services (RFC 2544's block, which nothing on the internet uses)."""


_IP_FREEBIND = 15
"""Linux: bind to an address that is not there yet. The socket module does not name it."""


class ClockRow(Record, frozen=True, kw_only=True):
    """The clock's line, so that time never goes backwards over a restart."""

    TABLE = "kernel.clock"
    KEY = "id"

    id: str
    state: ClockState


class Process:
    """One cloud from boot to end."""

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        path = Path(boot.data_dir, "cloudarium.db") if boot.data_dir and not boot.ephemeral else None
        self._store = Store(path)
        self._clock = Clock()
        self._keep_clock()
        self.cloud = Cloud(clock=self._clock, store=self._store, port=boot.port)
        for service in services.owned():
            self.cloud.services[service.name] = service
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        cloud, boot = self.cloud, self._boot
        host = cloud.host = HostClient(boot.channel_fd)
        cloud.supervisor = Supervisor(self._clock)
        cloud.fabric = Fabric(
            host, resolver=cloud.resolve, service_address=SERVICE_ADDRESS, service_network=SERVICE_NETWORK
        )
        cloud.make_images = self._open_images
        cloud.make_compute = self._open_compute
        self._bridge = MotoBridge(cloud)
        if not boot.namespaces:
            cloud.limits.append(f"private networks are not available: {boot.reason}")
        audit = Audit(self._clock, self._store)
        dispatcher = Dispatcher(cloud, audit, self._bridge)
        cloud.dispatch = dispatcher.call
        access = HostAccess(cloud)
        admin = Admin(
            cloud,
            reset=self._reset,
            rest_operations=self._bridge.coverage,
            processes=cloud.supervisor.processes,
            access=access,
        )
        door = FrontDoor(cloud, Gateway(cloud, dispatcher, audit, self._bridge), admin)
        cloud.front_door = door
        # The names of data planes must be known before the first client is heard; clients queue meanwhile.
        await self._recover_containers()
        await self._start_services()
        await access.reopen()
        await door.open(socket.socket(fileno=boot.gateway_fd))
        if boot.namespaces:
            await door.open(_service_socket())
        names = HostDns(cloud, SERVICE_NETWORK)
        await names.open()
        await host.ready()
        # What was made while starting stays; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        names.close()
        await self._close(door)

    def _open_images(self) -> Images:
        from cloudarium.substrate.images.opening import open_images

        return open_images(self._boot, host=self.cloud.host, clock=self._clock, store=self._store)

    def _open_compute(self) -> Runtime:
        from cloudarium.substrate.compute.opening import open_compute

        return open_compute(self._boot, self._clock, self.cloud.host)

    async def _recover_containers(self) -> None:
        """Find the containers that outlived the last cloud, and give their interfaces the namespaces they hold."""
        from cloudarium.substrate.compute.opening import left_behind

        if not left_behind(self._boot):
            return
        try:
            for each in await self.cloud.compute.recover():
                if each.exit is not None or not each.network_key.startswith("eni-"):
                    continue
                if (network := each.take_network()) is not None:
                    try:
                        self.cloud.fabric.adopt(each.network_key, network)
                    finally:
                        os.close(network)
        except Exception:
            log.exception("containers could not be recovered")

    def _keep_clock(self) -> None:
        rows = self._store.table(ClockRow)
        if (row := rows.get(EVERYWHERE, "clock")) is not None:
            self._clock.restore(row.state)
        self._clock.watch(lambda state: rows.put(EVERYWHERE, ClockRow(id="clock", state=state)))

    async def _start_services(self) -> None:
        """Start those services that have something to reconcile; the others start on first use."""
        for service in self.cloud.services.values():
            if self._store.has_rows(f"{service.name}."):
                try:
                    await self.cloud.ensure_started(service)
                except Exception:
                    # Its operations will say so; the other services must not suffer.
                    log.exception("%s could not be started", service.name)

    async def _reset(self) -> None:
        await self.cloud.stop_services()
        if "compute" in vars(self.cloud):
            await self.cloud.compute.reset()
        if "images" in vars(self.cloud) or self._has_images():
            await self.cloud.images.reset()
        await self._bridge.reset()
        self._store.reset()
        self.cloud.metrics.forget()

    def _has_images(self) -> bool:
        """Whether an earlier run left some in the data folder."""
        data = self._boot.data_dir
        return bool(data and Path(data, "images").is_dir())

    async def _close(self, door: FrontDoor) -> None:
        log.info("stopping")
        await door.close()
        await self.cloud.stop_services()
        with contextlib.suppress(Exception):
            await self._bridge.close()
        if "compute" in vars(self.cloud):
            await self.cloud.compute.close()
        if "images" in vars(self.cloud):
            await self.cloud.images.close()
        if self.cloud.supervisor is not None:
            await self.cloud.supervisor.close()
        await self.cloud.fabric.close()
        self.cloud.metrics.close()
        self._store.close()


def _service_socket() -> socket.socket:
    """The port on which workloads inside VPCs find AWS's API over HTTP; the fabric adds the address when it starts."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
    listening.bind((SERVICE_ADDRESS, 80))
    listening.listen(1024)
    return listening


def main(boot: Boot) -> None:
    """Run the cloud in this process; returns when it has stopped."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    import uvloop

    async def serve() -> None:
        await Process(boot).run()

    uvloop.run(serve())
