"""CreateCluster, DescribeClusters, ListClusters, UpdateCluster, UpdateClusterSettings, DeleteCluster.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, paging, tagging
from cloudarium.services.ecs.errors import cluster_not_found, invalid
from cloudarium.services.ecs.lookup import DEFAULT, cluster_of, find_cluster
from cloudarium.services.ecs.resources import Cluster, ContainerInstance, ServiceRecord, Task
from cloudarium.services.ecs.settings import effective
from cloudarium.services.ecs.validation import strategies
from cloudarium.services.ecs.views import clusters as views

Request = Mapping[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}", re.ASCII)
_INSIGHTS = ("enabled", "enhanced", "disabled")
_MOST_DESCRIBED = 100


@operation(partial="no managed storage encryption")
def create_cluster(ctx: Context, request: Request) -> Answer:
    """Store a cluster; one of the same name that is there already is returned as it is."""
    name = request.get("clusterName") or DEFAULT
    if not _NAME.fullmatch(name):
        raise invalid("Invalid clusterName: it must have 1 to 255 letters, numbers, hyphens and underscores.")
    settings = {"containerInsights": effective(ctx, "containerInsights"), **_settings(request.get("settings"))}
    providers = strategies.providers(ctx, request.get("capacityProviders") or ())
    default = strategies.check(ctx, request.get("defaultCapacityProviderStrategy") or (), attached=providers)
    configuration = _configuration(request.get("configuration"))
    tags = tagging.parse(ctx.principal, request.get("tags"))
    table = ctx.table(Cluster)
    there = table.get(ctx.scope, name)
    if there is not None and there.status == "ACTIVE":
        return {"cluster": views.cluster(ctx, there)}
    made = Cluster(
        name=name,
        arn=arns.cluster(ctx.scope, name),
        created=ctx.clock.now(),
        settings=settings,
        configuration=configuration,
        capacity_providers=providers,
        default_strategy=default,
        attachments_status="UPDATE_COMPLETE" if providers else "",
        service_connect_defaults=_namespace(request.get("serviceConnectDefaults")),
        tags=tags,
    )
    table.put(ctx.scope, made)
    return {"cluster": views.cluster(ctx, made)}


@operation()
def describe_clusters(ctx: Context, request: Request) -> Answer:
    """Clusters by name or ARN, deleted ones too; the default one when none is named."""
    wanted = request.get("clusters") or [DEFAULT]
    if len(wanted) > _MOST_DESCRIBED:
        raise invalid(f"Clusters cannot have more than {_MOST_DESCRIBED} elements.")
    include = request.get("include") or ()
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        each = find_cluster(ctx, text)
        if each is None:
            arn = text if text.startswith("arn:") else arns.cluster(ctx.scope, text)
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(views.cluster(ctx, each, include))
    return {"clusters": found, "failures": failures}


@operation()
def list_clusters(ctx: Context, request: Request) -> Answer:
    """The ARNs of the clusters there are."""
    found = [each.arn for each in ctx.table(Cluster).all(ctx.scope) if each.status == "ACTIVE"]
    return paging.answer("clusterArns", found, request)


@operation(partial="no managed storage encryption")
def update_cluster(ctx: Context, request: Request) -> Answer:
    """Change settings, configuration and the Service Connect namespace."""
    each = cluster_of(ctx, request["cluster"])
    changed = each.replace(settings={**each.settings, **_settings(request.get("settings"))})
    if request.get("configuration") is not None:
        changed = changed.replace(configuration=_configuration(request["configuration"]))
    if request.get("serviceConnectDefaults") is not None:
        changed = changed.replace(service_connect_defaults=_namespace(request["serviceConnectDefaults"]))
    ctx.table(Cluster).put(ctx.scope, changed)
    return {"cluster": views.cluster(ctx, changed)}


@operation()
def update_cluster_settings(ctx: Context, request: Request) -> Answer:
    """Turn Container Insights on or off."""
    each = cluster_of(ctx, request["cluster"])
    changed = each.replace(settings={**each.settings, **_settings(request["settings"])})
    ctx.table(Cluster).put(ctx.scope, changed)
    return {"cluster": views.cluster(ctx, changed)}


@operation()
def put_cluster_capacity_providers(ctx: Context, request: Request) -> Answer:
    """Replace the capacity providers of a cluster and its default strategy."""
    each = cluster_of(ctx, request["cluster"])
    providers = strategies.providers(ctx, request["capacityProviders"])
    default = strategies.check(ctx, request["defaultCapacityProviderStrategy"], attached=providers)
    for service in ctx.table(ServiceRecord).find(ctx.scope, "cluster", each.name):
        used = {one["capacityProvider"] for one in service.capacity_provider_strategy}
        if service.status == "ACTIVE" and (gone := used - set(providers) - strategies.BUILT_IN):
            raise AwsError(
                "ResourceInUseException",
                f"The specified capacity provider is in use and cannot be removed: {sorted(gone)[0]}.",
            )
    changed = each.replace(capacity_providers=providers, default_strategy=default, attachments_status="UPDATE_COMPLETE")
    ctx.table(Cluster).put(ctx.scope, changed)
    return {"cluster": views.cluster(ctx, changed)}


@operation()
def delete_cluster(ctx: Context, request: Request) -> Answer:
    """Make an empty cluster INACTIVE."""
    each = find_cluster(ctx, request["cluster"])
    if each is None:
        raise cluster_not_found()
    if each.status == "INACTIVE":
        return {"cluster": views.cluster(ctx, each)}
    instances = ctx.table(ContainerInstance).find(ctx.scope, "cluster", each.name)
    if any(one.status != "INACTIVE" for one in instances):
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    services = ctx.table(ServiceRecord).find(ctx.scope, "cluster", each.name)
    if any(one.status == "ACTIVE" for one in services):
        raise AwsError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    tasks = ctx.table(Task)
    if any(tasks.find(ctx.scope, "phase_key", f"{each.name}/{phase}") for phase in ("running", "pending", "stopping")):
        raise AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    gone = each.replace(status="INACTIVE", ended=ctx.clock.now(), tags={}, capacity_providers=(), default_strategy=())
    ctx.table(Cluster).put(ctx.scope, gone)
    return {"cluster": views.cluster(ctx, gone)}


def _settings(given: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given or ():
        name, value = each.get("name"), each.get("value")
        if name != "containerInsights":
            raise invalid(f"Invalid cluster setting name: {name}")
        if value not in _INSIGHTS:
            raise invalid(f"Invalid value for setting containerInsights: {value}")
        found[name] = value
    return found


def _configuration(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if not given:
        return {}
    if given.get("managedStorageConfiguration"):
        raise NotThere("managedStorageConfiguration")
    execute = given.get("executeCommandConfiguration") or {}
    if execute.get("kmsKeyId"):
        raise NotThere("executeCommandConfiguration.kmsKeyId (encrypted sessions)")
    logs = execute.get("logConfiguration") or {}
    for name in ("cloudWatchEncryptionEnabled", "s3EncryptionEnabled"):
        if logs.get(name):
            raise NotThere(f"executeCommandConfiguration.logConfiguration.{name}")
    if execute.get("logging") == "OVERRIDE" and not logs:
        raise invalid("When logging is OVERRIDE, a logConfiguration must be specified.")
    if logs and execute.get("logging") != "OVERRIDE":
        raise invalid("A logConfiguration can only be specified when logging is OVERRIDE.")
    return dict(given)


def _namespace(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if not given or not given.get("namespace"):
        return {}
    raise NotThere("serviceConnectDefaults (ECS Service Connect)")
