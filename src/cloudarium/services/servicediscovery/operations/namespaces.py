"""Namespaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_token
from cloudarium.kernel.service import operation
from cloudarium.services.servicediscovery.changes import CHANGES
from cloudarium.services.servicediscovery.errors import in_use, invalid_input
from cloudarium.services.servicediscovery.lookup import namespace_of, new_id, record_operation, tags_of
from cloudarium.services.servicediscovery.pages import matches, page
from cloudarium.services.servicediscovery.resources import MapService, Namespace
from cloudarium.services.servicediscovery.views import shown_namespace

if TYPE_CHECKING:
    from types_boto3_servicediscovery.type_defs import (
        CreateHttpNamespaceRequestTypeDef,
        CreatePrivateDnsNamespaceRequestTypeDef,
        CreatePublicDnsNamespaceRequestTypeDef,
        DeleteNamespaceRequestTypeDef,
        GetNamespaceRequestTypeDef,
        ListNamespacesRequestTypeDef,
        UpdateHttpNamespaceRequestTypeDef,
        UpdatePrivateDnsNamespaceRequestTypeDef,
        UpdatePublicDnsNamespaceRequestTypeDef,
    )

_LIMIT = 50
"""Namespaces per Region, AWS's default quota."""
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_FILTERS = {
    "TYPE": lambda n: n.kind,
    "NAME": lambda n: n.name,
    "HTTP_NAME": lambda n: n.http_name,
    "RESOURCE_OWNER": lambda n: "SELF",
}


@operation
def create_http_namespace(ctx: Context, request: CreateHttpNamespaceRequestTypeDef) -> Answer:
    """A namespace whose instances are found by API only."""
    return _create(ctx, dict(request), "HTTP")


@operation
async def create_private_dns_namespace(ctx: Context, request: CreatePrivateDnsNamespaceRequestTypeDef) -> Answer:
    """A namespace that DNS knows inside one VPC."""
    try:
        await ctx.aws.ec2.describe_vpcs(VpcIds=[request["Vpc"]])
    except AwsError as error:
        raise invalid_input(f"The VPC {request['Vpc']} in region {ctx.region} does not exist.") from error
    return _create(ctx, dict(request), "DNS_PRIVATE", request["Vpc"])


@operation
def create_public_dns_namespace(ctx: Context, request: CreatePublicDnsNamespaceRequestTypeDef) -> Answer:
    """A namespace that DNS knows everywhere in this cloud."""
    return _create(ctx, dict(request), "DNS_PUBLIC")


def _create(ctx: Context, request: dict[str, Any], kind: str, vpc_id: str = "") -> Answer:
    name, creator = request["Name"], request.get("CreatorRequestId", "")
    table = ctx.table(Namespace)
    there = table.all(ctx.scope)
    for each in there:
        if creator and each.creator_request_id == creator:
            raise AwsError(
                "NamespaceAlreadyExists",
                "The namespace that you are trying to create already exists.",
                400,
                members={"NamespaceId": each.id, "CreatorRequestId": creator},
            )
    dns_name = name.lower().rstrip(".") if kind != "HTTP" else ""
    _check_name(there, kind, name, dns_name, vpc_id)
    if len(there) >= _LIMIT:
        raise AwsError("ResourceLimitExceeded", f"The limit of {_LIMIT} namespaces per Region is reached.", 400)
    id_ = new_id("ns")
    taken = any(each.http_name == name for each in there)
    namespace = Namespace(
        id=id_,
        arn=ctx.arn("servicediscovery", f"namespace/{id_}"),
        name=name,
        kind=kind,
        http_name=f"{name}-{hex_token(8)}" if taken else name,
        dns_name=dns_name,
        description=request.get("Description", ""),
        creator_request_id=creator,
        ttl=request.get("Properties", {}).get("DnsProperties", {}).get("SOA", {}).get("TTL", 15),
        vpc_id=vpc_id,
        tags=tags_of(ctx.principal, request.get("Tags", [])),
        created=ctx.clock.now(),
    )
    table.put(ctx.scope, namespace)
    return _begun(ctx, "CREATE_NAMESPACE", id_)


def _check_name(there: list[Namespace], kind: str, name: str, dns_name: str, vpc_id: str) -> None:
    if kind == "HTTP":
        duplicate = [each for each in there if each.kind == "HTTP" and each.name == name]
    else:
        if _DOMAIN.fullmatch(dns_name) is None:
            raise invalid_input(f"The name {name} is not a valid domain name.")
        duplicate = [
            each for each in there if each.dns_name == dns_name and each.kind == kind and each.vpc_id == vpc_id
        ]
    if duplicate:
        raise AwsError(
            "NamespaceAlreadyExists",
            f"Namespace {name} already exists.",
            400,
            members={"NamespaceId": duplicate[0].id, "CreatorRequestId": duplicate[0].creator_request_id},
        )


def _begun(ctx: Context, kind: str, namespace_id: str) -> Answer:
    """An operation that the controller carries out."""
    operation_id = record_operation(ctx, kind, "SUBMITTED", NAMESPACE=namespace_id)
    ctx.cloud.enqueue(CHANGES, (ctx.scope, operation_id))
    return {"OperationId": operation_id}


@operation
def delete_namespace(ctx: Context, request: DeleteNamespaceRequestTypeDef) -> Answer:
    """Delete a namespace that has no services any more."""
    namespace = namespace_of(ctx, request["Id"])
    if ctx.table(MapService).find(ctx.scope, "namespace_id", namespace.id):
        raise in_use(f"Namespace has associated services; delete the services first: {namespace.id}")
    return _begun(ctx, "DELETE_NAMESPACE", namespace.id)


@operation
def get_namespace(ctx: Context, request: GetNamespaceRequestTypeDef) -> Answer:
    """All of a namespace."""
    return {"Namespace": shown_namespace(ctx, namespace_of(ctx, request["Id"]))}


@operation
def list_namespaces(ctx: Context, request: ListNamespacesRequestTypeDef) -> Answer:
    """Namespaces, by TYPE, NAME, HTTP_NAME or RESOURCE_OWNER."""
    filters = request.get("Filters", [])
    found = [each for each in ctx.table(Namespace).all(ctx.scope) if matches(each, filters, _FILTERS)]
    shown, more = page(found, request)
    return {"Namespaces": [shown_namespace(ctx, each, whole=False) for each in shown], **more}


@operation
def update_http_namespace(ctx: Context, request: UpdateHttpNamespaceRequestTypeDef) -> Answer:
    """Change the description."""
    return _update(ctx, request["Id"], "HTTP", dict(request["Namespace"]))


@operation
def update_private_dns_namespace(ctx: Context, request: UpdatePrivateDnsNamespaceRequestTypeDef) -> Answer:
    """Change description and SOA TTL."""
    return _update(ctx, request["Id"], "DNS_PRIVATE", dict(request["Namespace"]))


@operation
def update_public_dns_namespace(ctx: Context, request: UpdatePublicDnsNamespaceRequestTypeDef) -> Answer:
    """Change description and SOA TTL."""
    return _update(ctx, request["Id"], "DNS_PUBLIC", dict(request["Namespace"]))


def _update(ctx: Context, id_: str, kind: str, change: dict[str, Any]) -> Answer:
    namespace = namespace_of(ctx, id_)
    if namespace.kind != kind:
        raise invalid_input(f"Namespace {namespace.id} is of the type {namespace.kind}.")
    ttl = change.get("Properties", {}).get("DnsProperties", {}).get("SOA", {}).get("TTL", namespace.ttl)
    changed = namespace.replace(description=change.get("Description", namespace.description), ttl=ttl)
    ctx.table(Namespace).put(ctx.scope, changed)
    return {"OperationId": record_operation(ctx, "UPDATE_NAMESPACE", NAMESPACE=namespace.id)}
