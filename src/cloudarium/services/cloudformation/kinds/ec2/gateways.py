"""AWS::EC2::InternetGateway and AWS::EC2::VPCGatewayAttachment."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import unless
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, Marked, filters_for
from cloudarium.services.cloudformation.kinds.kind import Work

_KIND = "IGW"


class InternetGateway(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-internetgateway.html."""

    type = "AWS::EC2::InternetGateway"
    noun, plural, listed = "internet-gateway", "internet_gateways", "InternetGateways"
    id_name = "InternetGatewayId"

    async def create(self, work: Work) -> str:
        """Tags are all there is to say."""
        answer = await work.ctx.aws.ec2.create_internet_gateway(**self.labels(work))
        return str(answer["InternetGateway"]["InternetGatewayId"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"InternetGatewayId": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Once it is detached."""
        await work.ctx.aws.ec2.delete_internet_gateway(InternetGatewayId=work.physical_id)


class GatewayAttachment(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcgatewayattachment.html.

    The physical id is ``IGW|`` and the VPC's. VPN gateways are not there.
    """

    type = "AWS::EC2::VPCGatewayAttachment"
    takes_over = True
    unbuilt = frozenset({"VpnGatewayId"})
    plural, listed, id_name = "internet_gateways", "InternetGateways", "InternetGatewayId"

    async def create(self, work: Work) -> str:
        """A VPC has one internet gateway."""
        gateway_id = work.properties.get("InternetGatewayId")
        if not gateway_id:
            raise AwsError("ValidationError", "Either InternetGatewayId or VpnGatewayId must be set.")
        ec2, vpc_id = work.ctx.aws.ec2, work.properties["VpcId"]
        if work.replaces:
            # A gateway is attached to one VPC: the attachment that this one replaces makes way for it.
            replaced = work.replaces.partition("|")[2]
            if replaced != vpc_id and await self._attached(work, replaced) == gateway_id:
                await ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=replaced)
        await ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        return f"{_KIND}|{vpc_id}"

    async def found(self, work: Work) -> str:
        """Whether that gateway is attached to that VPC."""
        vpc_id = work.properties["VpcId"]
        there = await self._attached(work, vpc_id) == work.properties.get("InternetGatewayId")
        return f"{_KIND}|{vpc_id}" if there else ""

    async def _attached(self, work: Work, vpc_id: str) -> str:
        found = await self.describe(work, Filters=filters_for({"attachment.vpc-id": vpc_id}))
        return str(found[0][self.id_name]) if found else ""

    async def update(self, work: Work) -> None:
        """Another gateway takes the place of the one attached."""
        ec2, vpc_id, wanted = work.ctx.aws.ec2, work.properties["VpcId"], work.properties.get("InternetGatewayId")
        attached = await self._attached(work, vpc_id)
        if attached == wanted:
            return
        if attached and attached == work.before.get("InternetGatewayId"):
            with unless("Gateway.NotAttached"):
                await ec2.detach_internet_gateway(InternetGatewayId=attached, VpcId=vpc_id)
        await self.create(work)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Which sort of gateway it is."""
        return {"AttachmentType": _KIND}

    async def remove(self, work: Work) -> None:
        """Once no public address leads through it any more."""
        gateway_id = work.properties.get("InternetGatewayId", "")
        with unless("Gateway.NotAttached"):
            await work.ctx.aws.ec2.detach_internet_gateway(
                InternetGatewayId=gateway_id, VpcId=work.physical_id.partition("|")[2]
            )
