"""AWS::EC2::VPC and AWS::EC2::VPCCidrBlock."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, Marked, changed, filters_for
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work

_TENANCY = "InstanceTenancy"


class Vpc(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html."""

    type = "AWS::EC2::VPC"
    unbuilt = frozenset({"Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl"})
    noun, plural, listed, id_name = "vpc", "vpcs", "Vpcs", "VpcId"

    async def create(self, work: Work) -> str:
        """Without the attributes, which ``settle`` sets."""
        tenancy = work.properties.get(_TENANCY, "default")
        answer = await work.ctx.aws.ec2.create_vpc(
            CidrBlock=work.properties["CidrBlock"], InstanceTenancy=tenancy, **self.labels(work)
        )
        return str(answer["Vpc"]["VpcId"])

    async def settle(self, work: Work) -> None:
        """The two attributes, and a tenancy that is no longer dedicated."""
        await self.retag(work, work.physical_id)
        ec2, vpc_id = work.ctx.aws.ec2, work.physical_id
        for name, default in (("EnableDnsSupport", True), ("EnableDnsHostnames", False)):
            attribute = name[0].lower() + name[1:]
            now = await ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)
            wanted = work.properties.get(name, default)
            if now[name]["Value"] != wanted:
                await ec2.modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": wanted}})
        if changed(work, _TENANCY) and work.before.get(_TENANCY) == "dedicated":
            await ec2.modify_vpc_tenancy(VpcId=vpc_id, InstanceTenancy="default")

    async def update(self, work: Work) -> None:
        """Only from dedicated to default can the tenancy change."""
        if work.properties.get(_TENANCY, "default") not in (work.before.get(_TENANCY, "default"), "default"):
            raise NeedsReplacement

    async def attributes(self, work: Work) -> dict[str, Any]:
        """With what AWS made along with the VPC."""
        ec2, vpc = work.ctx.aws.ec2, await self.shown(work)
        of_vpc = {"vpc-id": work.physical_id}
        acls = await ec2.describe_network_acls(Filters=filters_for({**of_vpc, "default": "true"}))
        groups = await ec2.describe_security_groups(Filters=filters_for({**of_vpc, "group-name": "default"}))
        return {
            "VpcId": work.physical_id,
            "CidrBlock": vpc["CidrBlock"],
            "CidrBlockAssociations": [each["AssociationId"] for each in vpc["CidrBlockAssociationSet"]],
            "DefaultNetworkAcl": acls["NetworkAcls"][0]["NetworkAclId"],
            "DefaultSecurityGroup": groups["SecurityGroups"][0]["GroupId"],
            "Ipv6CidrBlocks": [],
        }

    async def remove(self, work: Work) -> None:
        """Once nothing is in it."""
        await work.ctx.aws.ec2.delete_vpc(VpcId=work.physical_id)


class VpcCidrBlock(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpccidrblock.html.

    The physical id is that of the association and the VPC's, joined, as AWS joins what identifies a resource.
    """

    type = "AWS::EC2::VPCCidrBlock"
    unbuilt = frozenset(
        {
            "AmazonProvidedIpv6CidrBlock",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6CidrBlock",
            "Ipv6CidrBlockNetworkBorderGroup",
            "Ipv6IpamPoolId",
            "Ipv6NetmaskLength",
            "Ipv6Pool",
        }
    )
    plural, listed, id_name = "vpcs", "Vpcs", "VpcId"

    async def create(self, work: Work) -> str:
        """Everything about it is said at once."""
        answer = await work.ctx.aws.ec2.associate_vpc_cidr_block(**work.properties)
        return _joined(answer["CidrBlockAssociation"]["AssociationId"], work)

    async def found(self, work: Work) -> str:
        """The VPC's association of that block, if it is not the VPC's first."""
        (vpc,) = await self.describe(work, VpcIds=[work.properties["VpcId"]])
        for each in vpc["CidrBlockAssociationSet"][1:]:
            if each["CidrBlock"] == work.properties.get("CidrBlock"):
                return _joined(each["AssociationId"], work)
        return ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """The association's own id."""
        return {"Id": work.physical_id.partition("|")[0]}

    async def remove(self, work: Work) -> None:
        """Once no subnet is in it."""
        await work.ctx.aws.ec2.disassociate_vpc_cidr_block(AssociationId=work.physical_id.partition("|")[0])


def _joined(association_id: str, work: Work) -> str:
    return f"{association_id}|{work.properties['VpcId']}"
