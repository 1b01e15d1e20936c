"""What this machine lets the fabric do, found out by doing it once in a namespace that is thrown away."""

from __future__ import annotations

import os
import socket

import msgspec

from cloudarium.substrate.net import names
from cloudarium.substrate.net.errors import NetworkError
from cloudarium.substrate.net.kernel import namespaces, nftables, rtnl
from cloudarium.substrate.net.kernel.netlink import Netlink


class Capabilities(msgspec.Struct, frozen=True):
    """`reason` says in a sentence what is missing, and is empty where nothing is."""

    namespaces: bool
    nftables: bool
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether VPCs can be made."""
        return self.namespaces and self.nftables


_TRIAL = """table ip trial {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ct mark set 1
  }
  chain translate_source { type nat hook postrouting priority srcnat; ip saddr 10.0.0.1 snat to 10.0.0.2; }
}
"""


def probe() -> Capabilities:
    """Try everything a VPC needs. Blocks for some 10 ms."""
    foreign = _foreign_links()
    if foreign:
        listed = ", ".join(foreign[:3])
        return _none(f"the cloud runs in a network that is not its own (it has {listed}): it must be in a namespace")
    try:
        home = namespaces.current()
    except OSError as error:
        return _none(f"/proc shows no network namespaces ({error.strerror})")
    try:
        return _try(home)
    finally:
        os.close(home)


def _none(reason: str) -> Capabilities:
    return Capabilities(False, False, reason)


def _try(home: int) -> Capabilities:
    try:
        with namespaces.fresh(home) as fd:
            try:
                return _try_inside(fd)
            finally:
                os.close(fd)
    except OSError as error:
        return _none(f"the kernel refuses network namespaces ({error.strerror}): run as root, or allow user namespaces")


def _try_inside(fd: int) -> Capabilities:
    netlink = Netlink()
    try:
        ends = (("near", 10, "02:00:00:00:00:01", 1), ("far", 11, "02:00:00:00:00:02", 1))
        answers = netlink.batch([rtnl.veth(ends, mtu=1500, peer_namespace=fd), rtnl.link_up(10, forwards=True)])
    finally:
        netlink.close()
    for answer in answers:
        if answer.number:
            return _none(f"the kernel refuses virtual network links ({answer})")
    if not nftables.available():
        return Capabilities(True, False, "nftables is not installed (the package is named nftables)")
    try:
        nftables.load(_TRIAL)
    except (NetworkError, OSError) as error:
        return Capabilities(True, False, f"the kernel refuses nftables with connection tracking ({error})")
    return Capabilities(True, True)


def _foreign_links() -> list[str]:
    """Links that are up and neither the loopback nor the fabric's: signs of a network that belongs to someone else."""
    import fcntl
    import struct

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        for _, name in socket.if_nameindex():
            if name == "lo" or name.startswith(names.CLOUD_LINK_PREFIX):
                continue
            try:
                flags = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh22x", name.encode(), 0))
            except OSError:
                continue
            if struct.unpack("16sh22x", flags)[1] & _IFF_UP:
                found.append(name)
    return found


_SIOCGIFFLAGS, _IFF_UP = 0x8913, 0x1
