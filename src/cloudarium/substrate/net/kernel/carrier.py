"""Making fresh links carry their first packet.

Of a veth pair, the end brought up first is without a carrier until the other is up, and the kernel then gives it its
queue later, in a work item of its own: packets until then are lost, and TCP repeats them only after a second. Asking
for the link's state the ethtool way runs what is pending for that link first (linkwatch_sync_dev).
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Iterable

_SIOCETHTOOL, _ETHTOOL_GLINK = 0x8946, 0x0A


def complete(links: Iterable[str]) -> None:
    """Have the kernel finish bringing up links of the calling thread's namespace. Raises OSError."""
    value = array.array("I", [_ETHTOOL_GLINK, 0])
    pointer, _ = value.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        for link in links:
            fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP16x", link.encode(), pointer))
