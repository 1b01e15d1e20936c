"""VPC peering connections, within and across accounts and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2 import cidr, limits, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import missing, refuse
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, not_found, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.peering import with_side
from cloudarium.services.ec2.resources import PEERINGS, PeeringConnection, PeeringSide, Vpc
from cloudarium.services.ec2.views.links import peering_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AcceptVpcPeeringConnectionRequestTypeDef,
        CreateVpcPeeringConnectionRequestTypeDef,
        DeleteVpcPeeringConnectionRequestTypeDef,
        DescribeVpcPeeringConnectionsRequestTypeDef,
        ModifyVpcPeeringConnectionOptionsRequestTypeDef,
        RejectVpcPeeringConnectionRequestTypeDef,
    )


def _side_filters(prefix: str, member: str) -> dict[str, str]:
    return {
        f"{prefix}.cidr-block": f"{member}.CidrBlockSet[].CidrBlock",
        f"{prefix}.owner-id": f"{member}.OwnerId",
        f"{prefix}.vpc-id": f"{member}.VpcId",
    }


FILTERS = FilterSet(
    {
        **_side_filters("accepter-vpc-info", "AccepterVpcInfo"),
        **_side_filters("requester-vpc-info", "RequesterVpcInfo"),
        "expiration-time": "ExpirationTime",
        "status-code": "Status.Code",
        "status-message": "Status.Message",
        "vpc-peering-connection-id": "VpcPeeringConnectionId",
    }
)

EXPIRY = 7 * 86_400.0
"""Seconds for which a request can be accepted."""
_ALIVE = ("initiating-request", "pending-acceptance", "provisioning", "active")


@api
def create_vpc_peering_connection(ctx: Context, request: CreateVpcPeeringConnectionRequestTypeDef) -> Answer:
    """A request between VPCs whose blocks overlap, or to a VPC that does not exist, fails as AWS's does.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcPeeringConnection.html
    """
    refuse(request, "RequesterPeeringConnectionOptions")
    labels = tags.specified(ctx, request, "vpc-peering-connection")
    vpc = find(ctx, Vpc, request["VpcId"])
    peer_id = request.get("PeerVpcId")
    if not peer_id:
        raise missing("peerVpcId")
    account = request.get("PeerOwnerId") or ctx.account
    where = Scope(account, request.get("PeerRegion") or ctx.region)
    if (where, peer_id) == (ctx.scope, vpc.vpc_id):
        raise AwsError("InvalidParameterValue", "A VPC cannot be peered with itself.")
    peer = ctx.table(Vpc).get(where, peer_id)
    if where == ctx.scope and peer is None:
        raise not_found(Vpc, peer_id)
    peerings = ctx.table(PeeringConnection).find(PEERINGS, "vpc_ids", vpc.vpc_id)
    alive = [each for each in peerings if each.state in _ALIVE]
    for each in alive:
        if peer_id in each.vpc_ids:
            raise AwsError("VpcPeeringConnectionAlreadyExists", f"{each.peering_id} already connects these VPCs.")
    limits.check(
        len(alive) + 1,
        limits.PEERINGS_PER_VPC,
        "VpcPeeringConnectionsPerVpcLimitExceeded",
        "The maximum number of VPC peering connections has been reached.",
    )
    now = ctx.clock.now()
    peering = PeeringConnection(
        peering_id=hex_id("pcx"),
        requester=PeeringSide(ctx.account, ctx.region, vpc.vpc_id, vpc.networks, labels),
        accepter=PeeringSide(account, where.region, peer_id, ()),
        state="pending-acceptance",
        message=f"Pending Acceptance by {account}",
        expires=now + EXPIRY,
        state_since=now,
    )
    problem = _problem(vpc, peer)
    if problem:
        peering = peering.replace(state="failed", message=problem)
    ctx.table(PeeringConnection).put(PEERINGS, peering)
    # The state in which AWS answers a request that has just been made.
    view: Any = peering_view(ctx, peering)
    status = {"Code": "initiating-request", "Message": f"Initiating Request to {account}"}
    return {"VpcPeeringConnection": view if problem else {**view, "Status": status}}


def _problem(vpc: Vpc, peer: Vpc | None) -> str:
    if peer is None:
        return "Incorrect VPC-ID, Account ID, or overlapping CIDR range"
    if any(cidr.overlapping(cidr.network(block), peer.networks) for block in vpc.networks):
        return _UNFIT
    return ""


_UNFIT = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"


@api
def describe_vpc_peering_connections(ctx: Context, request: DescribeVpcPeeringConnectionsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcPeeringConnections.html."""
    rows = select(ctx, PeeringConnection, request.get("VpcPeeringConnectionIds"))
    views = FILTERS.apply([peering_view(ctx, row) for row in rows], request.get("Filters"))
    return page(views, request, "VpcPeeringConnections")


def _in_state(ctx: Context, peering_id: str, states: tuple[str, ...], verb: str) -> PeeringConnection:
    peering = find(ctx, PeeringConnection, peering_id)
    if peering.state not in states:
        raise AwsError(
            "InvalidStateTransition",
            f"Invalid state transition for {peering_id}, attempted to transition from {peering.state} to {verb}",
        )
    return peering


def _require_side(ctx: Context, side: PeeringSide) -> None:
    if side.scope != ctx.scope:
        raise AwsError(
            "OperationNotPermitted",
            f"User {ctx.account} cannot accept or reject the peering from {ctx.region}: only the owner of the accepter "
            "VPC can, in its region.",
        )


@api
def accept_vpc_peering_connection(ctx: Context, request: AcceptVpcPeeringConnectionRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AcceptVpcPeeringConnection.html."""
    peering_id = request.get("VpcPeeringConnectionId")
    if not peering_id:
        raise missing("vpcPeeringConnectionId")
    peering = find(ctx, PeeringConnection, peering_id)
    _require_side(ctx, peering.accepter)
    if peering.state not in ("active", "provisioning"):
        peering = _in_state(ctx, peering_id, ("pending-acceptance",), "active")
        vpc = find(ctx, Vpc, peering.accepter.vpc_id)
        accepter = with_side(peering.accepter, cidrs=vpc.networks)
        requester = ctx.table(Vpc).get(peering.requester.scope, peering.requester.vpc_id)
        # Either VPC may have got more blocks, or have gone, since the request was made.
        problem = "" if requester is not None and not _problem(requester, vpc) else _UNFIT
        state, message = ("failed", problem) if problem else ("provisioning", "Provisioning")
        peering = peering.replace(state=state, message=message, accepter=accepter, state_since=ctx.clock.now())
        ctx.table(PeeringConnection).put(PEERINGS, peering)
    return {"VpcPeeringConnection": peering_view(ctx, peering)}


@api
def reject_vpc_peering_connection(ctx: Context, request: RejectVpcPeeringConnectionRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RejectVpcPeeringConnection.html."""
    peering = _in_state(ctx, request["VpcPeeringConnectionId"], ("pending-acceptance",), "rejected")
    _require_side(ctx, peering.accepter)
    message = f"Rejected by {ctx.account}"
    changed = peering.replace(state="rejected", message=message, state_since=ctx.clock.now())
    ctx.table(PeeringConnection).put(PEERINGS, changed)
    return {"Return": True}


@api
def delete_vpc_peering_connection(ctx: Context, request: DeleteVpcPeeringConnectionRequestTypeDef) -> Answer:
    """Either side may delete; routes that lead there become blackholes.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcPeeringConnection.html
    """
    peering = find(ctx, PeeringConnection, request["VpcPeeringConnectionId"])
    if peering.state in ("deleted", "deleting", "rejected", "failed", "expired"):
        peering = _in_state(ctx, peering.peering_id, _ALIVE, "deleted")
    # The controller makes it "deleted" once both VPCs have let go of the link.
    changed = peering.replace(state="deleting", message=f"Deleted by {ctx.account}", state_since=ctx.clock.now())
    ctx.table(PeeringConnection).put(PEERINGS, changed)
    return {"Return": True}


@api
def modify_vpc_peering_connection_options(
    ctx: Context, request: ModifyVpcPeeringConnectionOptionsRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcPeeringConnectionOptions.html."""
    peering = find(ctx, PeeringConnection, request["VpcPeeringConnectionId"])
    if peering.state != "active":
        raise AwsError(
            "OperationNotPermitted",
            f"Peering {peering.peering_id} is not active. Peering options can be added only to active peerings.",
        )
    answer: Answer = {}
    for field, parameter in (
        ("requester", "RequesterPeeringConnectionOptions"),
        ("accepter", "AccepterPeeringConnectionOptions"),
    ):
        options: Any = request.get(parameter)
        if options is None:
            continue
        refuse(
            options,
            "AllowEgressFromLocalClassicLinkToRemoteVpc",
            "AllowEgressFromLocalVpcToRemoteClassicLink",
            "AllowMultipathResilience",
            "MultipathResilienceMode",
        )
        side: PeeringSide = getattr(peering, field)
        if side.scope != ctx.scope:
            raise AwsError(
                "OperationNotPermitted", f"User {ctx.account} cannot modify {parameter} of the other side's VPC."
            )
        wanted = bool(options.get("AllowDnsResolutionFromRemoteVpc", side.allow_remote_dns))
        if wanted:
            _require_names(ctx, peering)
        peering = peering.replace(**{field: with_side(side, allow_remote_dns=wanted)})
        answer[parameter] = {
            "AllowDnsResolutionFromRemoteVpc": wanted,
            "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
            "AllowEgressFromLocalVpcToRemoteClassicLink": False,
        }
    ctx.table(PeeringConnection).put(PEERINGS, peering)
    return answer


def _require_names(ctx: Context, peering: PeeringConnection) -> None:
    """Names lead to private addresses across a peering only where both VPCs have names.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-dns.html
    """
    for side in (peering.requester, peering.accepter):
        vpc = ctx.table(Vpc).get(side.scope, side.vpc_id)
        if vpc is not None and not (vpc.dns_support and vpc.dns_hostnames):
            raise AwsError(
                "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
                f"To enable DNS hostname resolution for the VPC peering connection {peering.peering_id}, DNS hostname "
                f"support must be enabled for {vpc.vpc_id}.",
            )
