"""Names of data planes: who serves a host name, and how the host reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.cloud import Cloud, DataPlane
from cloudarium.kernel.errors import AwsError

if TYPE_CHECKING:
    from cloudarium.gateway.hostaccess import HostAccess


def data_plane_of(cloud: Cloud, host: str) -> tuple[DataPlane, object] | None:
    """The data plane that serves a lower-case host name without port, and its handle; None for AWS's own API."""
    for plane in cloud.data_planes:
        if (handle := plane.owns(host)) is not None:
            return plane, handle
    return None


def split_host(header: str) -> tuple[str, int | None]:
    """``name[:port]`` of a Host header; a port that is not a number counts as none."""
    name, colon, port = header.rpartition(":")
    if colon and port.isdecimal() and len(port) <= 5 and "]" not in port:
        return name.lower(), int(port)
    return header.lower(), None


async def resolve(cloud: Cloud, access: HostAccess | None, host: str, port: int | None) -> tuple[str, int]:
    """A loopback address on the host that reaches ``port`` of a data plane's name, or of any name inside a VPC."""
    found = data_plane_of(cloud, host)
    if found is not None:
        plane, handle = found
        return await plane.resolve(handle, port)
    if access is None:
        raise AwsError("NotFound", f"no data plane of this cloud is called {host!r}", 404)
    return await access.resolve(host, port)
