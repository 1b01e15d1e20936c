"""Network ACLs, their entries and associations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import building, cidr, limits, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, dependency, invalid, missing
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import NaclAssociation, NaclEntry, NetworkAcl, Vpc
from cloudarium.services.ec2.views.security import acl_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateNetworkAclEntryRequestTypeDef,
        CreateNetworkAclRequestTypeDef,
        DeleteNetworkAclEntryRequestTypeDef,
        DeleteNetworkAclRequestTypeDef,
        DescribeNetworkAclsRequestTypeDef,
        ReplaceNetworkAclAssociationRequestTypeDef,
        ReplaceNetworkAclEntryRequestTypeDef,
    )

_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}
_NAMES = {number: name for name, number in _NUMBERS.items()}

FILTERS = FilterSet(
    {
        "association.association-id": "Associations[].NetworkAclAssociationId",
        "association.network-acl-id": "Associations[].NetworkAclId",
        "association.subnet-id": "Associations[].SubnetId",
        "default": "IsDefault",
        "entry.cidr": "Entries[].CidrBlock",
        "entry.egress": "Entries[].Egress",
        "entry.icmp.code": "Entries[].IcmpTypeCode.Code",
        "entry.icmp.type": "Entries[].IcmpTypeCode.Type",
        "entry.ipv6-cidr": "Entries[].Ipv6CidrBlock",
        "entry.port-range.from": "Entries[].PortRange.From",
        "entry.port-range.to": "Entries[].PortRange.To",
        # Matches by name and by number, as the documentation has it.
        "entry.protocol": lambda acl: [
            word for entry in acl["Entries"] for word in {entry["Protocol"], _NAMES.get(entry["Protocol"], "")} if word
        ],
        "entry.rule-action": "Entries[].RuleAction",
        "entry.rule-number": "Entries[].RuleNumber",
        "network-acl-id": "NetworkAclId",
        "owner-id": "OwnerId",
        "vpc-id": "VpcId",
    }
)


@api
def create_network_acl(ctx: Context, request: CreateNetworkAclRequestTypeDef) -> Answer:
    """A new ACL denies everything.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAcl.html
    """
    labels = tags.specified(ctx, request, "network-acl")
    vpc = find(ctx, Vpc, request["VpcId"])
    acl = tokens.made_before(ctx, "CreateNetworkAcl", request, NetworkAcl)
    if acl is None:
        limits.check(
            len(ctx.table(NetworkAcl).find(ctx.scope, "vpc_id", vpc.vpc_id)) + 1,
            limits.NACLS_PER_VPC,
            "NetworkAclLimitExceeded",
            "The maximum number of network ACLs has been reached.",
        )
        acl = NetworkAcl(
            network_acl_id=hex_id("acl"),
            vpc_id=vpc.vpc_id,
            entries=building.default_entries(allow=False),
            tags=labels,
        )
        ctx.table(NetworkAcl).put(ctx.scope, acl)
        tokens.remember(ctx, "CreateNetworkAcl", request, acl.network_acl_id)
    answer: Answer = {"NetworkAcl": acl_view(ctx, acl)}
    if "ClientToken" in request:
        answer["ClientToken"] = request["ClientToken"]
    return answer


@api
def describe_network_acls(ctx: Context, request: DescribeNetworkAclsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkAcls.html."""
    views = [acl_view(ctx, acl) for acl in select(ctx, NetworkAcl, request.get("NetworkAclIds"))]
    return page(FILTERS.apply(views, request.get("Filters")), request, "NetworkAcls")


@api
def delete_network_acl(ctx: Context, request: DeleteNetworkAclRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAcl.html."""
    acl = find(ctx, NetworkAcl, request["NetworkAclId"])
    if acl.is_default:
        raise invalid(f"cannot delete default network ACL {acl.network_acl_id}")
    if acl.associations:
        raise dependency("networkAcl", acl.network_acl_id)
    ctx.table(NetworkAcl).delete(ctx.scope, acl.network_acl_id)
    return {}


@api
def create_network_acl_entry(ctx: Context, request: CreateNetworkAclEntryRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html."""
    acl = find(ctx, NetworkAcl, request["NetworkAclId"])
    entry = _entry(request)
    if _existing(acl, entry.number, entry.egress) is not None:
        raise AwsError(
            "NetworkAclEntryAlreadyExists", f"The network acl entry identified by {entry.number} already exists."
        )
    same_side = [each for each in acl.entries if each.egress == entry.egress and each.number < building.LAST_ENTRY]
    limits.check(
        len(same_side) + 1,
        limits.ENTRIES_PER_NACL,
        "NetworkAclEntryLimitExceeded",
        "The maximum number of network acl entries has been reached.",
    )
    ctx.table(NetworkAcl).put(ctx.scope, acl.replace(entries=(*acl.entries, entry)))
    return {}


@api
def replace_network_acl_entry(ctx: Context, request: ReplaceNetworkAclEntryRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclEntry.html."""
    acl = find(ctx, NetworkAcl, request["NetworkAclId"])
    entry = _entry(request)
    old = _found(acl, entry.number, entry.egress)
    ctx.table(NetworkAcl).put(
        ctx.scope, acl.replace(entries=tuple(entry if each is old else each for each in acl.entries))
    )
    return {}


@api
def delete_network_acl_entry(ctx: Context, request: DeleteNetworkAclEntryRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAclEntry.html."""
    acl = find(ctx, NetworkAcl, request["NetworkAclId"])
    _check_number(request["RuleNumber"])
    old = _found(acl, request["RuleNumber"], bool(request["Egress"]))
    left = tuple(each for each in acl.entries if each is not old)
    ctx.table(NetworkAcl).put(ctx.scope, acl.replace(entries=left))
    return {}


@api
def replace_network_acl_association(ctx: Context, request: ReplaceNetworkAclAssociationRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclAssociation.html."""
    association_id = request["AssociationId"]
    found = ctx.table(NetworkAcl).find(ctx.scope, "association_ids", association_id)
    if not found:
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    old = found[0]
    new = find(ctx, NetworkAcl, request["NetworkAclId"])
    if new.vpc_id != old.vpc_id:
        raise invalid(
            f"network ACL {new.network_acl_id} and network ACL {old.network_acl_id} belong to different networks"
        )
    subnet_id = next(each.subnet_id for each in old.associations if each.association_id == association_id)
    left = tuple(each for each in old.associations if each.association_id != association_id)
    if new.network_acl_id == old.network_acl_id:
        new = new.replace(associations=left)
    else:
        ctx.table(NetworkAcl).put(ctx.scope, old.replace(associations=left))
    moved = NaclAssociation(hex_id("aclassoc"), subnet_id)
    ctx.table(NetworkAcl).put(ctx.scope, new.replace(associations=(*new.associations, moved)))
    return {"NewAssociationId": moved.association_id}


# -- entries -----------------------------------------------------------------------------------------------------------


def _existing(acl: NetworkAcl, number: int, egress: bool) -> NaclEntry | None:
    return next((each for each in acl.entries if each.number == number and each.egress == egress), None)


def _found(acl: NetworkAcl, number: int, egress: bool) -> NaclEntry:
    entry = _existing(acl, number, egress)
    if entry is None:
        raise AwsError(
            "InvalidNetworkAclEntry.NotFound", f"The network acl entry identified by {number} does not exist."
        )
    return entry


def _check_number(number: int) -> None:
    if not 1 <= number < building.LAST_ENTRY:
        raise invalid(
            f"Invalid value '{number}' for ruleNumber. Must specify a value between 1 and {building.LAST_ENTRY - 1}."
        )


def _entry(request: Any) -> NaclEntry:
    number = request["RuleNumber"]
    _check_number(number)
    protocol = str(request["Protocol"]).lower()
    protocol = _NUMBERS.get(protocol, protocol)
    if protocol != "-1" and not (protocol.isascii() and protocol.isdigit() and int(protocol) <= 255):
        raise invalid(f"Invalid value '{request['Protocol']}' for protocol. Unknown protocol.")
    action = request["RuleAction"]
    if action not in ("allow", "deny"):
        raise invalid(f"Value ({action}) for parameter ruleAction is invalid. Must be allow or deny.")
    block, block6 = request.get("CidrBlock"), request.get("Ipv6CidrBlock")
    if block and block6:
        raise combination("Only one of cidrBlock and ipv6CidrBlock may be specified.")
    if not block and not block6:
        raise missing("cidrBlock or ipv6CidrBlock")
    return NaclEntry(
        number=number,
        egress=bool(request["Egress"]),
        protocol=protocol,
        action=action,
        cidr=str(cidr.parameter(block, "cidrBlock")) if block else "",
        cidr_ipv6=cidr.canonical_ipv6(block6, f"CIDR block {block6} is malformed") if block6 else "",
        ports=_ports(request, protocol),
        icmp=_icmp(request, protocol),
    )


def _ports(request: Any, protocol: str) -> tuple[int, int] | None:
    if protocol not in ("6", "17"):
        return None
    given = request.get("PortRange") or {}
    first, last = given.get("From"), given.get("To")
    if first is None or last is None:
        raise missing("portRange")
    if not 0 <= first <= last <= 65535:
        raise invalid(f"Invalid TCP/UDP port range ({first}:{last})")
    return first, last


def _icmp(request: Any, protocol: str) -> tuple[int, int] | None:
    if protocol not in ("1", "58"):
        return None
    given = request.get("IcmpTypeCode") or {}
    kind, code = given.get("Type"), given.get("Code")
    if kind is None or code is None:
        raise missing("icmpTypeCode")
    if not (-1 <= kind <= 255 and -1 <= code <= 255):
        raise invalid(f"ICMP type ({kind}) or code ({code}) is out of range.")
    return kind, code
