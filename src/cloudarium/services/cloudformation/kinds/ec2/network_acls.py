"""AWS::EC2::NetworkAcl, AWS::EC2::NetworkAclEntry and AWS::EC2::SubnetNetworkAclAssociation."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, filters_for
from cloudarium.services.cloudformation.kinds.kind import Work


class NetworkAcl(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkacl.html."""

    type = "AWS::EC2::NetworkAcl"
    noun, plural, listed, id_name = "network-acl", "network_acls", "NetworkAcls", "NetworkAclId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        answer = await work.ctx.aws.ec2.create_network_acl(
            VpcId=work.properties["VpcId"], ClientToken=work.token, **self.labels(work)
        )
        return str(answer["NetworkAcl"]["NetworkAclId"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """Once no subnet uses it."""
        await work.ctx.aws.ec2.delete_network_acl(NetworkAclId=work.physical_id)


class NetworkAclEntry(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkaclentry.html.

    An entry has no id of its own, so that the physical id is a generated name.
    """

    type = "AWS::EC2::NetworkAclEntry"
    plural, listed = "network_acls", "NetworkAcls"

    async def create(self, work: Work) -> str:
        """A number that is taken already is an error, as on AWS."""
        await work.ctx.aws.ec2.create_network_acl_entry(**_entry(work))
        return work.name

    async def found(self, work: Work) -> str:
        """Whether there is an entry of that number: had it been there before, ``create`` would have failed."""
        (acl,) = await self.describe(work, NetworkAclIds=[work.properties["NetworkAclId"]])
        wanted = (work.properties["RuleNumber"], work.properties.get("Egress", False))
        there = any((each["RuleNumber"], each["Egress"]) == wanted for each in acl["Entries"])
        return work.name if there else ""

    async def settle(self, work: Work) -> None:
        """``create`` and ``update`` say everything."""

    async def update(self, work: Work) -> None:
        """Everything but number and direction."""
        await work.ctx.aws.ec2.replace_network_acl_entry(**_entry(work))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"Id": work.physical_id}

    async def remove(self, work: Work) -> None:
        """By number and direction."""
        await work.ctx.aws.ec2.delete_network_acl_entry(
            NetworkAclId=work.properties["NetworkAclId"],
            RuleNumber=work.properties["RuleNumber"],
            Egress=work.properties.get("Egress", False),
        )


def _entry(work: Work) -> dict[str, Any]:
    names = ("CidrBlock", "Ipv6CidrBlock", "NetworkAclId", "PortRange", "RuleAction", "RuleNumber")
    entry = picked(work.properties, names)
    entry["Egress"] = work.properties.get("Egress", False)
    entry["Protocol"] = str(work.properties["Protocol"])
    if "Icmp" in work.properties:
        entry["IcmpTypeCode"] = work.properties["Icmp"]
    return entry


class SubnetNetworkAclAssociation(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetnetworkaclassociation.html.

    Every subnet is associated with one ACL at any time: making an association moves it, and so does deleting it.
    """

    type = "AWS::EC2::SubnetNetworkAclAssociation"
    takes_over = True
    plural, listed, id_name = "network_acls", "NetworkAcls", "NetworkAclId"

    async def create(self, work: Work) -> str:
        """Move the subnet to that ACL."""
        (acl,) = await self.describe(work, Filters=_of_subnet(work.properties["SubnetId"]))
        return await self._move(work, _association(acl, work.properties["SubnetId"]), work.properties["NetworkAclId"])

    async def _move(self, work: Work, association_id: str, acl_id: str) -> str:
        answer = await work.ctx.aws.ec2.replace_network_acl_association(
            AssociationId=association_id, NetworkAclId=acl_id
        )
        return str(answer["NewAssociationId"])

    async def found(self, work: Work) -> str:
        """The subnet's association, when it is with that ACL."""
        (acl,) = await self.describe(work, Filters=_of_subnet(work.properties["SubnetId"]))
        there = acl[self.id_name] == work.properties["NetworkAclId"]
        return _association(acl, work.properties["SubnetId"]) if there else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its id."""
        return {"AssociationId": work.physical_id}

    async def remove(self, work: Work) -> None:
        """The subnet falls back to the VPC's default ACL, unless it has been moved since."""
        acls = await self.describe(work, Filters=filters_for({"association.association-id": work.physical_id}))
        if not acls:
            return
        of_vpc = filters_for({"vpc-id": acls[0]["VpcId"], "default": "true"})
        (default,) = await self.describe(work, Filters=of_vpc)
        if default[self.id_name] != acls[0][self.id_name]:
            await self._move(work, work.physical_id, default[self.id_name])


def _of_subnet(subnet_id: str) -> list[dict[str, Any]]:
    return filters_for({"association.subnet-id": subnet_id})


def _association(acl: dict[str, Any], subnet_id: str) -> str:
    found = (each["NetworkAclAssociationId"] for each in acl["Associations"] if each["SubnetId"] == subnet_id)
    return str(next(found))
