"""AWS::EC2::EIP and AWS::EC2::EIPAssociation."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, Marked, filters_for
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work


class Eip(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html.

    The physical id is the address itself.
    """

    type = "AWS::EC2::EIP"
    unbuilt = frozenset({"InstanceId", "IpamPoolId", "TransferAddress"})
    noun, plural, listed, id_name = "elastic-ip", "addresses", "Addresses", "PublicIp"

    async def create(self, work: Work) -> str:
        """Any address, or the one asked for."""
        given = picked(work.properties, ("Address", "Domain", "NetworkBorderGroup", "PublicIpv4Pool"))
        answer = await work.ctx.aws.ec2.allocate_address(**given, **self.labels(work))
        return str(answer["PublicIp"])

    async def settle(self, work: Work) -> None:
        """Tags go by the id of the allocation."""
        await self.retag(work, (await self.shown(work))["AllocationId"])

    async def update(self, work: Work) -> None:
        """An address cannot move to another pool, nor out of VPCs."""
        for name, default in (("Domain", "vpc"), ("PublicIpv4Pool", "amazon")):
            if work.properties.get(name, default) != work.before.get(name, default):
                raise NeedsReplacement

    async def attributes(self, work: Work) -> dict[str, Any]:
        """The id of the allocation, and the address."""
        return {"AllocationId": (await self.shown(work))["AllocationId"], "PublicIp": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Once nothing uses it. By the allocation's id where that is known: the address may be another's by now."""
        allocation = work.attributes.get("AllocationId")
        which = {"AllocationId": allocation} if allocation else {"PublicIp": work.physical_id}
        await work.ctx.aws.ec2.release_address(**which)


class EipAssociation(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eipassociation.html."""

    type = "AWS::EC2::EIPAssociation"
    takes_over = True
    plural, listed = "addresses", "Addresses"

    async def create(self, work: Work) -> str:
        """EC2 answers a repeated attempt with the same association."""
        names = ("AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress")
        given = picked(work.properties, names)
        if "EIP" in work.properties:
            given["PublicIp"] = work.properties["EIP"]
        answer = await work.ctx.aws.ec2.associate_address(**given)
        return str(answer["AssociationId"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Unless the address has been associated anew since."""
        if await self.describe(work, Filters=filters_for({"association-id": work.physical_id})):
            await work.ctx.aws.ec2.disassociate_address(AssociationId=work.physical_id)
