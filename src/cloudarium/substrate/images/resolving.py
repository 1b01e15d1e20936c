"""Addresses of registries, asked of the host's own name servers: the cloud's network has none.

/etc/hosts first, then each server of /etc/resolv.conf over UDP through the host agent. IPv4 only. Waits are host
time: the servers are real.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cloudarium.substrate.images.errors import RegistryUnreachable

if TYPE_CHECKING:
    from cloudarium.substrate.host.client import HostClient

_TIMEOUT = 3.0
_TRIES = 2
_LINE = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)


async def resolve(host: HostClient, name: str) -> list[str]:
    """Numeric addresses of a name, which may be one already. Raises ``RegistryUnreachable``."""
    plain = name.strip("[]")
    try:
        return [str(ipaddress.ip_address(plain))]
    except ValueError:
        pass
    if name == "localhost":
        return ["127.0.0.1"]
    if known := _in_hosts(_read("/etc/hosts"), name):
        return known
    servers = _LINE.findall(_read("/etc/resolv.conf"))[:3] or ["127.0.0.1"]
    for server in servers * _TRIES:
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await _ask(host, server, name)
        except (OSError, TimeoutError):
            continue
        if answer is not None:
            if not answer:
                break
            return answer
    raise RegistryUnreachable(f"dial tcp: lookup {name}: no such host")


async def _ask(host: HostClient, server: str, name: str) -> list[str] | None:
    """The A records; empty when there are none; None when the server has no answer to give."""
    import dnslib

    query = dnslib.DNSRecord.question(name, "A")
    sock = await host.datagram(server, 53)
    try:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, query.pack())
        while True:
            data = await loop.sock_recv(sock, 4096)
            try:
                reply = dnslib.DNSRecord.parse(data)
            except Exception:  # dnslib raises many kinds on what is no answer
                continue
            if reply.header.id != query.header.id:
                continue
            if reply.header.rcode not in (0, 3):
                return None
            return [str(record.rdata) for record in reply.rr if record.rtype == dnslib.QTYPE.A]
    finally:
        sock.close()


def _in_hosts(text: str, name: str) -> list[str]:
    found = []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name.lower() in map(str.lower, names) and ":" not in address:
            found.append(address)
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
