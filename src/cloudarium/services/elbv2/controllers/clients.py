"""Clients from the host: through the cloud's own port by Host header, or through a loopback address of a listener.

They come to no node's interface, so the load balancer's security groups and network ACLs are asked here, for the node
the client is given to. Who is denied gets no answer, as if packets were dropped; how many are held so, and how long,
is bounded.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.controllers.names import Handle, Names, names_of
from cloudarium.services.elbv2.controllers.plane import Plane
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import HostPort, Listener, LoadBalancer, Node
from cloudarium.substrate.net.errors import UnknownInterface

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

_HELD = 256
_HELD_SECONDS = 130.0
"""Host seconds: about as long as a client's system goes on sending SYN packets."""
_EARLY = 1024
_EARLY_LOOKS = 750
_EARLY_POLL = 0.02
"""How many clients wait for a node that is being started; how often it is looked for, how many host seconds apart."""
_ACCEPTS_PER_TURN = 64
_HTTP = 80


class Clients:
    """The data plane as the front door and ``resolve`` know it (``kernel.cloud.DataPlane``)."""

    def __init__(self, cloud: Cloud, plane: Plane, names: Names) -> None:
        import asyncio

        self._cloud = cloud
        self._plane = plane
        self._names = names
        self._loop = asyncio.get_running_loop()
        self._listeners = cloud.store.table(Listener)
        self._balancers = cloud.store.table(LoadBalancer)
        self._ports = cloud.store.table(HostPort)
        self._open: dict[tuple[Handle, int], socket.socket] = {}
        self._opening: dict[tuple[Handle, int], asyncio.Task[socket.socket]] = {}
        self._held: deque[socket.socket] = deque()
        self._early: set[asyncio.Task[None]] = set()
        self._listeners.watch(self._listener_changed)

    # -- DataPlane -------------------------------------------------------------------------------------------------

    def owns(self, host: str) -> Handle | None:
        """The load balancer with this name."""
        return self._names.find(host)

    def adopt(self, handle: object, host: str, port: int | None, fd: int, initial: bytes) -> None:
        """Give a client of the cloud's own port to a node."""
        found = self._listener_for(handle, port)  # type: ignore[arg-type]
        if found is None:
            os.close(fd)  # nobody listens there
            return
        listener, is_default = found
        self._give(handle, listener.port, fd, initial, self._hosts(handle, listener, is_default))  # type: ignore[arg-type]

    async def resolve(self, handle: object, port: int | None) -> tuple[str, int]:
        """A loopback address whose clients are this listener's."""
        import asyncio

        found = self._listener_for(handle, port)  # type: ignore[arg-type]
        if found is None:
            where = "no listener" if port is None else f"no listener on port {port}"
            raise AwsError("ListenerNotFound", f"The load balancer has {where}")
        key: tuple[Handle, int] = (handle, found[0].port)  # type: ignore[assignment]
        if (there := self._open.get(key)) is None:
            task = self._opening.get(key)
            if task is None:
                task = self._opening[key] = asyncio.ensure_future(self._open_host_port(key))
                task.add_done_callback(lambda _: self._opening.pop(key, None))
            there = await asyncio.shield(task)
        address: tuple[str, int] = there.getsockname()[:2]
        return address

    def _listener_for(self, handle: Handle, port: int | None) -> tuple[Listener, bool] | None:
        """The listener on a port, and whether it is the one meant when no port is said."""
        listeners = self._listeners.find(handle[0], "load_balancer_arn", handle[1])
        if not listeners:
            return None
        default = min(listeners, key=lambda listener: (listener.port != _HTTP, listener.port))
        if port is None or port == default.port:
            return default, True
        exact = next((listener for listener in listeners if listener.port == port), None)
        return (exact, False) if exact is not None else None

    def _hosts(self, handle: Handle, listener: Listener, is_default: bool) -> tuple[str, ...]:
        """Every Host with which a request on this connection still means this listener."""
        balancer = self._balancers.get(*handle)
        hosts: list[str] = []
        for name in names_of(balancer) if balancer is not None else ():
            hosts.append(f"{name}:{listener.port}")
            if is_default:
                hosts += [name, f"{name}:{self._cloud.port}"]
        return tuple(hosts)

    # -- loopback addresses ----------------------------------------------------------------------------------------

    async def _open_host_port(self, key: tuple[Handle, int]) -> socket.socket:
        (scope, arn), port = key
        kept = self._ports.get(scope, f"{arn}|{port}")
        listening = await self._listen_on_host(kept.host_port if kept is not None else 0)
        listening.setblocking(False)
        host_port = listening.getsockname()[1]
        self._ports.put(scope, HostPort(key=f"{arn}|{port}", load_balancer_arn=arn, port=port, host_port=host_port))
        self._open[key] = listening
        self._loop.add_reader(listening.fileno(), self._accept, key, listening)
        return listening

    async def _listen_on_host(self, port: int) -> socket.socket:
        """The same port as before when it can be had: people keep what ``resolve`` told them."""
        listening: socket.socket
        try:
            listening = await self._cloud.host.listen("127.0.0.1", port)
        except OSError:
            if not port:
                raise
            listening = await self._cloud.host.listen("127.0.0.1", 0)
        return listening

    async def reopen(self) -> None:
        """After a restart: open again what was open before, since the host's agent kept it."""
        for scope, kept in self._ports.everywhere():
            handle = (scope, kept.load_balancer_arn)
            if self._listener_for(handle, kept.port) is not None:
                await self.resolve(handle, kept.port)
            else:
                self._ports.delete(scope, kept.key)

    def _accept(self, key: tuple[Handle, int], listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            self._give(key[0], key[1], accepted.detach(), b"", None)

    def _listener_changed(self, scope: Scope, key: str, old: Listener | None, new: Listener | None) -> None:
        if old is None or (new is not None and new.port == old.port):
            return
        place = ((scope, old.load_balancer_arn), old.port)
        if (listening := self._open.pop(place, None)) is not None:
            address = listening.getsockname()[:2]
            self._loop.remove_reader(listening.fileno())
            listening.close()
            self._cloud.clock.spawn(self._cloud.host.unlisten(*address))
            self._ports.delete(place[0][0], f"{old.load_balancer_arn}|{old.port}")

    # -- admission -------------------------------------------------------------------------------------------------

    def _give(self, handle: Handle, port: int, fd: int, initial: bytes, hosts: tuple[str, ...] | None) -> None:
        if not self._give_now(handle, port, fd, initial, hosts):
            # The cloud or its worker is just being started again: the client waits rather than being turned away.
            if len(self._early) >= _EARLY:
                os.close(fd)
                return
            task = self._loop.create_task(self._give_soon(handle, port, fd, initial, hosts))
            self._early.add(task)
            task.add_done_callback(self._early.discard)

    async def _give_soon(
        self, handle: Handle, port: int, fd: int, initial: bytes, hosts: tuple[str, ...] | None
    ) -> None:
        import asyncio

        try:
            for _ in range(_EARLY_LOOKS):
                # Processes start in host time, whatever the cloud's clock does.
                await asyncio.sleep(_EARLY_POLL)
                if self._give_now(handle, port, fd, initial, hosts):
                    return
        except asyncio.CancelledError:
            os.close(fd)
            raise
        os.close(fd)

    def _give_now(self, handle: Handle, port: int, fd: int, initial: bytes, hosts: tuple[str, ...] | None) -> bool:
        """Give a client to a node, or turn it away for good; False when there is no node to take it yet."""
        node = self._names.next_node(handle)
        if node is None:
            os.close(fd)
            return True
        if not self._plane.serves(node):
            return False
        try:
            admitted = self._admitted(node, fd, port)
        except UnknownInterface:
            return False
        if not admitted:
            self._hold(fd)
            return True
        message = wire.Adopt(handle[1], node.eni_id, port, initial, hosts is not None, hosts or ())
        self._plane.give(node, message, fd)
        return True

    def _admitted(self, node: Node, fd: int, port: int) -> bool:
        if self._cloud.fabric is None:
            return True
        peer = socket.socket(fileno=os.dup(fd))
        try:
            with peer:
                source: str = peer.getpeername()[0]
        except OSError:
            return False
        admitted: bool = self._cloud.fabric.admits(node.eni_id, source, "tcp", port)
        return admitted

    def _hold(self, fd: int) -> None:
        held = socket.socket(fileno=fd)
        self._held.append(held)
        if len(self._held) > _HELD:
            self._held.popleft().close()
        # The client is the host's, and so is its patience.
        self._loop.call_later(_HELD_SECONDS, self._let_go, held)

    def _let_go(self, held: socket.socket) -> None:
        if held in self._held:
            self._held.remove(held)
            held.close()

    async def close(self) -> None:
        """Close what is open on the host."""
        for task in [*self._opening.values(), *self._early]:
            task.cancel()
        for listening in self._open.values():
            address = listening.getsockname()[:2]
            self._loop.remove_reader(listening.fileno())
            listening.close()
            try:
                await self._cloud.host.unlisten(*address)
            except OSError:
                pass  # the agent is gone, and its listeners with it
        self._open.clear()
        while self._held:
            self._held.popleft().close()
