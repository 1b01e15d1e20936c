"""Network interfaces, and what they are attached to."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cloudarium.kernel.store import Record
from cloudarium.services.ec2.resources.base import Tagged


class InterfaceAttachment(msgspec.Struct, frozen=True):
    """What an interface belongs to, as the API shows it."""

    attachment_id: str
    instance_owner_id: str
    attach_time: float
    device_index: int = 0
    instance_id: str = ""
    delete_on_termination: bool = False


class HostProcess(msgspec.Struct, frozen=True):
    """A process on the host that stands behind an interface (``cloudarium attach``)."""

    host: str
    """A loopback address of the host."""
    host_port: int
    port: int
    """The port under which the VPC reaches it."""


class NetworkInterface(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html."""

    TABLE = "ec2.network-interfaces"
    KEY = "network_interface_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "subnet_id", "group_ids", "private_ips")

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    zone: str
    private_ips: tuple[str, ...]
    """The first is the primary address."""
    mac: str
    group_ids: tuple[str, ...] = ()
    description: str = ""
    interface_type: str = "interface"
    source_dest_check: bool = True
    requester_id: str = ""
    requester_managed: bool = False
    attachment: InterfaceAttachment | None = None

    @property
    def status(self) -> str:
        """``in-use`` or ``available``."""
        return "in-use" if self.attachment is not None else "available"


class Attachment(Record, frozen=True, kw_only=True):
    """The host process behind an interface, by the interface's id."""

    TABLE = "ec2.attachments"
    KEY = "network_interface_id"

    network_interface_id: str
    vpc_id: str
    process: HostProcess
