"""AWS::EC2::NetworkInterface."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, changed, filters_for, without
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work

_ADDRESSES = ("PrivateIpAddresses", "SecondaryPrivateIpAddressCount")


class NetworkInterface(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkinterface.html."""

    type = "AWS::EC2::NetworkInterface"
    unbuilt = frozenset(
        {
            "ConnectionTrackingSpecification",
            "EnablePrimaryIpv6",
            "InterfaceType",
            "Ipv4PrefixCount",
            "Ipv4Prefixes",
            "Ipv6AddressCount",
            "Ipv6Addresses",
            "Ipv6PrefixCount",
            "Ipv6Prefixes",
            "PublicIpDnsHostnameTypeSpecification",
        }
    )
    noun, plural, listed = "network-interface", "network_interfaces", "NetworkInterfaces"
    id_name = "NetworkInterfaceId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        given = picked(work.properties, ("Description", "PrivateIpAddress", "SubnetId", *_ADDRESSES))
        if groups := work.properties.get("GroupSet"):
            given["Groups"] = groups
        answer = await work.ctx.aws.ec2.create_network_interface(**given, ClientToken=work.token, **self.labels(work))
        return str(answer["NetworkInterface"]["NetworkInterfaceId"])

    async def settle(self, work: Work) -> None:
        """Each attribute that is not as it should be takes a call of its own."""
        await self.retag(work, work.physical_id)
        ec2, interface_id, now = work.ctx.aws.ec2, work.physical_id, await self.shown(work)
        wanted: dict[str, Any] = {
            "SourceDestCheck": {"Value": work.properties.get("SourceDestCheck", True)},
            "Description": {"Value": work.properties.get("Description", "")},
        }
        is_now = {name: {"Value": now[name]} for name in wanted}
        if changed(work, "GroupSet"):
            wanted["Groups"] = list(work.properties.get("GroupSet") or await self._default_group(work, now["VpcId"]))
            is_now["Groups"] = [group["GroupId"] for group in now["Groups"]]  # type: ignore[assignment]
        for name, value in wanted.items():
            if is_now[name] != value:
                await ec2.modify_network_interface_attribute(NetworkInterfaceId=interface_id, **{name: value})
        if work.before and changed(work, *_ADDRESSES):
            await self._readdress(work, [each["PrivateIpAddress"] for each in now["PrivateIpAddresses"]][1:])

    async def _default_group(self, work: Work, vpc_id: str) -> list[str]:
        filters = filters_for({"vpc-id": vpc_id, "group-name": "default"})
        groups = await work.ctx.aws.ec2.describe_security_groups(Filters=filters)
        return [groups["SecurityGroups"][0]["GroupId"]]

    async def _readdress(self, work: Work, now: list[str]) -> None:
        """Give it the secondary addresses that are listed, or as many as there should be."""
        ec2, interface_id = work.ctx.aws.ec2, work.physical_id
        listed = _secondary(work.properties)
        count = work.properties.get("SecondaryPrivateIpAddressCount") or 0
        gone = without(now, listed) if listed else now[count:]
        new = without(listed, now)
        if gone:
            await ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface_id, PrivateIpAddresses=gone)
        if new:
            await ec2.assign_private_ip_addresses(NetworkInterfaceId=interface_id, PrivateIpAddresses=new)
        elif not listed and count > len(now):
            more = count - len(now)
            await ec2.assign_private_ip_addresses(NetworkInterfaceId=interface_id, SecondaryPrivateIpAddressCount=more)

    async def update(self, work: Work) -> None:
        """The primary address is the interface's for good."""
        wanted = _primary(work.properties)
        if wanted is not None and wanted != (await self.shown(work))["PrivateIpAddress"]:
            raise NeedsReplacement

    async def attributes(self, work: Work) -> dict[str, Any]:
        """With its addresses."""
        interface = await self.shown(work)
        return {
            "Id": work.physical_id,
            "PrimaryPrivateIpAddress": interface["PrivateIpAddress"],
            "SecondaryPrivateIpAddresses": [
                each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"] if not each["Primary"]
            ],
            "VpcId": interface["VpcId"],
        }

    async def remove(self, work: Work) -> None:
        """Once nothing is attached to it."""
        await work.ctx.aws.ec2.delete_network_interface(NetworkInterfaceId=work.physical_id)


def _primary(properties: Any) -> str | None:
    for each in properties.get("PrivateIpAddresses") or ():
        if each.get("Primary"):
            return str(each["PrivateIpAddress"])
    primary: str | None = properties.get("PrivateIpAddress")
    return primary


def _secondary(properties: Any) -> list[str]:
    listed = properties.get("PrivateIpAddresses") or ()
    return [each["PrivateIpAddress"] for each in listed if not each.get("Primary")]
