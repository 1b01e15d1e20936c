"""What the cloud itself runs inside VPCs: a DNS server in each, and a splice per attached interface."""

from __future__ import annotations

import socket
from collections.abc import Callable

from cloudarium.substrate.net import addresses, dns, names
from cloudarium.substrate.net.attach.splice import Splice
from cloudarium.substrate.net.dns import DnsServer
from cloudarium.substrate.net.dns_wire import Resolver
from cloudarium.substrate.net.host import HostClient
from cloudarium.substrate.net.spec import HostAttachment, VpcSpec

_BACKLOG = 128


class Residents:
    """Kept in step with the specifications applied. `make_socket` makes a socket (site, type) in a namespace."""

    def __init__(
        self,
        host: HostClient | None,
        resolver: Resolver | None,
        make_socket: Callable[[str, int], socket.socket],
    ) -> None:
        self._host = host
        self._resolver = resolver
        self._make_socket = make_socket
        self._dns: dict[str, DnsServer] = {}
        self._splices: dict[str, dict[str, Splice]] = {}

    async def settle(self, spec: VpcSpec) -> None:
        """Start and stop what a VPC, whose namespaces exist, should and should not have."""
        await self._settle_dns(spec)
        await self._settle_splices(spec)

    async def leave(self, vpc_id: str) -> None:
        """Stop all that runs in a VPC."""
        server = self._dns.pop(vpc_id, None)
        if server is not None:
            server.close()
        for splice in self._splices.pop(vpc_id, {}).values():
            await splice.close()

    async def close(self) -> None:
        """Stop all that runs in any VPC."""
        for vpc_id in {*self._dns, *self._splices}:
            await self.leave(vpc_id)

    async def _settle_dns(self, spec: VpcSpec) -> None:
        running = self._dns.get(spec.id)
        if running is not None and (not spec.dns.enable_support or running.domain != spec.dns.domain):
            self._dns.pop(spec.id).close()
            running = None
        if running is None and spec.dns.enable_support and self._resolver is not None:
            site = names.vpc_site(spec.id)
            sockets = dns.open_sockets(
                addresses.resolver_addresses(spec.cidrs[0]), lambda kind: self._make_socket(site, kind)
            )
            server = self._dns[spec.id] = DnsServer(spec.id, spec.dns.domain, self._resolver)
            await server.serve(*sockets)

    async def _settle_splices(self, spec: VpcSpec) -> None:
        wanted = {eni.id: eni.attachment for eni in spec.enis if eni.attachment is not None}
        running = self._splices.setdefault(spec.id, {})
        for eni_id, splice in list(running.items()):
            if wanted.get(eni_id) != splice.attachment:
                del running[eni_id]
                await splice.close()
        for eni_id, attachment in wanted.items():
            if eni_id not in running and self._host is not None:
                running[eni_id] = Splice(self._listener(eni_id, attachment), attachment, self._host)

    def _listener(self, eni_id: str, attachment: HostAttachment) -> socket.socket:
        listener = self._make_socket(names.eni_site(eni_id), socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", attachment.port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener
