"""Records as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.servicediscovery.resources import Instance, MapService, Namespace, Operation


def shown_namespace(ctx: Context, namespace: Namespace, *, whole: bool = True) -> dict[str, Any]:
    """``Namespace``, or ``NamespaceSummary`` when not ``whole``."""
    properties: dict[str, Any] = {"HttpProperties": {"HttpName": namespace.http_name}}
    if namespace.kind != "HTTP":
        properties["DnsProperties"] = {"HostedZoneId": namespace.hosted_zone_id, "SOA": {"TTL": namespace.ttl}}
    shown: dict[str, Any] = {
        "Id": namespace.id,
        "Arn": namespace.arn,
        "ResourceOwner": ctx.account,
        "Name": namespace.name,
        "Type": namespace.kind,
        "ServiceCount": len(ctx.table(MapService).find(ctx.scope, "namespace_id", namespace.id)),
        "Properties": properties,
        "CreateDate": _moment(namespace.created),
    }
    if namespace.description:
        shown["Description"] = namespace.description
    if whole and namespace.creator_request_id:
        shown["CreatorRequestId"] = namespace.creator_request_id
    return shown


def shown_service(ctx: Context, service: MapService, *, whole: bool = True) -> dict[str, Any]:
    """``Service``, or ``ServiceSummary`` when not ``whole``."""
    shown: dict[str, Any] = {
        "Id": service.id,
        "Arn": service.arn,
        "ResourceOwner": ctx.account,
        "Name": service.name,
        "Type": "HTTP" if not service.records else "DNS_HTTP",
        "InstanceCount": len(ctx.table(Instance).find(ctx.scope, "service_id", service.id)),
        "CreateDate": _moment(service.created),
        "CreatedByAccount": ctx.account,
    }
    if service.description:
        shown["Description"] = service.description
    if service.records:
        shown["DnsConfig"] = {
            "NamespaceId": service.namespace_id,
            "RoutingPolicy": service.routing_policy,
            "DnsRecords": [{"Type": record.type, "TTL": record.ttl} for record in service.records],
        }
    if service.custom_health:
        shown["HealthCheckCustomConfig"] = {"FailureThreshold": service.failure_threshold}
    if whole:
        shown["NamespaceId"] = service.namespace_id
        shown["CreatorRequestId"] = service.creator_request_id
    return shown


def shown_operation(ctx: Context, operation: Operation) -> dict[str, Any]:
    """``Operation``."""
    shown: dict[str, Any] = {
        "Id": operation.id,
        "OwnerAccount": ctx.account,
        "Type": operation.type,
        "Status": operation.status,
        "CreateDate": _moment(operation.created),
        "UpdateDate": _moment(operation.updated),
        "Targets": operation.targets,
    }
    if operation.error_code:
        shown |= {"ErrorCode": operation.error_code, "ErrorMessage": operation.error_message}
    return shown


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
