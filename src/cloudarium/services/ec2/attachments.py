"""Processes of the host as members of a subnet: ``cloudarium attach`` and ``detach``.

An attachment is a network interface like any other, with a process on the host's loopback behind one of its ports.
It lasts until it is detached, over restarts of the cloud too: the process may well outlive them.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2 import interfaces, public_ips
from cloudarium.services.ec2.controllers import Networks
from cloudarium.services.ec2.defaults import ensure_default_vpc
from cloudarium.services.ec2.errors import invalid, missing
from cloudarium.services.ec2.lookup import find
from cloudarium.services.ec2.resources import (
    Attachment,
    HostProcess,
    InterfaceAttachment,
    InternetGateway,
    NetworkInterface,
    Subnet,
)


class Attachments:
    """The two extensions, bound to a cloud."""

    def __init__(self, cloud: Cloud, networks: Networks) -> None:
        self._cloud = cloud
        self._networks = networks

    async def attach(self, scope: Scope, fields: dict[str, Any]) -> dict[str, Any]:
        """Give a process an address in a subnet; returns once the network has it.

        ``fields``: ``subnet``, ``port`` (in the subnet), ``to`` (``address:port`` on the host, loopback unless
        ``any_host``), ``security_groups`` (default: the VPC's default group). Raises ``AwsError``.
        """
        ctx = self._cloud.context(scope, "ec2")
        process = _process(fields)
        async with self._cloud.store.transaction():
            interface, public_ip = self._record(ctx, fields, process)
        try:
            await self._networks.reconcile((scope, interface.vpc_id))
        except Exception as error:
            async with self._cloud.store.transaction():
                interfaces.delete(ctx, interface)
            raise AwsError(
                "NetworkUnavailable",
                f"The network of {interface.vpc_id} could not take {interface.private_ips[0]} in: {error}",
                500,
            ) from error
        answer = {
            "NetworkInterfaceId": interface.network_interface_id,
            "PrivateIpAddress": interface.private_ips[0],
            "SubnetId": interface.subnet_id,
            "VpcId": interface.vpc_id,
        }
        return {**answer, "PublicIp": public_ip} if public_ip else answer

    def _record(self, ctx: Context, fields: dict[str, Any], process: HostProcess) -> tuple[NetworkInterface, str]:
        ensure_default_vpc(ctx)
        if not fields.get("subnet"):
            raise missing("subnet")
        subnet = find(ctx, Subnet, str(fields["subnet"]))
        groups = fields.get("security_groups") or None
        made = interfaces.create(
            ctx, subnet, group_ids=groups, description=f"cloudarium attach {process.host}:{process.host_port}"
        )
        made = made.replace(attachment=InterfaceAttachment(hex_id("eni-attach"), ctx.account, ctx.clock.now()))
        ctx.table(NetworkInterface).put(ctx.scope, made)
        record = Attachment(network_interface_id=made.network_interface_id, vpc_id=made.vpc_id, process=process)
        ctx.table(Attachment).put(ctx.scope, record)
        public_ip = ""
        # As an instance launched there would get one.
        if subnet.public_ip_on_launch and ctx.table(InternetGateway).find(ctx.scope, "vpc_id", subnet.vpc_id):
            public_ip = public_ips.give(ctx, made, "amazon").public_ip
        return made, public_ip

    async def detach(self, scope: Scope, fields: dict[str, Any]) -> dict[str, Any]:
        """End an attachment; ``fields``: ``id``, the interface's id or its private address."""
        ctx = self._cloud.context(scope, "ec2")
        wanted = str(fields.get("id") or "")
        if not wanted:
            raise missing("id")
        interface = self._attached(ctx, wanted)
        async with self._cloud.store.transaction():
            interfaces.delete(ctx, interface)
        await self._networks.reconcile((scope, interface.vpc_id))
        return {
            "NetworkInterfaceId": interface.network_interface_id,
            "PrivateIpAddress": interface.private_ips[0],
        }

    def _attached(self, ctx: Context, wanted: str) -> NetworkInterface:
        found = []
        for attachment in ctx.table(Attachment).all(ctx.scope):
            interface = ctx.table(NetworkInterface).get(ctx.scope, attachment.network_interface_id)
            if interface is not None and wanted in (interface.network_interface_id, *interface.private_ips):
                found.append(interface)
        if not found:
            raise AwsError("InvalidAttachment.NotFound", f"Nothing is attached as '{wanted}'.")
        if len(found) > 1:
            ids = ", ".join(each.network_interface_id for each in found)
            raise invalid(f"{wanted} is attached in more than one VPC; say which interface: {ids}")
        return found[0]


def _process(fields: dict[str, Any]) -> HostProcess:
    host, _, port = str(fields.get("to") or "").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(host)
        host_port = int(port)
    except ValueError:
        raise invalid(f"'{fields.get('to')}' is not an address and a port such as 127.0.0.1:8080") from None
    if not address.is_loopback and not fields.get("any_host"):
        raise invalid(f"{host} is not a loopback address of this machine")
    inside = fields.get("port") or host_port
    if not isinstance(inside, int) or not (0 < inside < 65_536 and 0 < host_port < 65_536):
        raise invalid("ports are numbers from 1 to 65535")
    return HostProcess(host, host_port, inside)
