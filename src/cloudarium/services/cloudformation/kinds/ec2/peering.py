"""AWS::EC2::VPCPeeringConnection."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Marked
from cloudarium.services.cloudformation.kinds.kind import Failed, Work
from cloudarium.services.cloudformation.kinds.patience import is_gone

_WAITING = ("initiating-request", "pending-acceptance", "provisioning")
_ENDED = ("deleted", "expired", "failed", "rejected")


class PeeringConnection(Marked):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcpeeringconnection.html.

    Between VPCs of one account CloudFormation accepts as well, in whichever region the accepter's is. A VPC of another
    account takes a role there, which is not implemented.
    """

    type = "AWS::EC2::VPCPeeringConnection"
    unbuilt = frozenset({"AssumeRoleRegion", "PeerRoleArn"})
    noun, plural, listed = "vpc-peering-connection", "vpc_peering_connections", "VpcPeeringConnections"
    id_name = "VpcPeeringConnectionId"

    async def create(self, work: Work) -> str:
        """Ask for it."""
        owner = work.properties.get("PeerOwnerId", work.ctx.account)
        if owner != work.ctx.account:
            raise Failed(f"A peering connection with a VPC of the account {owner} needs a PeerRoleArn.")
        given = picked(work.properties, ("PeerOwnerId", "PeerRegion", "PeerVpcId", "VpcId"))
        answer = await work.ctx.aws.ec2.create_vpc_peering_connection(**given, **self.labels(work))
        return str(answer["VpcPeeringConnection"][self.id_name])

    async def found(self, work: Work) -> str:
        """What carries this resource's mark and has not ended."""
        alive = [each for each in await self.marked(work) if each["Status"]["Code"] not in _ENDED]
        return str(alive[0][self.id_name]) if alive else ""

    async def ready(self, work: Work) -> bool:
        """Accept it, and wait until it is active."""
        status = (await self.shown(work))["Status"]
        if status["Code"] == "pending-acceptance":
            region = work.properties.get("PeerRegion", work.ctx.region)
            accepter = work.ctx.cloud.aws(Scope(work.ctx.account, region), work.ctx.principal)
            await accepter.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=work.physical_id)
        if status["Code"] in _WAITING:
            return False
        if status["Code"] != "active":
            raise Failed(f"VpcPeeringConnection {work.physical_id} failed to stabilize: {status['Message']}")
        await self.settle(work)
        return True

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Begin to delete it, unless it has ended by itself."""
        if (await self.shown(work))["Status"]["Code"] not in (*_ENDED, "deleting"):
            await work.ctx.aws.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=work.physical_id)

    async def gone(self, work: Work) -> bool:
        """Once both VPCs have let go of it."""
        try:
            return (await self.shown(work))["Status"]["Code"] in _ENDED
        except AwsError as error:
            if not is_gone(error):
                raise
            return True
