"""Instances: registered, deregistered, their health, and what became of the asynchronous operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.servicediscovery import attributes
from cloudarium.services.servicediscovery.errors import no_instance
from cloudarium.services.servicediscovery.lookup import instance_of, record_operation, service_of
from cloudarium.services.servicediscovery.pages import matches, page
from cloudarium.services.servicediscovery.resources import Instance, MapService, Operation, instance_key
from cloudarium.services.servicediscovery.views import shown_operation

if TYPE_CHECKING:
    from types_boto3_servicediscovery.type_defs import (
        DeregisterInstanceRequestTypeDef,
        GetInstanceRequestTypeDef,
        GetInstancesHealthStatusRequestTypeDef,
        GetOperationRequestTypeDef,
        ListInstancesRequestTypeDef,
        ListOperationsRequestTypeDef,
        RegisterInstanceRequestTypeDef,
        UpdateInstanceCustomHealthStatusRequestTypeDef,
    )

_LIMIT = 1_000
"""Instances per service, AWS's quota."""
_FILTERS = {
    "NAMESPACE_ID": lambda o: o.targets.get("NAMESPACE", ""),
    "SERVICE_ID": lambda o: o.targets.get("SERVICE", ""),
    "STATUS": lambda o: o.status,
    "TYPE": lambda o: o.type,
    "UPDATE_DATE": lambda o: str(int(o.updated)),
}


@operation(partial="the records answer in DNS but are not listed by Route 53")
def register_instance(ctx: Context, request: RegisterInstanceRequestTypeDef) -> Answer:
    """Register an instance, or change one: DNS and DiscoverInstances know it at once."""
    service = service_of(ctx, request["ServiceId"])
    given = dict(request["Attributes"])
    attributes.check(service, given)
    table = ctx.table(Instance)
    key = instance_key(service.id, request["InstanceId"])
    there = table.get(ctx.scope, key)
    if there is None and len(table.find(ctx.scope, "service_id", service.id)) >= _LIMIT:
        raise AwsError("ResourceLimitExceeded", f"A service can have {_LIMIT} instances.", 400)
    health = there.health if there is not None else "HEALTHY"
    table.put(
        ctx.scope,
        Instance(
            key=key,
            id=request["InstanceId"],
            service_id=service.id,
            creator_request_id=request.get("CreatorRequestId", ""),
            attributes=given,
            health=given.get(attributes.INITIAL_HEALTH, health),
        ),
    )
    _changed(ctx, service)
    targets = {"INSTANCE": request["InstanceId"], "SERVICE": service.id}
    return {"OperationId": record_operation(ctx, "REGISTER_INSTANCE", **targets)}


@operation
def deregister_instance(ctx: Context, request: DeregisterInstanceRequestTypeDef) -> Answer:
    """Forget an instance."""
    service = service_of(ctx, request["ServiceId"])
    instance = instance_of(ctx, service, request["InstanceId"])
    ctx.table(Instance).delete(ctx.scope, instance.key)
    _changed(ctx, service)
    targets = {"INSTANCE": instance.id, "SERVICE": service.id}
    return {"OperationId": record_operation(ctx, "DEREGISTER_INSTANCE", **targets)}


@operation
def get_instance(ctx: Context, request: GetInstanceRequestTypeDef) -> Answer:
    """An instance and its attributes."""
    instance = instance_of(ctx, service_of(ctx, request["ServiceId"]), request["InstanceId"])
    shown = {"Id": instance.id, "Attributes": instance.attributes, "CreatedByAccount": ctx.account}
    if instance.creator_request_id:
        shown["CreatorRequestId"] = instance.creator_request_id
    return {"ResourceOwner": ctx.account, "Instance": shown}


@operation
def list_instances(ctx: Context, request: ListInstancesRequestTypeDef) -> Answer:
    """The instances of a service."""
    service = service_of(ctx, request["ServiceId"])
    shown, more = page(ctx.table(Instance).find(ctx.scope, "service_id", service.id), request)
    return {
        "ResourceOwner": ctx.account,
        "Instances": [
            {"Id": each.id, "Attributes": each.attributes, "CreatedByAccount": ctx.account} for each in shown
        ],
        **more,
    }


@operation
def get_instances_health_status(ctx: Context, request: GetInstancesHealthStatusRequestTypeDef) -> Answer:
    """Health by instance; UNKNOWN where the service has no health check."""
    service = service_of(ctx, request["ServiceId"])
    found = ctx.table(Instance).find(ctx.scope, "service_id", service.id)
    if (wanted := request.get("Instances")) is not None:
        by_id = {each.id: each for each in found}
        for id_ in wanted:
            if id_ not in by_id:
                raise no_instance(id_)
        found = [by_id[id_] for id_ in wanted]
    shown, more = page(found, request)
    return {"Status": {each.id: each.health if service.custom_health else "UNKNOWN" for each in shown}, **more}


@operation
def update_instance_custom_health_status(
    ctx: Context, request: UpdateInstanceCustomHealthStatusRequestTypeDef
) -> Answer:
    """Say how an instance is, where its service has a custom health check."""
    service = service_of(ctx, request["ServiceId"])
    instance = instance_of(ctx, service, request["InstanceId"])
    if not service.custom_health:
        raise AwsError("CustomHealthNotFound", f"The service {service.id} has no custom health check.", 400)
    if instance.health != request["Status"]:
        ctx.table(Instance).put(ctx.scope, instance.replace(health=request["Status"]))
        _changed(ctx, service)
    return {}


@operation
def get_operation(ctx: Context, request: GetOperationRequestTypeDef) -> Answer:
    """What became of an asynchronous change."""
    found = ctx.table(Operation).get(ctx.scope, request["OperationId"])
    if found is None:
        raise AwsError("OperationNotFound", f"Operation not found: {request['OperationId']}", 400)
    return {"Operation": shown_operation(ctx, found)}


@operation
def list_operations(ctx: Context, request: ListOperationsRequestTypeDef) -> Answer:
    """Asynchronous changes, newest last."""
    filters = request.get("Filters", [])
    found = [each for each in ctx.table(Operation).all(ctx.scope) if matches(each, filters, _FILTERS)]
    shown, more = page(found, request)
    return {"Operations": [{"Id": each.id, "Status": each.status} for each in shown], **more}


def _changed(ctx: Context, service: MapService) -> None:
    """Clients that cache compare revisions."""
    ctx.table(MapService).put(ctx.scope, service.replace(revision=service.revision + 1))
