"""Bridge networks: containers that share their instance's interface, as with Docker's default network.

    bridges = Bridges(cloud.fabric)
    port = await bridges.attach(instance_eni, container_id)             # port.fd: the container's namespace
    host_port = await bridges.publish(instance_eni, container_id, 0, 80, "tcp")
    await bridges.detach(instance_eni, container_id)

A container is known by its id and has a namespace of its own, linked into the instance's (``bridge_rules`` says how).
Everything is in memory and in the kernel: namespaces are held by descriptors here and by the processes in them. One
that outlived the cloud comes back by ``adopt``. Kernel work is done in the fabric's worker thread.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/networking-networkmode-bridge.html
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cloudarium.substrate.net import bridge_rules as rules
from cloudarium.substrate.net import names
from cloudarium.substrate.net.bridge_rules import DYNAMIC_PORTS, GATEWAY, NETWORK, Protocol
from cloudarium.substrate.net.errors import NetworkError
from cloudarium.substrate.net.kernel import carrier, namespaces, nftables, rtnl
from cloudarium.substrate.net.kernel.netlink import Netlink, Request

if TYPE_CHECKING:
    from cloudarium.substrate.net.fabric import Fabric


T = TypeVar("T")


class PortInUse(NetworkError):
    """Somebody has that port of the instance already."""

    def __init__(self) -> None:
        super().__init__("port is already allocated")


class BridgePort(msgspec.Struct, frozen=True):
    """A container's place in a bridge network."""

    fd: int
    """Its network namespace. The bridges' own: ``os.dup`` it to keep it."""
    address: str
    gateway: str
    key: str
    """``<instance eni>/<address>``, for whoever has to find the place again: see ``parse_key``."""


class Published(msgspec.Struct, frozen=True):
    """A port of the instance that leads to one of a container."""

    host_port: int
    container_port: int
    protocol: Protocol


def parse_key(key: str) -> tuple[str, str] | None:
    """The instance's interface and the address of a ``BridgePort.key``; None for keys of other networks."""
    eni_id, slash, address = key.partition("/")
    return (eni_id, address) if slash else None


class _Member:
    def __init__(self, fd: int, address: str) -> None:
        self.fd, self.address = fd, address
        self.published: dict[Published, socket.socket] = {}
        """With the sockets that keep others off the instance's ports, as Docker's proxy does."""


class _Instance:
    """One instance's network. ``fd`` and ``netlink`` are its namespace's."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.netlink: Netlink | None = None
        self.members: dict[str, _Member] = {}
        self.next_index = rules.FIRST_NEAR_INDEX
        self.next_host = 2
        self.next_port = DYNAMIC_PORTS.start

    def close(self) -> None:
        if self.netlink is not None:
            self.netlink.close()
        for member in self.members.values():
            for held in member.published.values():
                held.close()
            os.close(member.fd)
        os.close(self.fd)


class Bridges:
    """The bridge networks of all instances of one fabric. Make it on the loop's thread."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._home = namespaces.current()
        self._instances: dict[str, _Instance] = {}
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- containers ------------------------------------------------------------------------------------------------

    async def attach(self, instance_eni: str, container_id: str) -> BridgePort:
        """Give a container a namespace and an address; the same ones when it has them already.

        Raises NetworkError (also while the instance has no namespace, or no address is left) and NotSupported.
        """
        return await self._whole(self._attach(instance_eni, container_id))

    async def _attach(self, instance_eni: str, container_id: str) -> BridgePort:
        async with self._lock:
            instance = await self._instance(instance_eni)
            if (known := instance.members.get(container_id)) is None:
                address = _free_address(instance)
                known = await self._join(instance, container_id, address, None)
            return self._shown(instance_eni, known)

    async def adopt(
        self,
        instance_eni: str,
        container_id: str,
        netns_fd: int,
        address: str,
        published: Iterable[Published] = (),
    ) -> BridgePort:
        """Link a namespace that outlived the cloud again, with its address and its ports.

        The descriptor stays the caller's. Raises NetworkError and PortInUse; the container is then not attached.
        """
        return await self._whole(self._adopt(instance_eni, container_id, netns_fd, address, tuple(published)))

    async def _adopt(
        self, instance_eni: str, container_id: str, netns_fd: int, address: str, published: tuple[Published, ...]
    ) -> BridgePort:
        async with self._lock:
            instance = await self._instance(instance_eni)
            await self._leave(instance, container_id)
            if any(member.address == address for member in instance.members.values()):
                raise NetworkError(f"{address} of {instance_eni} has been given to another container")
            known = await self._join(instance, container_id, address, netns_fd)
            try:
                for one in published:
                    await self._publish(instance, known, one)
            except BaseException:
                await self._leave(instance, container_id)
                raise
            return self._shown(instance_eni, known)

    async def detach(self, instance_eni: str, container_id: str) -> None:
        """Take a container out of the network, its published ports with it. Unknown ones are no error."""
        await self._whole(self._detach(instance_eni, container_id))

    async def _detach(self, instance_eni: str, container_id: str) -> None:
        async with self._lock:
            instance = self._instances.get(instance_eni)
            if instance is not None:
                await self._leave(instance, container_id)

    async def forget(self, instance_eni: str) -> None:
        """Give up a whole instance's network: the instance is terminated."""
        async with self._lock:
            instance = self._instances.get(instance_eni)
            if instance is not None:
                for container_id in list(instance.members):
                    await self._leave(instance, container_id)
                self._instances.pop(instance_eni).close()

    def port(self, instance_eni: str, container_id: str) -> BridgePort | None:
        """A container's place, None when it has none."""
        instance = self._instances.get(instance_eni)
        member = instance.members.get(container_id) if instance is not None else None
        return self._shown(instance_eni, member) if member is not None else None

    def close(self) -> None:
        """Let go of every namespace; what no process holds is gone, and the links with it."""
        for instance in self._instances.values():
            instance.close()
        self._instances.clear()
        os.close(self._home)

    # -- published ports -------------------------------------------------------------------------------------------

    async def publish(
        self, instance_eni: str, container_id: str, host_port: int, container_port: int, protocol: str
    ) -> int:
        """Lead a port of the instance to one of a container; returns it. 0 takes a free one of 32768-60999.

        Raises PortInUse, NetworkError for a container that is not attached.
        """
        if protocol not in ("tcp", "udp"):
            raise NetworkError(f"ports of {protocol!r} cannot be published")
        kind: Protocol = "tcp" if protocol == "tcp" else "udp"
        return await self._whole(self._publish_one(instance_eni, container_id, host_port, container_port, kind))

    async def _publish_one(
        self, instance_eni: str, container_id: str, host_port: int, container_port: int, kind: Protocol
    ) -> int:
        async with self._lock:
            instance = await self._instance(instance_eni)
            member = instance.members.get(container_id)
            if member is None:
                raise NetworkError(f"{container_id} is not attached to {instance_eni}")
            if host_port:
                await self._publish(instance, member, Published(host_port, container_port, kind))
                return host_port
            for _ in DYNAMIC_PORTS:
                candidate = instance.next_port
                instance.next_port = candidate + 1 if candidate + 1 in DYNAMIC_PORTS else DYNAMIC_PORTS.start
                try:
                    await self._publish(instance, member, Published(candidate, container_port, kind))
                except PortInUse:
                    continue
                return candidate
            raise PortInUse

    def published(self, instance_eni: str, container_id: str) -> list[Published]:
        """The published ports of a container."""
        instance = self._instances.get(instance_eni)
        member = instance.members.get(container_id) if instance is not None else None
        return list(member.published) if member is not None else []

    async def _publish(self, instance: _Instance, member: _Member, wanted: Published) -> None:
        if wanted in member.published:
            return
        held = self._hold(instance, wanted)
        try:
            await self._load(
                instance, rules.lead(wanted.protocol, wanted.host_port, member.address, wanted.container_port)
            )
        except BaseException:
            held.close()
            raise
        member.published[wanted] = held

    def _hold(self, instance: _Instance, wanted: Published) -> socket.socket:
        kind = socket.SOCK_STREAM if wanted.protocol == "tcp" else socket.SOCK_DGRAM
        with namespaces.inside(instance.fd, self._home):
            held = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC)
        try:
            held.bind(("0.0.0.0", wanted.host_port))
        except OSError as error:
            held.close()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse from None
            raise NetworkError(f"port {wanted.host_port}: {error.strerror}") from error
        return held

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`, which goes on when the waiter is cancelled: a link half made would belong to nobody."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    # -- the kernel ------------------------------------------------------------------------------------------------

    async def _instance(self, instance_eni: str) -> _Instance:
        """The instance's network, prepared; anew when the interface has got another namespace."""
        fd = self._fabric.namespace(instance_eni)
        known = self._instances.get(instance_eni)
        if known is not None and _same(known.fd, fd):
            return known
        made = _Instance(os.dup(fd))
        try:
            await self._work(lambda: self._prepare(made))
        except BaseException:
            made.close()
            raise
        if known is not None:
            known.close()
        self._instances[instance_eni] = made
        return made

    def _prepare(self, instance: _Instance) -> None:
        with namespaces.inside(instance.fd, self._home):
            instance.netlink = Netlink()
            uplink = socket.if_nametoindex(names.ENI_LINK)
            _send(instance.netlink, rules.prepare(uplink), tolerated={errno.ENODEV, errno.EINVAL})
            nftables.load(rules.ruleset())

    async def _join(self, instance: _Instance, container_id: str, address: str, fd: int | None) -> _Member:
        index = instance.next_index
        instance.next_index += 1
        member = await self._made(lambda: self._link(instance, container_id, address, index, fd))
        instance.members[container_id] = member
        return member

    def _link(self, instance: _Instance, container_id: str, address: str, index: int, fd: int | None) -> _Member:
        assert instance.netlink is not None
        if fd is None:
            with namespaces.fresh(self._home) as made:
                namespaces.sysctl("ipv6/conf/default/disable_ipv6", "1")
                namespaces.sysctl("ipv4/ip_unprivileged_port_start", "0")
                fd = made
        else:
            fd = os.dup(fd)
        try:
            with namespaces.inside(fd, self._home):
                inner = Netlink()
            try:
                # What is left of the link to the instance's former namespace.
                inner.batch([rtnl.delete_named(names.ENI_LINK)])
                _send(instance.netlink, rules.join(container_id, address, index, fd))
                _send(inner, rules.settle(address))
            finally:
                inner.close()
            with namespaces.inside(fd, self._home):
                carrier.complete([names.ENI_LINK])
            with namespaces.inside(instance.fd, self._home):
                carrier.complete([rules.near_link(container_id)])
                nftables.load(rules.know(address))
        except BaseException:
            instance.netlink.batch([rules.leave(container_id)])
            os.close(fd)
            raise
        return _Member(fd, address)

    async def _leave(self, instance: _Instance, container_id: str) -> None:
        member = instance.members.pop(container_id, None)
        if member is None:
            return
        text = rules.know(member.address, remove=True)
        for one, held in member.published.items():
            held.close()
            text += rules.lead(one.protocol, one.host_port, member.address, one.container_port, remove=True)

        def work() -> None:
            assert instance.netlink is not None
            instance.netlink.batch([rules.leave(container_id)])
            with namespaces.inside(instance.fd, self._home):
                nftables.load(text)

        try:
            await self._work(work)
        finally:
            os.close(member.fd)

    async def _load(self, instance: _Instance, text: str) -> None:
        def work() -> None:
            with namespaces.inside(instance.fd, self._home):
                nftables.load(text)

        await self._work(work)

    async def _made(self, work: Callable[[], _Member]) -> _Member:
        made: list[_Member] = []
        await self._work(lambda: made.append(work()))
        return made[0]

    async def _work(self, work: Callable[[], None]) -> None:
        """In the fabric's worker: netlink waits for the kernel, and nftables' library takes one thread at a time."""
        await self._fabric._run(lambda _machine: work())

    @staticmethod
    def _shown(instance_eni: str, member: _Member) -> BridgePort:
        return BridgePort(member.fd, member.address, GATEWAY, f"{instance_eni}/{member.address}")


def _send(netlink: Netlink, requests: Sequence[Request], tolerated: Iterable[int] = ()) -> None:
    for answer in netlink.batch(requests):
        if answer.number and answer.number not in tolerated:
            raise NetworkError(f"the bridge network: {answer}")


def _free_address(instance: _Instance) -> str:
    """The next address after the last one given: an old one is given again as late as possible."""
    taken = {member.address for member in instance.members.values()}
    hosts = NETWORK.num_addresses - 1
    for _ in range(hosts):
        number = instance.next_host
        instance.next_host = number + 1 if number + 1 < hosts else 2
        if (address := str(NETWORK[number])) not in taken:
            return address
    raise NetworkError(f"no address of {NETWORK} is left")


def _same(one: int, other: int) -> bool:
    return os.path.sameopenfile(one, other)
