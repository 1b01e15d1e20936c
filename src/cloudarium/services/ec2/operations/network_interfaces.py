"""Network interfaces: create, read, change, delete.

A call by an AWS service (``interfaces.by_service``) makes an interface that the service keeps: it is
requester-managed, attached, and no user may change it. Such a call may say ``AssociatePublicIpAddress=True`` (a member
that only the launch of instances has in the public API) to get a public address that AWS owns, and may name an
``InterfaceType`` that users cannot ask for, such as ``network_load_balancer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.ec2 import interfaces, public_ips, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import NetworkInterface, Subnet
from cloudarium.services.ec2.views.interfaces import attachment_view, group_views, interface_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AttachNetworkInterfaceRequestTypeDef,
        CreateNetworkInterfaceRequestTypeDef,
        DeleteNetworkInterfaceRequestTypeDef,
        DescribeNetworkInterfaceAttributeRequestTypeDef,
        DescribeNetworkInterfacesRequestTypeDef,
        DetachNetworkInterfaceRequestTypeDef,
        ModifyNetworkInterfaceAttributeRequestTypeDef,
        ResetNetworkInterfaceAttributeRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "addresses.association.owner-id": "PrivateIpAddresses[].Association.IpOwnerId",
        "addresses.association.public-ip": "PrivateIpAddresses[].Association.PublicIp",
        "addresses.primary": "PrivateIpAddresses[].Primary",
        "addresses.private-ip-address": "PrivateIpAddresses[].PrivateIpAddress",
        "association.allocation-id": "Association.AllocationId",
        "association.association-id": "Association.AssociationId",
        "association.ip-owner-id": "Association.IpOwnerId",
        "association.public-dns-name": "Association.PublicDnsName",
        "association.public-ip": "Association.PublicIp",
        "attachment.attach-time": "Attachment.AttachTime",
        "attachment.attachment-id": "Attachment.AttachmentId",
        "attachment.delete-on-termination": "Attachment.DeleteOnTermination",
        "attachment.device-index": "Attachment.DeviceIndex",
        "attachment.instance-id": "Attachment.InstanceId",
        "attachment.instance-owner-id": "Attachment.InstanceOwnerId",
        "attachment.nat-gateway-id": nothing,
        "attachment.status": "Attachment.Status",
        "availability-zone": "AvailabilityZone",
        "availability-zone-id": "AvailabilityZoneId",
        "description": "Description",
        "group-id": "Groups[].GroupId",
        "group-name": "Groups[].GroupName",
        "interface-type": "InterfaceType",
        "ipv6-addresses.ipv6-address": nothing,
        "mac-address": "MacAddress",
        "network-interface-id": "NetworkInterfaceId",
        "operator.managed": "Operator.Managed",
        "operator.principal": "Operator.Principal",
        "owner-id": "OwnerId",
        "private-dns-name": "PrivateDnsName",
        "private-ip-address": "PrivateIpAddress",
        "requester-id": "RequesterId",
        "requester-managed": "RequesterManaged",
        "source-dest-check": "SourceDestCheck",
        "status": "Status",
        "subnet-id": "SubnetId",
        "vpc-id": "VpcId",
    },
    tags="TagSet",
)

_IPV6 = ("Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount", "EnablePrimaryIpv6")
_SERVICE_IDS = {"elasticloadbalancing": "amazon-elb", "rds": "amazon-rds", "elasticache": "amazon-elasticache"}


@api(partial="IPv6, prefixes, EFA and trunk interfaces and connection tracking settings are refused")
def create_network_interface(ctx: Context, request: CreateNetworkInterfaceRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html."""
    refuse(request, *_IPV6, "Ipv4Prefixes", "Ipv4PrefixCount", "ConnectionTrackingSpecification", "Operator")
    by_service = interfaces.by_service(ctx)
    if not by_service:
        refuse(request, "InterfaceType", "AssociatePublicIpAddress")
    labels = tags.specified(ctx, request, "network-interface")
    subnet = find(ctx, Subnet, request["SubnetId"])
    interface = tokens.made_before(ctx, "CreateNetworkInterface", request, NetworkInterface)
    if interface is None:
        interface = interfaces.create(
            ctx,
            subnet,
            group_ids=request.get("Groups"),
            wanted=_wanted(request),
            extra=request.get("SecondaryPrivateIpAddressCount", 0),
            description=request.get("Description", ""),
            tags=labels,
        )
        tokens.remember(ctx, "CreateNetworkInterface", request, interface.network_interface_id)
        if by_service:
            interface = _for_service(ctx, interface, request)
    view: Any = interface_view(ctx, interface)
    if not by_service:
        # AWS answers a creation with "pending"; by the next call the interface is available.
        view = {**view, "Status": "pending"}
    answer: Answer = {"NetworkInterface": view}
    if "ClientToken" in request:
        answer["ClientToken"] = request["ClientToken"]
    return answer


def _for_service(ctx: Context, interface: NetworkInterface, request: Any) -> NetworkInterface:
    name = ctx.principal.arn.partition(".")[0]
    owner = interfaces.Owner(_SERVICE_IDS.get(name, f"amazon-{name}"), request.get("InterfaceType") or "interface")
    kept = interfaces.keep_for(ctx, interface, owner)
    if request.get("AssociatePublicIpAddress"):
        public_ips.give(ctx, kept, owner.requester_id)
    return kept


def _wanted(request: Any) -> list[str]:
    """The private addresses asked for, the primary one first."""
    listed = request.get("PrivateIpAddresses") or []
    if any(not each.get("PrivateIpAddress") for each in listed):
        raise missing("privateIpAddresses.privateIpAddress")
    primaries = [each["PrivateIpAddress"] for each in listed if each.get("Primary")]
    if "PrivateIpAddress" in request:
        primaries.insert(0, request["PrivateIpAddress"])
    if len(set(primaries)) > 1:
        raise combination("Only one primary private IP address can be specified.")
    others = [each["PrivateIpAddress"] for each in listed if not each.get("Primary")]
    if others and request.get("SecondaryPrivateIpAddressCount"):
        raise combination("secondaryPrivateIpAddressCount cannot be used with privateIpAddresses")
    return [*dict.fromkeys(primaries), *(ip for ip in dict.fromkeys(others) if ip not in primaries)]


@api
def describe_network_interfaces(ctx: Context, request: DescribeNetworkInterfacesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html."""
    rows = select(ctx, NetworkInterface, request.get("NetworkInterfaceIds"))
    views = FILTERS.apply([interface_view(ctx, row) for row in rows], request.get("Filters"))
    return page(views, request, "NetworkInterfaces", ids="NetworkInterfaceIds")


@api
def delete_network_interface(ctx: Context, request: DeleteNetworkInterfaceRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html."""
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    by_service = interfaces.by_service(ctx)
    if interface.attachment is not None and not (by_service and interface.requester_managed):
        raise invalid(f"Network interface '{interface.network_interface_id}' is currently in use.")
    interfaces.delete(ctx, interface)
    return {}


@api
def describe_network_interface_attribute(
    ctx: Context, request: DescribeNetworkInterfaceAttributeRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaceAttribute.html."""
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    answer: Answer = {"NetworkInterfaceId": interface.network_interface_id}
    match request.get("Attribute"):
        case "description":
            answer["Description"] = {"Value": interface.description}
        case "groupSet":
            answer["Groups"] = group_views(ctx, interface.group_ids)
        case "sourceDestCheck":
            answer["SourceDestCheck"] = {"Value": interface.source_dest_check}
        case "attachment":
            if interface.attachment is not None:
                answer["Attachment"] = attachment_view(interface.attachment)
        case None:
            raise missing("attribute")
        case other:
            raise invalid(f"Value ({other}) for parameter attribute is invalid. Unknown attribute.")
    return answer


@api(partial="description, groups, source/destination check and DeleteOnTermination; other attributes are refused")
def modify_network_interface_attribute(ctx: Context, request: ModifyNetworkInterfaceAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html."""
    refuse(request, "EnaSrdSpecification", "EnablePrimaryIpv6", "ConnectionTrackingSpecification")
    refuse(request, "AssociatePublicIpAddress", "AssociatedSubnetIds")
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    interfaces.require_own(ctx, interface, "modify")
    changes: dict[str, Any] = {}
    if "Description" in request:
        changes["description"] = request["Description"].get("Value", "")
    if "SourceDestCheck" in request:
        changes["source_dest_check"] = bool(request["SourceDestCheck"].get("Value"))
    if "Groups" in request:
        changes["group_ids"] = interfaces.groups_for(ctx, interfaces.subnet_of(ctx, interface), request["Groups"])
    if "Attachment" in request:
        changes["attachment"] = _changed_attachment(interface, dict(request["Attachment"]))
    if len(changes) > 1:
        raise combination("Fields for multiple attribute types specified")
    if not changes:
        raise missing("attribute")
    ctx.table(NetworkInterface).put(ctx.scope, interface.replace(**changes))
    return {}


def _changed_attachment(interface: NetworkInterface, wanted: dict[str, Any]) -> Any:
    attachment_id = wanted.get("AttachmentId", "")
    if interface.attachment is None or interface.attachment.attachment_id != attachment_id:
        raise _no_attachment(attachment_id)
    if set(wanted) - {"AttachmentId", "DeleteOnTermination"}:
        raise NotThere("Queues of network interface attachments")
    current = interface.attachment
    return type(current)(
        current.attachment_id,
        current.instance_owner_id,
        current.attach_time,
        current.device_index,
        current.instance_id,
        bool(wanted.get("DeleteOnTermination", current.delete_on_termination)),
    )


def _no_attachment(attachment_id: str) -> AwsError:
    return AwsError("InvalidAttachmentID.NotFound", f"The interface attachment '{attachment_id}' does not exist.")


@api
def reset_network_interface_attribute(ctx: Context, request: ResetNetworkInterfaceAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ResetNetworkInterfaceAttribute.html."""
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    interfaces.require_own(ctx, interface, "modify")
    ctx.table(NetworkInterface).put(ctx.scope, interface.replace(source_dest_check=True))
    return {}


@api(partial="there are no instances yet that an interface could be attached to")
def attach_network_interface(ctx: Context, request: AttachNetworkInterfaceRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachNetworkInterface.html."""
    find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    instance_id = request["InstanceId"]
    raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")


@api(partial="only attachments of AWS services and of host processes exist, and neither can be detached by this call")
def detach_network_interface(ctx: Context, request: DetachNetworkInterfaceRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html."""
    attachment_id = request["AttachmentId"]
    for interface in ctx.table(NetworkInterface).all(ctx.scope):
        if interface.attachment is not None and interface.attachment.attachment_id == attachment_id:
            if interface.requester_managed:
                raise AwsError("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
            raise AwsError(
                "OperationNotPermitted",
                f"'{attachment_id}' stands for a process on the host; `cloudarium detach "
                f"{interface.network_interface_id}` ends it.",
            )
    raise _no_attachment(attachment_id)
