"""The registry as a whole: tokens, replication, scanning rules, account settings."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import replication, tokens
from cloudarium.services.ecr.errors import image_not_found, invalid, limit, validation
from cloudarium.services.ecr.images import find
from cloudarium.services.ecr.lookup import registry_of, repository_of
from cloudarium.services.ecr.paging import page
from cloudarium.services.ecr.repositories import uri, when
from cloudarium.services.ecr.resources import Registry, Repository
from cloudarium.services.ecr.wildcards import matches

Request = Mapping[str, Any]
MOST_DESTINATIONS = 25
MOST_EXCLUSIONS = 100
_SETTINGS = {
    "BASIC_SCAN_TYPE_VERSION": ("AWS_NATIVE",),
    "REGISTRY_POLICY_SCOPE": ("V2",),
    "BLOB_MOUNTING": ("ENABLED", "DISABLED"),
}
_DEFAULTS = {"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED"}


@operation()
def get_authorization_token(ctx: Context, request: Request) -> Answer:
    """Credentials for docker login, good for twelve hours: one per registry asked for, each good for all of them."""
    rows = []
    for account in request.get("registryIds") or [ctx.account]:
        password, expires = tokens.issue(ctx.cloud, ctx.principal, ctx.region)
        rows.append(
            {
                "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                "expiresAt": when(expires),
                "proxyEndpoint": "http://" + uri(ctx, Scope(account, ctx.region), "").partition("/")[0],
            }
        )
    return {"authorizationData": rows}


# -- replication -------------------------------------------------------------------------------------------------------


@operation()
def describe_registry(ctx: Context, request: Request) -> Answer:
    """The registry, and where it replicates to."""
    return {"registryId": ctx.account, "replicationConfiguration": {"rules": list(registry_of(ctx).replication)}}


@operation()
def put_replication_configuration(ctx: Context, request: Request) -> Answer:
    """Say where images that are pushed from now on are copied to."""
    rules = request["replicationConfiguration"]["rules"]
    places = {(place["registryId"], place["region"]) for rule in rules for place in rule["destinations"]}
    if (ctx.account, ctx.region) in places:
        raise invalid("replicationConfiguration", "Replication destination cannot be the same as the source registry")
    if len(places) > MOST_DESTINATIONS:
        raise validation(f"Replication rules can have at most {MOST_DESTINATIONS} unique destinations")
    for rule in rules:
        if any(each.get("filterType") != "PREFIX_MATCH" for each in rule.get("repositoryFilters") or []):
            raise invalid("replicationConfiguration", "filterType must be PREFIX_MATCH")
    ctx.table(Registry).put(ctx.scope, registry_of(ctx).replace(replication=tuple(rules)))
    return {"replicationConfiguration": {"rules": rules}}


@operation()
def describe_image_replication_status(ctx: Context, request: Request) -> Answer:
    """How far an image has come on its way to other registries."""
    scope, repository = repository_of(ctx, request, "DescribeImageReplicationStatus")
    wanted = request["imageId"]
    image = find(
        ctx.cloud, scope, repository.name, digest=wanted.get("imageDigest", ""), tag=wanted.get("imageTag", "")
    )  # fmt: skip
    if image is None:
        raise image_not_found(wanted, repository.name, scope.account)
    return {
        "repositoryName": repository.name,
        "imageId": dict(wanted),
        "replicationStatuses": replication.statuses(ctx.cloud, scope, repository.name, image.digest),
    }


# -- scanning rules ----------------------------------------------------------------------------------------------------


@operation()
def get_registry_scanning_configuration(ctx: Context, request: Request) -> Answer:
    """When images are to be scanned."""
    registry = registry_of(ctx)
    rules = {"scanType": registry.scan_type, "rules": list(registry.scan_rules)}
    return {"registryId": ctx.account, "scanningConfiguration": rules}


@operation(partial="nothing scans images; ENHANCED and CONTINUOUS_SCAN are refused")
def put_registry_scanning_configuration(ctx: Context, request: Request) -> Answer:
    """Say which repositories scan on push; their own setting is changed with it, as it is on AWS."""
    kind, rules = request.get("scanType", "BASIC"), tuple(request.get("rules") or ())
    if kind != "BASIC":
        raise NotThere(f"The scan type {kind}")
    if any(rule["scanFrequency"] == "CONTINUOUS_SCAN" for rule in rules):
        raise validation("CONTINUOUS_SCAN is not supported for the scan type BASIC")
    ctx.table(Registry).put(ctx.scope, registry_of(ctx).replace(scan_type=kind, scan_rules=rules))
    for repository in ctx.table(Repository).all(ctx.scope):
        scans = frequency(rules, repository.name) == "SCAN_ON_PUSH"
        if rules and scans != repository.scan_on_push:
            ctx.table(Repository).put(ctx.scope, repository.replace(scan_on_push=scans))
    return {"registryScanningConfiguration": {"scanType": kind, "rules": list(rules)}}


def frequency(rules: tuple[dict[str, Any], ...], name: str) -> str:
    """How often the rules have a repository scanned; ``MANUAL`` when none is about it."""
    for rule in rules:
        if any(matches(name, each["filter"]) for each in rule["repositoryFilters"]):
            return str(rule["scanFrequency"])
    return "MANUAL"


@operation()
def batch_get_repository_scanning_configuration(ctx: Context, request: Request) -> Answer:
    """When the images of several repositories are to be scanned."""
    found, failures = [], []
    rules = registry_of(ctx).scan_rules
    for name in request["repositoryNames"]:
        repository = ctx.table(Repository).get(ctx.scope, name)
        if repository is None:
            reason = {"failureCode": "REPOSITORY_NOT_FOUND", "failureReason": "REPOSITORY_NOT_FOUND"}
            failures.append({"repositoryName": name, **reason})
            continue
        filters = [
            {"filter": each["filter"], "filterType": each["filterType"]}
            for rule in rules
            for each in rule["repositoryFilters"]
            if matches(name, each["filter"])
        ]
        found.append(
            {
                "repositoryArn": repository.arn,
                "repositoryName": name,
                "scanOnPush": repository.scan_on_push,
                "scanFrequency": "SCAN_ON_PUSH" if repository.scan_on_push else "MANUAL",
                "appliedScanFilters": filters,
            }
        )
    return {"scanningConfigurations": found, "failures": failures}


# -- account settings --------------------------------------------------------------------------------------------------


@operation()
def get_account_setting(ctx: Context, request: Request) -> Answer:
    """One setting of the registry."""
    name = request["name"]
    if name not in _SETTINGS:
        raise _unknown_setting(name)
    return {"name": name, "value": registry_of(ctx).settings.get(name, _DEFAULTS[name])}


@operation(partial="BASIC_SCAN_TYPE_VERSION changes nothing: nothing scans images")
def put_account_setting(ctx: Context, request: Request) -> Answer:
    """Change one setting of the registry."""
    name, value = request["name"], request["value"]
    if name not in _SETTINGS:
        raise _unknown_setting(name)
    if value not in _SETTINGS[name]:
        raise invalid("value", f"Member must satisfy enum value set: [{', '.join(_SETTINGS[name])}]")
    registry = registry_of(ctx)
    ctx.table(Registry).put(ctx.scope, registry.replace(settings={**registry.settings, name: value}))
    return {"name": name, "value": value}


def _unknown_setting(name: str) -> AwsError:
    return invalid("name", f"Member must satisfy enum value set: [{', '.join(_SETTINGS)}], not {name}")


# -- who does not count as a puller ------------------------------------------------------------------------------------


@operation()
def register_pull_time_update_exclusion(ctx: Context, request: Request) -> Answer:
    """Keep a principal's pulls from changing when images were last pulled."""
    arn, registry = request["principalArn"], registry_of(ctx)
    if arn in registry.pull_time_exclusions:
        message = f"A pull time update exclusion for '{arn}' already exists"
        raise AwsError("ExclusionAlreadyExistsException", message)
    if len(registry.pull_time_exclusions) >= MOST_EXCLUSIONS:
        raise limit(f"The number of pull time update exclusions has reached its limit of {MOST_EXCLUSIONS}")
    changed = registry.replace(pull_time_exclusions=(*registry.pull_time_exclusions, arn))
    ctx.table(Registry).put(ctx.scope, changed)
    return {"principalArn": arn, "createdAt": ctx.clock.utcnow()}


@operation()
def deregister_pull_time_update_exclusion(ctx: Context, request: Request) -> Answer:
    """Let a principal's pulls count again."""
    arn, registry = request["principalArn"], registry_of(ctx)
    if arn not in registry.pull_time_exclusions:
        message = f"A pull time update exclusion for '{arn}' does not exist"
        raise AwsError("ExclusionNotFoundException", message)
    kept = tuple(each for each in registry.pull_time_exclusions if each != arn)
    ctx.table(Registry).put(ctx.scope, registry.replace(pull_time_exclusions=kept))
    return {"principalArn": arn}


@operation()
def list_pull_time_update_exclusions(ctx: Context, request: Request) -> Answer:
    """Principals whose pulls do not count."""
    rows, more = page(registry_of(ctx).pull_time_exclusions, request, str)
    return {"pullTimeUpdateExclusions": rows, **more}
