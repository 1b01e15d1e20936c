"""AWS::EC2::NatGateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind
from cloudarium.services.cloudformation.kinds.kind import Failed, Work
from cloudarium.services.cloudformation.kinds.patience import is_gone

_SECONDARY = ("SecondaryAllocationIds", "SecondaryPrivateIpAddressCount", "SecondaryPrivateIpAddresses")
_ENDED = ("deleted", "failed")


class NatGateway(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-natgateway.html."""

    type = "AWS::EC2::NatGateway"
    unbuilt = frozenset({"AvailabilityZoneAddresses", "MaxDrainDurationSeconds", "VpcId"})
    noun, plural, listed, id_name = "natgateway", "nat_gateways", "NatGateways", "NatGatewayId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        names = ("AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", *_SECONDARY)
        given = picked(work.properties, names)
        answer = await work.ctx.aws.ec2.create_nat_gateway(**given, ClientToken=work.token, **self.labels(work))
        return str(answer["NatGateway"]["NatGatewayId"])

    async def ready(self, work: Work) -> bool:
        """Once it is available; what keeps it from that is only told by its state."""
        nat = await self.shown(work)
        if nat["State"] == "pending":
            return False
        if nat["State"] != "available":
            message = f"NatGateway {work.physical_id} is in state {nat['State']} and hence failed to stabilize."
            raise Failed(f"{message} Detailed failure message: {nat.get('FailureMessage', '')}")
        await self.settle(work)
        return True

    async def settle(self, work: Work) -> None:
        """Tags, and the secondary addresses where these are another's than at first."""
        await self.retag(work, work.physical_id)
        if not any(work.properties.get(name) != work.before.get(name) for name in _SECONDARY) or not work.before:
            return
        addresses = (await self.shown(work))["NatGatewayAddresses"]
        secondary = [each for each in addresses if not each["IsPrimary"]]
        if work.properties.get("ConnectivityType", "public") == "public":
            await self._public(work, secondary)
        else:
            await self._private(work, [each["PrivateIp"] for each in secondary])

    async def _public(self, work: Work, secondary: Sequence[dict[str, Any]]) -> None:
        ec2, nat_id = work.ctx.aws.ec2, work.physical_id
        wanted = list(work.properties.get("SecondaryAllocationIds") or ())
        private = list(work.properties.get("SecondaryPrivateIpAddresses") or ())
        places = dict(zip(wanted, private, strict=False))
        kept = [
            each["AllocationId"]
            for each in secondary
            if each["AllocationId"] in wanted
            and places.get(each["AllocationId"], each["PrivateIp"]) == each["PrivateIp"]
        ]
        gone = [each["AssociationId"] for each in secondary if each["AllocationId"] not in kept]
        if gone:
            await ec2.disassociate_nat_gateway_address(NatGatewayId=nat_id, AssociationIds=gone)
        for allocation in wanted:
            if allocation not in kept:
                place = {"PrivateIpAddresses": [places[allocation]]} if allocation in places else {}
                await ec2.associate_nat_gateway_address(NatGatewayId=nat_id, AllocationIds=[allocation], **place)

    async def _private(self, work: Work, now: Sequence[str]) -> None:
        ec2, nat_id = work.ctx.aws.ec2, work.physical_id
        wanted = list(work.properties.get("SecondaryPrivateIpAddresses") or ())
        count = work.properties.get("SecondaryPrivateIpAddressCount") or 0
        gone = [ip for ip in now if ip not in wanted] if wanted else list(now[count:])
        new = [ip for ip in wanted if ip not in now]
        if gone:
            await ec2.unassign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddresses=gone)
        if new:
            await ec2.assign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddresses=new)
        elif not wanted and count > len(now):
            await ec2.assign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddressCount=count - len(now))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id and that of its interface."""
        primary = next(each for each in (await self.shown(work))["NatGatewayAddresses"] if each["IsPrimary"])
        return {"NatGatewayId": work.physical_id, "EniId": primary["NetworkInterfaceId"]}

    async def remove(self, work: Work) -> None:
        """Begin to delete it; routes that lead to it become black holes."""
        await work.ctx.aws.ec2.delete_nat_gateway(NatGatewayId=work.physical_id)

    async def gone(self, work: Work) -> bool:
        """Once its interface and its addresses are free."""
        try:
            return (await self.shown(work))["State"] in _ENDED
        except AwsError as error:
            if not is_gone(error):
                raise
            return True
