"""The network of a cloud: specifications in, namespaces that behave so, and sockets inside them.

Level-triggered: `apply` takes the whole of a VPC as it should be, and what differs from the last time is changed. All
changes run in one worker thread, one after another; applications that wait meanwhile are served together. The loop's
own thread steps into a namespace only to make a socket (8 us).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from cloudarium.substrate.net import addresses, names, nft, policy
from cloudarium.substrate.net.capabilities import Capabilities, probe
from cloudarium.substrate.net.compiled import ABSENT, compiled
from cloudarium.substrate.net.connecting import connect, drop
from cloudarium.substrate.net.dns_wire import Resolver
from cloudarium.substrate.net.errors import NetworkError, NotSupported, UnknownInterface
from cloudarium.substrate.net.host import HostClient
from cloudarium.substrate.net.kernel import namespaces
from cloudarium.substrate.net.machine import Machine, Outcome
from cloudarium.substrate.net.readiness import Readiness
from cloudarium.substrate.net.residents import Residents
from cloudarium.substrate.net.spec import HostAttachment, VpcSpec
from cloudarium.substrate.net.validation import validate
from cloudarium.substrate.net.world import World

log = logging.getLogger(__name__)

_Job = tuple[VpcSpec, Mapping[str, VpcSpec], str]


class Fabric:
    """The VPCs of one cloud. Belongs to one event loop, whose thread must be in the cloud's own namespace.

    `resolver` answers the VPCs' DNS queries; without one no VPC has a DNS server. `service_address` is an address the
    fabric puts on the cloud's loopback, where the cloud's own services may listen: VPCs reach it through their
    internet and NAT gateways, and gateway endpoints lead there, as do all addresses of `service_network`.
    """

    def __init__(
        self,
        host: HostClient | None = None,
        *,
        resolver: Resolver | None = None,
        service_address: str | None = None,
        service_network: str | None = None,
    ) -> None:
        self._host = host
        self._world = World(service_address, service_network)
        self._service_address = service_address
        self._service_network = service_network
        self._residents = Residents(host, resolver, self._socket)
        self._capabilities: Capabilities | None = None
        self._machine: Machine | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="fabric")
        self._home = -1
        self._fds: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._errors: dict[str, Exception] = {}
        self._readiness = Readiness()
        self._adopted: dict[str, int] = {}
        """Namespaces given by `adopt`, by site, that the machine has not been told of."""
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        """What this machine allows. Found out once, by `start`; asking sooner blocks for some 10 ms."""
        if self._capabilities is None:
            self._capabilities = probe()
        return self._capabilities

    async def start(self) -> None:
        """Find out what the machine allows and prepare the cloud's namespace; `apply` does so too, at first use."""
        await self._finish(self._start())

    async def _start(self) -> None:
        async with self._lock:
            if self._closed:
                raise NetworkError("the fabric is closed")
            if self._machine is not None or (self._capabilities is not None and not self._capabilities.complete):
                return
            loop = asyncio.get_running_loop()
            if self._capabilities is None:
                self._capabilities = await loop.run_in_executor(self._worker, probe)
            if self._capabilities.complete:
                machine = Machine(self._service_address, self._service_network)
                await loop.run_in_executor(self._worker, machine.start)
                self._home = namespaces.current()
                self._machine = machine

    # -- what should be ------------------------------------------------------------------------------------------------

    async def apply(self, spec: VpcSpec) -> None:
        """Make a VPC as `spec` says; returns when it is so. Applying the same again does nothing.

        Raises SpecError for what contradicts itself, NotSupported for what this machine refuses, NetworkError when
        the kernel refused a part: the rest is made, and applying again tries that part again. Where there are no
        namespaces, the specification is kept for `dial` and `admits`; gateways, which could only be real, are refused.
        """
        validate(spec)
        await self.start()
        if not self.capabilities.complete and (spec.nat_gateways or spec.gateway_endpoints):
            self._refuse(f"NAT gateways and gateway endpoints of {spec.id}")
        former = self._world.vpcs.get(spec.id)
        affected = set(spec.active_peers()) | set(former.spec.active_peers() if former is not None else ())
        self._world.put(spec)
        await self._sync(spec.id, affected)

    def adopt(self, eni_id: str, netns_fd: int) -> None:
        """Give an interface a namespace that is there already, best before its VPC is applied.

        For workloads that outlived the cloud which started them: the interface comes back into the namespace they
        still hold, with the same addresses. Where it got a fresh one meanwhile, that is given up. `ready` waits for
        either. The descriptor stays the caller's (a duplicate is kept). Raises NotSupported without namespaces.
        """
        if not self.capabilities.complete:
            self._refuse(f"adopting the namespace of {eni_id}")
        if self._closed:
            raise NetworkError("the fabric is closed")
        site = names.eni_site(eni_id)
        former = self._adopted.pop(site, None)
        if former is not None:
            os.close(former)
        self._adopted[site] = os.dup(netns_fd)
        self._readiness.forget(site)
        vpc_id = self._world.vpc_of(eni_id)
        if vpc_id is not None:
            task = asyncio.get_running_loop().create_task(self._sync(vpc_id, set()))
            self._tasks.add(task)
            task.add_done_callback(self._adoption_done)

    def _adoption_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("adopting a namespace failed, and is tried again when its VPC changes: %s", error)

    async def local_address(self, eni_id: str, address: str, *, port: int = 0, leads_to: int = 0) -> None:
        """Give an interface's namespace an address that only its workload sees, on the loopback: `address`/32.

        Its TCP `port` may lead to another, where somebody listens: so the workload can have `port` itself on all its
        addresses. Both stay for as long as the namespace; giving them again does nothing. Raises NetworkError,
        NotSupported.
        """
        addresses.number(address)
        self._fd(names.eni_site(eni_id))
        leading = nft.leading(address, port, leads_to) if port else ""
        await self._run(lambda machine: machine.localize(names.eni_site(eni_id), address, leading))

    async def ready(self, eni_id: str, timeout: float) -> None:
        """Wait until an interface has its namespace, linked and filtered; TimeoutError after `timeout` host seconds.

        The interface need not be known yet. Raises NotSupported where there are no namespaces.
        """
        await self.start()
        if not self.capabilities.complete:
            self._refuse(f"waiting for {eni_id}")
        await self._readiness.wait(names.eni_site(eni_id), timeout)

    async def remove(self, vpc_id: str) -> None:
        """Make a VPC not be; nothing happens if it is not. Its sockets are closed, its links gone on return."""
        former = self._world.vpcs.get(vpc_id)
        self._world.drop(vpc_id)
        await self._sync(vpc_id, set(former.spec.active_peers()) if former is not None else set())

    async def close(self) -> None:
        """Give everything up. The fabric cannot be used again."""
        await self._finish(self._close())

    async def _close(self) -> None:
        async with self._lock:
            if self._closed:
                return
            self._closed = True
            await self._residents.close()
            if self._machine is not None:
                retired = await asyncio.get_running_loop().run_in_executor(self._worker, self._machine.close)
                for fd in (*retired, self._home):
                    os.close(fd)
                self._fds.clear()
            for fd in self._adopted.values():
                os.close(fd)
            self._adopted.clear()
            self._worker.shutdown(wait=False)

    # -- what reaches what ---------------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The specifications, for `policy.decide`."""
        return self._world

    def admits(self, eni_id: str, source_ip: str, protocol: str, port: int) -> bool:
        """Whether an interface's security groups and network ACL let in a client from outside of the cloud."""
        return policy.admits(self._world, eni_id, source_ip, protocol, port).allowed

    # -- sockets -------------------------------------------------------------------------------------------------------

    async def dial(self, source_eni: str, address: str, port: int, timeout: float) -> socket.socket:
        """A connected non-blocking TCP socket from an interface's primary address, within `timeout` host seconds.

        To an attached process it comes from the host, once the policy has allowed it. Raises ConnectionRefusedError,
        TimeoutError (a refusal of the policy is one, after the whole timeout, as a dropped packet is), OSError with
        EHOSTUNREACH where there is no route, UnknownInterface, and NotSupported where there are no namespaces.
        """
        vpc, eni = self._world.interface(source_eni)
        target = addresses.number(address)
        if self._world.is_attached(target):
            verdict = policy.decide(self._world, source_eni, address, "tcp", port)
            if verdict.outcome == "dropped":
                await drop(timeout)
            if verdict.outcome == "unreachable":
                raise OSError(errno.EHOSTUNREACH, f"{os.strerror(errno.EHOSTUNREACH)}: {verdict.reason}")
            attachment = self._world.interface(verdict.eni)[1].attachment if verdict.eni is not None else None
            if attachment is not None:
                return await self._dial_host(attachment, port, timeout)
        if not self.capabilities.complete:
            self._refuse(f"connecting from {source_eni} to {address}")
        if target not in vpc.resolvers and policy.route(vpc, eni, target) is None:
            raise OSError(errno.EHOSTUNREACH, f"{os.strerror(errno.EHOSTUNREACH)}: no route to {address}")
        return await connect(self._socket(names.eni_site(source_eni)), address, port, timeout)

    async def dial_into(self, vpc_id: str, address: str, port: int, timeout: float) -> socket.socket:
        """A connected non-blocking TCP socket to an interface's private address, from its VPC's own address.

        For clients from outside of the cloud, who have no interface: ask `admits` first, nothing is filtered on this
        way. The workload sees the address of its VPC's resolver. Raises what `dial` raises.
        """
        vpc = self._world.vpcs.get(vpc_id)
        eni = vpc.by_address.get(addresses.number(address)) if vpc is not None else None
        if vpc is None or eni is None:
            raise UnknownInterface(f"{address} in {vpc_id}")
        if not self.capabilities.complete:
            if eni.attachment is not None:
                return await self._dial_host(eni.attachment, port, timeout)
            self._refuse(f"connecting to {address}")
        sock = self._socket(names.vpc_site(vpc_id))
        try:
            sock.bind((addresses.resolver_addresses(vpc.spec.cidrs[0])[0], 0))
        except BaseException:
            sock.close()
            raise
        return await connect(sock, address, port, timeout)

    async def listen(self, eni_id: str, port: int, backlog: int = 1024, address: str = "0.0.0.0") -> socket.socket:
        """A non-blocking TCP socket listening on `port` of an interface, which the caller owns (0: any port).

        `address` is one of the interface's, of its namespace's loopback (see `local_address`), or all of them.
        """
        self._world.interface(eni_id)
        if not self.capabilities.complete:
            self._refuse(f"listening on {eni_id}")
        sock = self._socket(names.eni_site(eni_id))
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.listen(backlog)
        except BaseException:
            sock.close()
            raise
        return sock

    def namespace(self, eni_id: str) -> int:
        """The file descriptor of an interface's network namespace. The fabric's own: `os.dup` it to keep it."""
        return self._fd(names.eni_site(eni_id))

    def enter(self, eni_id: str) -> AbstractContextManager[None]:
        """Run a block, which must not await, in an interface's namespace: `with fabric.enter(eni_id): ...`.

        In a worker thread, or in the loop's for what does not block. Processes started in it belong to the namespace.
        """
        return namespaces.inside(self._fd(names.eni_site(eni_id)), self._home)

    def _fd(self, site: str) -> int:
        if not self.capabilities.complete:
            self._refuse(f"entering {site}")
        fd = self._fds.get(site)
        if fd is None:
            raise NetworkError(f"{site} has no namespace (yet): apply its VPC first")
        return fd

    def _socket(self, site: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        with namespaces.inside(self._fd(site), self._home):
            return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    async def _dial_host(self, attachment: HostAttachment, port: int, timeout: float) -> socket.socket:
        if port != attachment.port:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        if self._host is None:
            raise NotSupported("attached processes need the host agent, and this fabric was given none")
        sock = await self._host.dial(attachment.host, attachment.host_port, timeout)
        sock.setblocking(False)
        return sock

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupported(f"{what}: {self.capabilities.reason}")

    # -- making it so --------------------------------------------------------------------------------------------------

    async def _sync(self, vpc_id: str, affected: set[str]) -> None:
        if not self.capabilities.complete:
            return
        self._dirty.add(vpc_id)
        self._dirty |= affected & self._world.vpcs.keys()
        await self._finish(self._flush(vpc_id))

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, which goes on when the waiter is cancelled: half a change is worse than a whole one."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # The waiter is gone: what the work raises is remembered nowhere else, and must not be reported as lost.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    async def _flush(self, vpc_id: str) -> None:
        async with self._lock:
            if self._closed or self._machine is None:
                raise NetworkError("the fabric is closed")
            if vpc_id in self._dirty:
                await self._flush_all(self._machine)
            error = self._errors.pop(vpc_id, None)
        if error is not None:
            raise error

    async def _flush_all(self, machine: Machine) -> None:
        """Apply whatever waits; VPCs that fail wait for the next time, and whoever applied them is told."""
        dirty, self._dirty = self._dirty, set()
        jobs: dict[str, _Job | None] = {}
        for vpc_id in dirty:
            vpc = self._world.vpcs.get(vpc_id)
            if vpc is not None:
                address = addresses.endpoint_address(self._number(vpc_id))
                jobs[vpc_id] = (vpc.spec, self._world.peers(vpc.spec), address)
            else:
                jobs[vpc_id] = None
                self._numbers.pop(vpc_id, None)
                await self._residents.leave(vpc_id)
        adopted, self._adopted = self._adopted, {}
        outcome = await asyncio.get_running_loop().run_in_executor(self._worker, _work, machine, jobs, adopted)
        gone = set(outcome.retired)
        self._fds = {site: fd for site, fd in self._fds.items() if fd not in gone} | outcome.made
        for fd in outcome.retired:
            os.close(fd)
        for vpc_id, job in jobs.items():
            if job is not None and vpc_id not in outcome.errors:
                try:
                    await self._residents.settle(job[0])
                except (OSError, NetworkError) as error:
                    outcome.errors[vpc_id] = error
                else:
                    # Those adopted meanwhile are about to be made anew.
                    sites = {names.eni_site(eni.id) for eni in job[0].enis}
                    self._readiness.tell(sites - self._adopted.keys())
        self._readiness.retain(self._fds.keys())
        for vpc_id in jobs:
            self._errors.pop(vpc_id, None)
        self._errors.update(outcome.errors)
        self._dirty |= outcome.errors.keys()

    async def _run(self, work: Callable[[Machine], None]) -> None:
        """Do something in the worker thread, after what waits there already."""
        if self._closed or self._machine is None:
            raise NetworkError("the fabric is closed")
        await asyncio.get_running_loop().run_in_executor(self._worker, work, self._machine)

    def _number(self, vpc_id: str) -> int:
        if vpc_id not in self._numbers:
            taken = set(self._numbers.values())
            free = next((n for n in range(addresses.ENDPOINT_ADDRESSES) if n not in taken), None)
            if free is None:
                raise NotSupported(f"more than {addresses.ENDPOINT_ADDRESSES} VPCs")
            self._numbers[vpc_id] = free
        return self._numbers[vpc_id]


def _work(machine: Machine, jobs: Mapping[str, _Job | None], adopted: Mapping[str, int]) -> Outcome:
    """In the worker thread: compile what changed, and make it so."""
    machine.keep(adopted)
    return machine.apply({vpc_id: ABSENT if job is None else compiled(*job) for vpc_id, job in jobs.items()})
