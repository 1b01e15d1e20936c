"""DiscoverInstances: how programs find instances without DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.servicediscovery.errors import no_namespace, no_service
from cloudarium.services.servicediscovery.resources import Instance, MapService, Namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_servicediscovery.type_defs import (
        DiscoverInstancesRequestTypeDef,
        DiscoverInstancesRevisionRequestTypeDef,
    )

_DEFAULT = 100


@operation
def discover_instances(ctx: Context, request: DiscoverInstancesRequestTypeDef) -> Answer:
    """Instances by the names of namespace and service, by health and attributes.

    https://docs.aws.amazon.com/cloud-map/latest/api/API_DiscoverInstances.html
    """
    namespace, service = _find(ctx, request["NamespaceName"], request["ServiceName"])
    found = ctx.table(Instance).find(ctx.scope, "service_id", service.id)
    found = [each for each in found if _has(each, request.get("QueryParameters", {}))]
    if optional := request.get("OptionalParameters"):
        found = [each for each in found if _has(each, optional)] or found
    if service.custom_health:
        found = _by_health(found, request.get("HealthStatus", "ALL"))
    shown = [_shown(each, namespace, service) for each in found[: request.get("MaxResults", _DEFAULT)]]
    return {"Instances": shown, "InstancesRevision": service.revision}


@operation
def discover_instances_revision(ctx: Context, request: DiscoverInstancesRevisionRequestTypeDef) -> Answer:
    """A number that changes whenever the instances do."""
    _, service = _find(ctx, request["NamespaceName"], request["ServiceName"])
    return {"InstancesRevision": service.revision}


def _find(ctx: Context, namespace_name: str, service_name: str) -> tuple[Namespace, MapService]:
    namespaces = ctx.table(Namespace).find(ctx.scope, "http_name", namespace_name)
    if not namespaces:
        raise no_namespace(namespace_name)
    for service in ctx.table(MapService).find(ctx.scope, "namespace_id", namespaces[0].id):
        if service.name == service_name:
            return namespaces[0], service
    raise no_service(service_name)


def _has(instance: Instance, wanted: Mapping[str, str]) -> bool:
    return all(instance.attributes.get(key) == value for key, value in wanted.items())


def _by_health(found: list[Instance], wanted: str) -> list[Instance]:
    healthy = [each for each in found if each.health == "HEALTHY"]
    if wanted == "HEALTHY":
        return healthy
    if wanted == "HEALTHY_OR_ELSE_ALL":
        return healthy or found
    if wanted == "UNHEALTHY":
        return [each for each in found if each.health == "UNHEALTHY"]
    return found


def _shown(instance: Instance, namespace: Namespace, service: MapService) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "NamespaceName": namespace.http_name,
        "ServiceName": service.name,
        "HealthStatus": instance.health if service.custom_health else "UNKNOWN",
        "Attributes": instance.attributes,
    }
