"""AWS::EC2::DHCPOptions and AWS::EC2::VPCDHCPOptionsAssociation."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, Marked
from cloudarium.services.cloudformation.kinds.kind import Work

_OPTIONS = {
    "DomainName": "domain-name",
    "DomainNameServers": "domain-name-servers",
    "Ipv6AddressPreferredLeaseTime": "ipv6-address-preferred-lease-time",
    "NetbiosNameServers": "netbios-name-servers",
    "NetbiosNodeType": "netbios-node-type",
    "NtpServers": "ntp-servers",
}
_NONE = "default"


class DhcpOptions(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-dhcpoptions.html."""

    type = "AWS::EC2::DHCPOptions"
    noun, plural, listed, id_name = "dhcp-options", "dhcp_options", "DhcpOptions", "DhcpOptionsId"

    async def create(self, work: Work) -> str:
        """Every option is a list of texts to EC2."""
        configurations = []
        for name, key in _OPTIONS.items():
            if name in work.properties:
                value = work.properties[name]
                values = value if isinstance(value, list) else [value]
                configurations.append({"Key": key, "Values": [str(each) for each in values]})
        answer = await work.ctx.aws.ec2.create_dhcp_options(DhcpConfigurations=configurations, **self.labels(work))
        return str(answer["DhcpOptions"]["DhcpOptionsId"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"DhcpOptionsId": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Once no VPC uses them."""
        await work.ctx.aws.ec2.delete_dhcp_options(DhcpOptionsId=work.physical_id)


class DhcpOptionsAssociation(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcdhcpoptionsassociation.html.

    The physical id is the options' and the VPC's, joined, as AWS joins what identifies a resource.
    """

    type = "AWS::EC2::VPCDHCPOptionsAssociation"
    takes_over = True
    plural, listed = "vpcs", "Vpcs"

    async def create(self, work: Work) -> str:
        """The VPC forgets what it had before."""
        options_id, vpc_id = work.properties["DhcpOptionsId"], work.properties["VpcId"]
        await work.ctx.aws.ec2.associate_dhcp_options(DhcpOptionsId=options_id, VpcId=vpc_id)
        return f"{options_id}|{vpc_id}"

    async def remove(self, work: Work) -> None:
        """The VPC has no options then, unless it has been given others since."""
        options_id, _, vpc_id = work.physical_id.partition("|")
        (vpc,) = await self.describe(work, VpcIds=[vpc_id])
        if vpc["DhcpOptionsId"] == options_id:
            await work.ctx.aws.ec2.associate_dhcp_options(DhcpOptionsId=_NONE, VpcId=vpc_id)
