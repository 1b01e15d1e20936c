"""Names of the cloud for programs on the host: a DNS server on the one port's number, over UDP.

    dig @127.0.0.1 -p 4566 web.corp.local

What the front door serves by name (load balancers, AWS's own API) is at loopback, where the one port is; everything
else has the addresses it has inside its VPC. Names that are not of this cloud do not exist here: nothing is forwarded.
"""

from __future__ import annotations

import ipaddress
import logging

from cloudarium.gateway.names import data_plane_of
from cloudarium.kernel.cloud import Cloud
from cloudarium.substrate.net.dns import DnsServer

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_DOMAIN = "cloudarium.internal"


class HostDns:
    """The host's view of the cloud's names."""

    def __init__(self, cloud: Cloud, service_network: str) -> None:
        """``service_network`` has the addresses of AWS's API inside VPCs."""
        self._cloud = cloud
        self._services = ipaddress.ip_network(service_network)
        self._server = DnsServer("", _DOMAIN, lambda _, name, kind: self.look_up(name, kind))

    async def open(self) -> None:
        """Answer on the one port's number, unless somebody else has it: the API must not fail for that."""
        try:
            bound = await self._cloud.host.bind(_LOOPBACK, self._cloud.port)
        except OSError as error:
            log.warning("no DNS for the host: UDP port %d: %s", self._cloud.port, error)
            return
        await self._server.serve([bound], [])

    def close(self) -> None:
        """Stop answering."""
        self._server.close()

    def look_up(self, name: str, kind: str) -> list[str] | None:
        """Records of a lower-case name, None for one that is not the cloud's."""
        if data_plane_of(self._cloud, name) is not None:
            return [_LOOPBACK] if kind == "A" else []
        for vpc_id in self._cloud.fabric.world.vpcs:
            records = self._cloud.resolve(vpc_id, name, kind)
            if records is not None:
                return [self._from_here(record) for record in records] if kind == "A" else records
        return None

    def _from_here(self, address: str) -> str:
        return _LOOPBACK if ipaddress.ip_address(address) in self._services else address
