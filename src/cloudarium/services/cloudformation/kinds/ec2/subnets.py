"""AWS::EC2::Subnet."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Marked, filters_for
from cloudarium.services.cloudformation.kinds.kind import Work

_SWITCHES = ("AssignIpv6AddressOnCreation", "EnableDns64", "MapPublicIpOnLaunch")
_NAMES = "PrivateDnsNameOptionsOnLaunch"
_NAME_SWITCHES = ("EnableResourceNameDnsAAAARecord", "EnableResourceNameDnsARecord")


class Subnet(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html."""

    type = "AWS::EC2::Subnet"
    unbuilt = frozenset(
        {
            "EnableLniAtDeviceIndex",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6CidrBlock",
            "Ipv6IpamPoolId",
            "Ipv6Native",
            "Ipv6NetmaskLength",
            "OutpostArn",
        }
    )
    noun, plural, listed, id_name = "subnet", "subnets", "Subnets", "SubnetId"

    async def create(self, work: Work) -> str:
        """Without the attributes, which ``settle`` sets."""
        given = picked(work.properties, ("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"))
        answer = await work.ctx.aws.ec2.create_subnet(**given, **self.labels(work))
        return str(answer["Subnet"]["SubnetId"])

    async def settle(self, work: Work) -> None:
        """Each attribute that is not as it should be takes a call of its own; what is not there EC2 refuses by name."""
        await self.retag(work, work.physical_id)
        now = await self.shown(work)
        for name in _SWITCHES:
            wanted = work.properties.get(name, False)
            if now[name] != wanted:
                await self._modify(work, name, {"Value": wanted})
        options = work.properties.get(_NAMES) or {}
        for name in _NAME_SWITCHES:
            wanted = options.get(name, False)
            if now[_NAMES][name] != wanted:
                await self._modify(work, f"{name}OnLaunch", {"Value": wanted})
        hostname = options.get("HostnameType", "ip-name")
        if now[_NAMES]["HostnameType"] != hostname:
            await self._modify(work, "PrivateDnsHostnameTypeOnLaunch", hostname)

    async def _modify(self, work: Work, name: str, value: Any) -> None:
        await work.ctx.aws.ec2.modify_subnet_attribute(SubnetId=work.physical_id, **{name: value})

    async def attributes(self, work: Work) -> dict[str, Any]:
        """With the association with a network ACL that every subnet has."""
        subnet = await self.shown(work)
        filters = filters_for({"association.subnet-id": work.physical_id})
        acls = await work.ctx.aws.ec2.describe_network_acls(Filters=filters)
        (association,) = (
            each["NetworkAclAssociationId"]
            for each in acls["NetworkAcls"][0]["Associations"]
            if each["SubnetId"] == work.physical_id
        )
        return {
            "SubnetId": work.physical_id,
            "AvailabilityZone": subnet["AvailabilityZone"],
            "AvailabilityZoneId": subnet["AvailabilityZoneId"],
            "CidrBlock": subnet["CidrBlock"],
            "Ipv6CidrBlocks": [],
            "NetworkAclAssociationId": association,
            "VpcId": subnet["VpcId"],
        }

    async def remove(self, work: Work) -> None:
        """Once no interface is in it."""
        await work.ctx.aws.ec2.delete_subnet(SubnetId=work.physical_id)
