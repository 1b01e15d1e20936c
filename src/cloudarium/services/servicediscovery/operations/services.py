"""Services of a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.servicediscovery.errors import in_use, invalid_input
from cloudarium.services.servicediscovery.lookup import namespace_of, new_id, record_operation, service_of, tags_of
from cloudarium.services.servicediscovery.pages import matches, page
from cloudarium.services.servicediscovery.resources import DnsRecord, Instance, MapService, Namespace
from cloudarium.services.servicediscovery.views import shown_service

if TYPE_CHECKING:
    from types_boto3_servicediscovery.type_defs import (
        CreateServiceRequestTypeDef,
        DeleteServiceAttributesRequestTypeDef,
        DeleteServiceRequestTypeDef,
        GetServiceAttributesRequestTypeDef,
        GetServiceRequestTypeDef,
        ListServicesRequestTypeDef,
        UpdateServiceAttributesRequestTypeDef,
        UpdateServiceRequestTypeDef,
    )

_COMBINATIONS = (
    {"A"},
    {"AAAA"},
    {"A", "AAAA"},
    {"SRV"},
    {"A", "SRV"},
    {"AAAA", "SRV"},
    {"A", "AAAA", "SRV"},
    {"CNAME"},
)
_MOST_ATTRIBUTES = 30
_FILTERS = {"NAMESPACE_ID": lambda s: s.namespace_id, "RESOURCE_OWNER": lambda s: "SELF"}


@operation
def create_service(ctx: Context, request: CreateServiceRequestTypeDef) -> Answer:
    """A service, with the records that each of its instances gets. Creating the same again gives the one there is."""
    dns: dict[str, Any] = dict(request.get("DnsConfig", {}))
    namespace_id = request.get("NamespaceId") or dns.get("NamespaceId", "")
    if not namespace_id:
        raise invalid_input("NamespaceId is required.")
    namespace = namespace_of(ctx, namespace_id)
    if "HealthCheckConfig" in request:
        raise NotThere("HealthCheckConfig (Route 53 health checks) in servicediscovery:CreateService")
    http_only = request.get("Type") == "HTTP"
    records = _records(namespace, dns, http_only)
    name, creator = request["Name"], request.get("CreatorRequestId", "")
    _check_duplicates(ctx, namespace, name, creator)
    id_ = new_id("srv")
    service = MapService(
        id=id_,
        arn=ctx.arn("servicediscovery", f"service/{id_}"),
        name=name,
        namespace_id=namespace.id,
        full_name=f"{name.lower()}.{namespace.dns_name}" if namespace.dns_name and records else "",
        description=request.get("Description", ""),
        creator_request_id=creator,
        routing_policy=dns.get("RoutingPolicy", "MULTIVALUE") if records else "",
        records=records,
        custom_health="HealthCheckCustomConfig" in request,
        failure_threshold=1,
        http_only=http_only,
        tags=tags_of(ctx.principal, request.get("Tags", [])),
        created=ctx.clock.now(),
    )
    ctx.table(MapService).put(ctx.scope, service)
    return {"Service": shown_service(ctx, service)}


def _records(namespace: Namespace, dns: dict[str, Any], http_only: bool) -> tuple[DnsRecord, ...]:
    if not dns:
        if namespace.kind != "HTTP" and not http_only:
            raise invalid_input("DnsConfig is required for services of a DNS namespace, unless Type is HTTP.")
        return ()
    if namespace.kind == "HTTP":
        raise invalid_input("DnsConfig cannot be given for a service of an HTTP namespace.")
    if http_only:
        raise invalid_input("DnsConfig cannot be given for a service of the type HTTP.")
    records = tuple(DnsRecord(each["Type"], each["TTL"]) for each in dns["DnsRecords"])
    types = {record.type for record in records}
    if len(types) != len(records) or types not in _COMBINATIONS:
        raise invalid_input(f"The record types {', '.join(record.type for record in records)} cannot be combined.")
    if "CNAME" in types and dns.get("RoutingPolicy", "MULTIVALUE") != "WEIGHTED":
        raise invalid_input("A CNAME record needs the routing policy WEIGHTED.")
    return records


def _check_duplicates(ctx: Context, namespace: Namespace, name: str, creator: str) -> None:
    for each in ctx.table(MapService).find(ctx.scope, "namespace_id", namespace.id):
        same = each.name == name or (namespace.kind != "HTTP" and each.name.lower() == name.lower())
        if same or (creator and each.creator_request_id == creator):
            raise AwsError(
                "ServiceAlreadyExists",
                "Service already exists.",
                400,
                members={"ServiceId": each.id, "ServiceArn": each.arn, "CreatorRequestId": each.creator_request_id},
            )


@operation
def delete_service(ctx: Context, request: DeleteServiceRequestTypeDef) -> Answer:
    """Delete a service that has no instances any more."""
    service = service_of(ctx, request["Id"])
    if ctx.table(Instance).find(ctx.scope, "service_id", service.id):
        raise in_use(
            f"Service contains registered instances; delete the instances before deleting the service: {service.id}"
        )
    ctx.table(MapService).delete(ctx.scope, service.id)
    return {}


@operation
def get_service(ctx: Context, request: GetServiceRequestTypeDef) -> Answer:
    """All of a service."""
    return {"Service": shown_service(ctx, service_of(ctx, request["Id"]))}


@operation
def list_services(ctx: Context, request: ListServicesRequestTypeDef) -> Answer:
    """Services, by NAMESPACE_ID or RESOURCE_OWNER."""
    filters = request.get("Filters", [])
    found = [each for each in ctx.table(MapService).all(ctx.scope) if matches(each, filters, _FILTERS)]
    shown, more = page(found, request)
    return {"Services": [shown_service(ctx, each, whole=False) for each in shown], **more}


@operation
def update_service(ctx: Context, request: UpdateServiceRequestTypeDef) -> Answer:
    """Change description and TTLs; records that are not named any more are taken away."""
    service = service_of(ctx, request["Id"])
    change: dict[str, Any] = dict(request["Service"])
    if "HealthCheckConfig" in change:
        raise NotThere("HealthCheckConfig (Route 53 health checks) in servicediscovery:UpdateService")
    records = service.records
    if "DnsConfig" in change:
        records = tuple(DnsRecord(each["Type"], each["TTL"]) for each in change["DnsConfig"]["DnsRecords"])
        if not {record.type for record in records} <= {record.type for record in service.records}:
            raise invalid_input("The record types of a service cannot be changed.")
    changed = service.replace(description=change.get("Description", service.description), records=records)
    ctx.table(MapService).put(ctx.scope, changed)
    return {"OperationId": record_operation(ctx, "UPDATE_SERVICE", SERVICE=service.id)}


@operation
def get_service_attributes(ctx: Context, request: GetServiceAttributesRequestTypeDef) -> Answer:
    """The attributes of a service itself."""
    service = service_of(ctx, request["ServiceId"])
    shown = {"ServiceArn": service.arn, "ResourceOwner": ctx.account, "Attributes": service.attributes}
    return {"ServiceAttributes": shown}


@operation
def update_service_attributes(ctx: Context, request: UpdateServiceAttributesRequestTypeDef) -> Answer:
    """Add or overwrite attributes of a service."""
    service = service_of(ctx, request["ServiceId"])
    attributes = service.attributes | dict(request["Attributes"])
    if len(attributes) > _MOST_ATTRIBUTES:
        raise AwsError(
            "ServiceAttributesLimitExceededException", f"A service can have {_MOST_ATTRIBUTES} attributes.", 400
        )
    ctx.table(MapService).put(ctx.scope, service.replace(attributes=attributes))
    return {}


@operation
def delete_service_attributes(ctx: Context, request: DeleteServiceAttributesRequestTypeDef) -> Answer:
    """Remove attributes of a service."""
    service = service_of(ctx, request["ServiceId"])
    gone = set(request["Attributes"])
    kept = {key: value for key, value in service.attributes.items() if key not in gone}
    ctx.table(MapService).put(ctx.scope, service.replace(attributes=kept))
    return {}
