"""The namespaces a fabric holds, by site name, and what links.py's items are as netlink requests to them."""

from __future__ import annotations

import errno
import socket

from cloudarium.substrate.net import names
from cloudarium.substrate.net.errors import NetworkError
from cloudarium.substrate.net.kernel import namespaces, rtnl
from cloudarium.substrate.net.kernel.netlink import Netlink, Request
from cloudarium.substrate.net.links import MTU, Address, Item, Neighbour, RouteEntry, Rule, Veth


class Site:
    """A namespace: its file descriptor, its netlink socket while one is open, and the indexes of its links."""

    def __init__(self, fd: int, first_index: int) -> None:
        self.fd = fd
        self._netlink: Netlink | None = None
        self._indexes: dict[str, int] = {"lo": rtnl.LOOPBACK}
        self._next = first_index

    @classmethod
    def make(cls, home: int, *, is_vpc: bool) -> Site:
        """A new namespace with its loopback up."""
        with namespaces.fresh(home) as fd:
            site = cls(fd, first_index=2)
            site._netlink = Netlink()
            # Best effort: without it the kernel only chatters IPv6 on links that have none.
            namespaces.sysctl("ipv6/conf/default/disable_ipv6", "1")
            # As in a container's namespace: its address is its own, so any user may listen on any port, and ping.
            namespaces.sysctl("ipv4/ip_unprivileged_port_start", "0")
            _ = namespaces.sysctl("ipv4/ping_group_range", "0 2147483647") or namespaces.sysctl(
                "ipv4/ping_group_range", "0 0"
            )
            if is_vpc:
                # A strict host's default would drop what enters by an edge: its way back depends on a mark.
                namespaces.sysctl("ipv4/conf/all/rp_filter", "0")
            site._netlink.batch([rtnl.link_up(rtnl.LOOPBACK)])
        return site

    @classmethod
    def adopt(cls, fd: int, home: int) -> Site:
        """A namespace that is there already, as a workload kept it when the cloud that made it died.

        Of the link it had nothing may be left, but the kernel takes namespaces down in its own time: what leads to
        the dead cloud's VPC is deleted here. Other links, a container's bridge say, keep their indexes.
        """
        with namespaces.inside(fd, home):
            netlink = Netlink()
            left, up = netlink.batch([rtnl.delete_named(names.ENI_LINK), rtnl.link_up(rtnl.LOOPBACK)])
            if left.number not in (0, errno.ENODEV) or up.number:
                # Not of the fabric's making: whatever it is, nothing in it may be touched.
                netlink.close()
                raise NetworkError(f"a namespace that cannot be adopted: {left if left.number else up}")
            site = cls(fd, first_index=max((index for index, _ in socket.if_nameindex()), default=rtnl.LOOPBACK) + 1)
            site._netlink = netlink
        return site

    def index(self, link: str) -> int:
        """The index of a link; chosen here at its first mention, so that nobody need ask the kernel."""
        if link not in self._indexes:
            self._indexes[link] = self._next
            self._next += 1
        return self._indexes[link]

    def forget(self, link: str) -> None:
        """Let go of a deleted link's index."""
        self._indexes.pop(link, None)

    def netlink(self, home: int) -> Netlink:
        """The site's netlink socket, opened if it is not."""
        if self._netlink is None:
            with namespaces.inside(self.fd, home):
                self._netlink = Netlink()
        return self._netlink

    def quiet(self) -> None:
        """Close the netlink socket until the next use."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None


def site_of(item: Item) -> str:
    """The site whose netlink an item's requests go to (for a veth, the near end's)."""
    return item.near.site if isinstance(item, Veth) else item.site


def key_of(item: Item) -> tuple[object, ...]:
    """What two versions of the same item have in common."""
    match item:
        case Veth():
            return (Veth, item.near.site, item.near.name)
        case Address() | Neighbour():
            return (type(item), item.site, item.link, item.address)
        case RouteEntry():
            return (RouteEntry, item.site, item.table, item.destination)
        case Rule():
            return (Rule, item.site, item.priority, item.mark, item.table)


def ends_of(item: Item) -> set[tuple[str, str]]:
    """The link ends, as (site, link), that an item is or stands on."""
    match item:
        case Veth():
            return {(item.near.site, item.near.name), (item.far.site, item.far.name)}
        case Address() | Neighbour() | RouteEntry():
            return {(item.site, item.link)} if item.link else set()
        case Rule():
            return set()


def addition(item: Item, sites: dict[str, Site]) -> list[tuple[str, Request]]:
    """The requests that make an item, each with the site to send it to."""
    name = site_of(item)
    site = sites[name]
    match item:
        case Veth():
            ends = [(sites[end.site].index(end.name), end) for end in (item.near, item.far)]
            near, far = [(end.name, index, end.mac, end.group) for index, end in ends]
            made = rtnl.veth((near, far), mtu=MTU, peer_namespace=sites[item.far.site].fd)
            return [(name, made), *((end.site, rtnl.link_up(index, forwards=end.forwards)) for index, end in ends)]
        case Address():
            return [(name, rtnl.address(site.index(item.link), item.address))]
        case Neighbour():
            return [(name, rtnl.neighbour(site.index(item.link), item.address, item.mac))]
        case RouteEntry():
            return [(name, _route(item, site, remove=False))]
        case Rule():
            return [(name, rtnl.rule(item.priority, item.mark, item.table))]


def removal(item: Item, sites: dict[str, Site]) -> list[tuple[str, Request]]:
    """The request that removes an item; none where its namespace, and with it the item, is gone.

    A link is only marked: whoever asks deletes the marked ones together, by their group.
    """
    name = site_of(item)
    if name not in sites:
        return []
    site = sites[name]
    match item:
        case Veth():
            return [(name, rtnl.regroup(site.index(item.near.name), names.DOOMED_GROUP))]
        case Address():
            return [(name, rtnl.address(site.index(item.link), item.address, remove=True))]
        case Neighbour():
            return [(name, rtnl.neighbour(site.index(item.link), item.address, item.mac, remove=True))]
        case RouteEntry():
            return [(name, _route(item, site, remove=True))]
        case Rule():
            return [(name, rtnl.rule(item.priority, item.mark, item.table, remove=True))]


def _route(item: RouteEntry, site: Site, *, remove: bool) -> Request:
    index = site.index(item.link) if item.link else 0
    return rtnl.route(
        item.table, item.destination, item.kind, index=index, via=item.via, source=item.source, remove=remove
    )
