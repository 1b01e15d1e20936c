"""rtnetlink requests: what to say to the kernel about links, addresses, neighbours, routes and rules (IPv4)."""

from __future__ import annotations

import socket
import struct
from typing import Literal

from cloudarium.substrate.net.kernel.netlink import Request

RouteKind = Literal["unicast", "local", "blackhole", "unreachable", "throw"]

_NEWLINK, _DELLINK, _NEWADDR, _DELADDR = 16, 17, 20, 21
_NEWROUTE, _DELROUTE, _NEWNEIGH, _DELNEIGH, _NEWRULE, _DELRULE = 24, 25, 28, 29, 32, 33
_REPLACE, _EXCL, _CREATE = 0x100, 0x200, 0x400
_IFF_UP = 1
_INET = socket.AF_INET
_ROUTE_TYPES: dict[RouteKind, int] = {"unicast": 1, "local": 2, "blackhole": 6, "unreachable": 7, "throw": 9}
_SCOPE_LINK, _SCOPE_HOST, _ONLINK, _PROTOCOL_STATIC, _PERMANENT, _TO_TABLE = 253, 254, 4, 4, 0x80, 1
LOOPBACK = 1
"""The index that lo has in every namespace."""
_FORWARDING, _SEND_REDIRECTS, _RP_FILTER = 1, 6, 8


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _u32(kind: int, value: int) -> bytes:
    return struct.pack("=HHI", 8, kind, value)


def _name(name: str) -> bytes:
    return _attribute(3, name.encode() + b"\0")


def _ifinfo(index: int = 0, *, up: bool = False) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, _IFF_UP if up else 0, _IFF_UP if up else 0)


def _inet(address: str) -> bytes:
    return socket.inet_pton(_INET, address)


def _mac(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def veth(
    ends: tuple[tuple[str, int, str, int], tuple[str, int, str, int]], *, mtu: int, peer_namespace: int
) -> Request:
    """A pair of links, still down; each end is (name, index, mac, group). The second goes to another namespace."""
    (near, near_index, near_mac, near_group), (far, far_index, far_mac, far_group) = ends
    peer = (
        _ifinfo(far_index)
        + _name(far)
        + _attribute(1, _mac(far_mac))
        + _u32(4, mtu)
        + _u32(27, far_group)
        + _u32(28, peer_namespace)
    )
    info = _attribute(1, b"veth") + _attribute(2, _attribute(1, peer))
    body = (
        _ifinfo(near_index)
        + _name(near)
        + _attribute(1, _mac(near_mac))
        + _u32(4, mtu)
        + _u32(27, near_group)
        + _attribute(18, info)
    )
    return Request(_NEWLINK, _CREATE | _EXCL, body)


def link_up(index: int, *, forwards: bool = False) -> Request:
    """Bring a link up; where it forwards, let what comes in by it pass on, send no redirects, check no reverse path.

    The settings by netlink rather than /proc/sys, which containers often have mounted read-only.
    """
    body = _ifinfo(index, up=True)
    if forwards:
        settings = _u32(_FORWARDING, 1) + _u32(_SEND_REDIRECTS, 0) + _u32(_RP_FILTER, 0)
        body += _attribute(26, _attribute(_INET, _attribute(1, settings)))
    return Request(_NEWLINK, 0, body)


def delete_named(link: str) -> Request:
    """Delete the link of this name, and with a veth its other end."""
    return Request(_DELLINK, 0, _ifinfo() + _name(link))


def regroup(index: int, group: int) -> Request:
    """Put a link into another interface group."""
    return Request(_NEWLINK, 0, _ifinfo(index) + _u32(27, group))


def delete_group(group: int) -> Request:
    """Delete every link of an interface group, which takes as long as deleting one: the kernel waits once."""
    return Request(_DELLINK, 0, _ifinfo() + _u32(27, group))


def address(index: int, value: str, *, remove: bool = False) -> Request:
    """An address with a /32, so that nothing but itself is on the link."""
    body = struct.pack("=BBBBI", _INET, 32, 0, 0, index) + _attribute(2, _inet(value)) + _attribute(1, _inet(value))
    return Request(_DELADDR, 0, body) if remove else Request(_NEWADDR, _CREATE | _REPLACE, body)


def neighbour(index: int, value: str, mac: str, *, remove: bool = False) -> Request:
    """Whom to find at an address of a link, so that nobody need ask by ARP."""
    body = struct.pack("=BxxxiHBB", _INET, index, _PERMANENT, 0, 0) + _attribute(1, _inet(value))
    if remove:
        return Request(_DELNEIGH, 0, body)
    return Request(_NEWNEIGH, _CREATE | _REPLACE, body + _attribute(2, _mac(mac)))


def route(
    table: int,
    destination: tuple[str, int],
    kind: RouteKind,
    *,
    index: int = 0,
    via: str = "",
    source: str = "",
    remove: bool = False,
) -> Request:
    """A route to (base, prefix length) out of a link, next hop `via` taken to be on that link.

    `source` is the address that those get who take this route and have chosen none.
    """
    scope = {"local": _SCOPE_HOST, "unicast": 0 if via else _SCOPE_LINK}.get(kind, 0)
    flags = _ONLINK if via else 0
    base, length = destination
    body = struct.pack(
        "=BBBBBBBBI", _INET, length, 0, 0, min(table, 252), _PROTOCOL_STATIC, scope, _ROUTE_TYPES[kind], flags
    )
    body += _u32(15, table)
    if length:
        body += _attribute(1, _inet(base))
    if index:
        body += _u32(4, index)
    if via:
        body += _attribute(5, _inet(via))
    if source:
        body += _attribute(7, _inet(source))
    return Request(_DELROUTE, 0, body) if remove else Request(_NEWROUTE, _CREATE | _REPLACE, body)


def rule(priority: int, mark: int, table: int, *, remove: bool = False) -> Request:
    """Look into `table` for packets that carry `mark` (0: for every packet)."""
    body = struct.pack("=BBBBBBBBI", _INET, 0, 0, 0, min(table, 252), 0, 0, _TO_TABLE, 0)
    body += _u32(6, priority) + _u32(15, table)
    if mark:
        body += _u32(10, mark) + _u32(16, 0xFFFFFFFF)
    return Request(_DELRULE, 0, body) if remove else Request(_NEWRULE, _CREATE | _EXCL, body)
