"""AWS::EC2::VPCEndpoint."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import document, picked
from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, changed, filters_for, without
from cloudarium.services.cloudformation.kinds.kind import Failed, Work
from cloudarium.services.cloudformation.kinds.patience import is_gone

_LISTS = {"RouteTableIds": "RouteTableIds", "SecurityGroupIds": "SecurityGroupIds", "SubnetIds": "SubnetIds"}
_SAID_ONCE = ("ServiceName", "ServiceRegion", "VpcEndpointType", "VpcId")
_SETTINGS = ("DnsOptions", "IpAddressType", "PrivateDnsEnabled")


class VpcEndpoint(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html."""

    type = "AWS::EC2::VPCEndpoint"
    unbuilt = frozenset({"ResourceConfigurationArn", "ServiceNetworkArn"})
    noun, plural, listed, id_name = "vpc-endpoint", "vpc_endpoints", "VpcEndpoints", "VpcEndpointId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        given = picked(work.properties, (*_SAID_ONCE, *_SETTINGS, *_LISTS))
        if "PolicyDocument" in work.properties:
            given["PolicyDocument"] = document(work.properties["PolicyDocument"])
        # CloudFormation's default, which is not the API's for endpoints of type Interface.
        if given.get("VpcEndpointType") == "Interface":
            given.setdefault("PrivateDnsEnabled", False)
        answer = await work.ctx.aws.ec2.create_vpc_endpoint(**given, ClientToken=work.token, **self.labels(work))
        return str(answer["VpcEndpoint"]["VpcEndpointId"])

    async def ready(self, work: Work) -> bool:
        """Once it is available."""
        state = (await self.shown(work))["State"]
        if state == "pending":
            return False
        if state != "available":
            raise Failed(f"VpcEndpoint {work.physical_id} is in state {state} and hence failed to stabilize.")
        await self.retag(work, work.physical_id)
        return True

    async def update(self, work: Work) -> None:
        """One call with all that is different from what the endpoint has now."""
        now = await self.shown(work)
        parameters: dict[str, Any] = {}
        for name in _LISTS:
            if changed(work, name):
                wanted = list(work.properties.get(name) or ())
                if name == "SecurityGroupIds":
                    has = [group["GroupId"] for group in now["Groups"]]
                    wanted = wanted or await self._default_group(work)
                else:
                    has = now[name]
                parameters[f"Add{name}"] = without(wanted, has)
                parameters[f"Remove{name}"] = without(has, wanted)
        if changed(work, "PolicyDocument"):
            if "PolicyDocument" in work.properties:
                parameters["PolicyDocument"] = document(work.properties["PolicyDocument"])
            else:
                parameters["ResetPolicy"] = True
        if changed(work, "PrivateDnsEnabled"):
            parameters["PrivateDnsEnabled"] = work.properties.get("PrivateDnsEnabled", False)
        parameters |= {name: work.properties[name] for name in _SETTINGS[:2] if name in work.properties}
        if parameters := {name: value for name, value in parameters.items() if value != []}:
            await work.ctx.aws.ec2.modify_vpc_endpoint(VpcEndpointId=work.physical_id, **parameters)

    async def _default_group(self, work: Work) -> list[str]:
        filters = filters_for({"vpc-id": work.properties["VpcId"], "group-name": "default"})
        groups = await work.ctx.aws.ec2.describe_security_groups(Filters=filters)
        return [groups["SecurityGroups"][0]["GroupId"]]

    async def attributes(self, work: Work) -> dict[str, Any]:
        """With its names and interfaces; gateways have neither."""
        endpoint = await self.shown(work)
        return {
            "Id": work.physical_id,
            "CreationTimestamp": endpoint["CreationTimestamp"].strftime("%a %b %d %H:%M:%S UTC %Y"),
            "DnsEntries": [f"{each['HostedZoneId']}:{each['DnsName']}" for each in endpoint["DnsEntries"]],
            "NetworkInterfaceIds": endpoint["NetworkInterfaceIds"],
        }

    async def remove(self, work: Work) -> None:
        """Begin to delete it; its routes go at once."""
        answer = await work.ctx.aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[work.physical_id])
        for each in answer["Unsuccessful"]:
            raise AwsError(each["Error"]["Code"], each["Error"]["Message"])

    async def gone(self, work: Work) -> bool:
        """Once it is no longer listed, and so its interfaces are gone."""
        try:
            await self.shown(work)
        except AwsError as error:
            if not is_gone(error):
                raise
            return True
        return False
