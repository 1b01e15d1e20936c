"""AWS::EC2::RouteTable, AWS::EC2::Route and AWS::EC2::SubnetRouteTableAssociation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, block, filters_for
from cloudarium.services.cloudformation.kinds.kind import Work

_DESTINATIONS = ("DestinationCidrBlock", "DestinationPrefixListId")
_TARGETS = ("GatewayId", "InstanceId", "NatGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")


class RouteTable(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-routetable.html."""

    type = "AWS::EC2::RouteTable"
    noun, plural, listed, id_name = "route-table", "route_tables", "RouteTables", "RouteTableId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        answer = await work.ctx.aws.ec2.create_route_table(
            VpcId=work.properties["VpcId"], ClientToken=work.token, **self.labels(work)
        )
        return str(answer["RouteTable"]["RouteTableId"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"RouteTableId": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Once no subnet uses it."""
        await work.ctx.aws.ec2.delete_route_table(RouteTableId=work.physical_id)


class Route(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-route.html.

    The physical id is the table's and the destination, joined, as AWS joins what identifies a resource.
    """

    type = "AWS::EC2::Route"
    unbuilt = frozenset(
        {
            "CarrierGatewayId",
            "CoreNetworkArn",
            "DestinationIpv6CidrBlock",
            "EgressOnlyInternetGatewayId",
            "LocalGatewayId",
            "OdbNetworkArn",
            "TransitGatewayId",
            "VpcEndpointId",
        }
    )

    async def create(self, work: Work) -> str:
        """A destination that has a route already is an error, as on AWS."""
        await work.ctx.aws.ec2.create_route(**_said(work.properties))
        return _route_id(work.properties)

    async def found(self, work: Work) -> str:
        """The route, when it is there and leads where it should."""
        table_id = work.properties["RouteTableId"]
        answer = await work.ctx.aws.ec2.describe_route_tables(RouteTableIds=[table_id])
        wanted = picked(work.properties, (*_DESTINATIONS, *_TARGETS))
        if "DestinationCidrBlock" in wanted:
            wanted["DestinationCidrBlock"] = block(wanted["DestinationCidrBlock"])
        (table,) = answer["RouteTables"]
        there = any(picked(route, (*_DESTINATIONS, *_TARGETS)) == wanted for route in table["Routes"])
        return _route_id(work.properties) if there else ""

    async def settle(self, work: Work) -> None:
        """``create`` and ``update`` say everything."""

    async def update(self, work: Work) -> None:
        """Another target takes the place of the old one."""
        await work.ctx.aws.ec2.replace_route(**_said(work.properties))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """The destination, whichever kind it is."""
        return {"CidrBlock": work.physical_id.partition("|")[2]}

    async def remove(self, work: Work) -> None:
        """By what the physical id says."""
        table_id, _, destination = work.physical_id.partition("|")
        name = _DESTINATIONS[1] if destination.startswith("pl-") else _DESTINATIONS[0]
        await work.ctx.aws.ec2.delete_route(RouteTableId=table_id, **{name: destination})


def _said(properties: Mapping[str, Any]) -> dict[str, Any]:
    return picked(properties, ("RouteTableId", *_DESTINATIONS, *_TARGETS))


def _route_id(properties: Mapping[str, Any]) -> str:
    destination = next((properties[name] for name in _DESTINATIONS if name in properties), "")
    return f"{properties['RouteTableId']}|{destination}"


class SubnetRouteTableAssociation(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetroutetableassociation.html."""

    type = "AWS::EC2::SubnetRouteTableAssociation"
    takes_over = True
    plural, listed = "route_tables", "RouteTables"

    async def create(self, work: Work) -> str:
        """A subnet has one table: the association that this one replaces is moved, so that it is never without."""
        ec2, table_id = work.ctx.aws.ec2, work.properties["RouteTableId"]
        replaced = await self._association(work)
        if replaced and replaced == work.replaces:
            answer = await ec2.replace_route_table_association(AssociationId=replaced, RouteTableId=table_id)
            return str(answer["NewAssociationId"])
        answer = await ec2.associate_route_table(SubnetId=work.properties["SubnetId"], RouteTableId=table_id)
        return str(answer["AssociationId"])

    async def found(self, work: Work) -> str:
        """The subnet's association, when it is with this table."""
        return await self._association(work, **{"route-table-id": work.properties["RouteTableId"]})

    async def _association(self, work: Work, **more: str) -> str:
        subnet_id = work.properties["SubnetId"]
        tables = await self.describe(work, Filters=filters_for({"association.subnet-id": subnet_id, **more}))
        for each in tables[0]["Associations"] if tables else ():
            if each.get("SubnetId") == subnet_id:
                return str(each["RouteTableAssociationId"])
        return ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """The subnet falls back to the VPC's main table."""
        await work.ctx.aws.ec2.disassociate_route_table(AssociationId=work.physical_id)
