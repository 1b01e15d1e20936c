"""A bucket's properties in the words of S3's API, which are not those of templates. Pure.

What moto's S3 would drop from within a property is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cloudarium.services.cloudformation.kinds.calls import picked, refuse

Parameters = dict[str, Any]
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


class Setting(NamedTuple):
    """One property: the call that sets it, and the one that sets it back as it is without."""

    put: str
    said: Callable[[Any], Parameters]
    """From the property's value to the call's parameters."""
    back: str
    as_new: Parameters


def versioning(value: Any) -> Parameters:
    """``VersioningConfiguration``."""
    return {"VersioningConfiguration": {"Status": value["Status"]}}


def ownership(value: Any) -> Parameters:
    """``OwnershipControls``."""
    return {"OwnershipControls": {"Rules": value["Rules"]}}


def public_access(value: Any) -> Parameters:
    """``PublicAccessBlockConfiguration``: what is left out is false."""
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return {"PublicAccessBlockConfiguration": {name: value.get(name, False) for name in names}}


def acl(value: Any) -> Parameters:
    """``AccessControl``: ``PublicReadWrite`` is ``public-read-write``."""
    return {"ACL": _WORDS.sub("-", value).lower()}


def encryption(value: Any) -> Parameters:
    """``BucketEncryption``: S3 takes one rule."""
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        refuse("AWS::S3::Bucket BucketEncryption", rule, ["BlockedEncryptionTypes"])
        named = {"ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault")}
        rules.append({**_there(named), **picked(rule, ["BucketKeyEnabled"])})
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def cors(value: Any) -> Parameters:
    """``CorsConfiguration``."""
    names = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    return {"CORSConfiguration": {"CORSRules": [_renamed(rule, names) for rule in value["CorsRules"]]}}


def accelerate(value: Any) -> Parameters:
    """``AccelerateConfiguration``."""
    return {"AccelerateConfiguration": {"Status": value["AccelerationStatus"]}}


def website(value: Any) -> Parameters:
    """``WebsiteConfiguration``."""
    said: Parameters = picked(value, ["RedirectAllRequestsTo"])
    if "IndexDocument" in value:
        said["IndexDocument"] = {"Suffix": value["IndexDocument"]}
    if "ErrorDocument" in value:
        said["ErrorDocument"] = {"Key": value["ErrorDocument"]}
    if rules := value.get("RoutingRules"):
        names = {"RedirectRule": "Redirect", "RoutingRuleCondition": "Condition"}
        said["RoutingRules"] = [_renamed(rule, names) for rule in rules]
    return {"WebsiteConfiguration": said}


def lock(value: Any) -> Parameters:
    """``ObjectLockConfiguration``."""
    retention = value.get("Rule", {}).get("DefaultRetention", {})
    refuse("AWS::S3::Bucket ObjectLockConfiguration.Rule.DefaultRetention", retention, ["DefaultEventHold"])
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": value.get("ObjectLockEnabled", "Enabled"), **value}}


def notifications(value: Any) -> Parameters:
    """``NotificationConfiguration``: a template has one event per entry."""
    said: Parameters = {}
    for names, target, entries in (
        ("LambdaConfigurations", ("Function", "LambdaFunctionArn"), "LambdaFunctionConfigurations"),
        ("QueueConfigurations", ("Queue", "QueueArn"), "QueueConfigurations"),
        ("TopicConfigurations", ("Topic", "TopicArn"), "TopicConfigurations"),
    ):
        for each in value.get(names, []):
            entry: Parameters = {target[1]: each[target[0]], "Events": [each["Event"]]}
            if "Filter" in each:
                rules = [{"Name": r["Name"].lower(), "Value": r["Value"]} for r in each["Filter"]["S3Key"]["Rules"]]
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            said.setdefault(entries, []).append(entry)
    if value.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", False):
        said["EventBridgeConfiguration"] = {}
    return {"NotificationConfiguration": said}


def replication(value: Any) -> Parameters:
    """``ReplicationConfiguration``. moto keeps of a rule where to, its priority and its state."""
    where = "AWS::S3::Bucket ReplicationConfiguration.Rules"
    rules = []
    for rule in value["Rules"]:
        refuse(where, rule, ["SourceSelectionCriteria", *(["Prefix"] if rule.get("Prefix") else [])])
        if rule.get("Filter", {}).get("Prefix", "") != "" or set(rule.get("Filter", {})) - {"Prefix"}:
            refuse(where, rule, ["Filter"])
        if rule.get("DeleteMarkerReplication", {}).get("Status", "Disabled") != "Disabled":
            refuse(where, rule, ["DeleteMarkerReplication"])
        rules.append(_renamed(rule, {"Id": "ID"}))
    return {"ReplicationConfiguration": {"Role": value["Role"], "Rules": rules}}


def lifecycle(value: Any) -> Parameters:
    """``LifecycleConfiguration``."""
    where = "AWS::S3::Bucket LifecycleConfiguration"
    if value.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K") != "all_storage_classes_128K":
        refuse(where, value, ["TransitionDefaultMinimumObjectSize"])
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(f"{where}.Rules", rule) for rule in value["Rules"]]}}


def _lifecycle_rule(where: str, rule: Any) -> Parameters:
    refuse(where, rule, ["ObjectSizeGreaterThan", "ObjectSizeLessThan"])
    refuse(f"{where}.NoncurrentVersionExpiration", rule.get("NoncurrentVersionExpiration"), ["NewerNoncurrentVersions"])
    said: Parameters = {"Status": rule["Status"], "Filter": _filter(rule.get("Prefix"), rule.get("TagFilters", []))}
    if "Id" in rule:
        said["ID"] = rule["Id"]
    names = {"ExpirationDate": "Date", "ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": None}
    if expiration := _renamed(picked(rule, names), names):
        said["Expiration"] = expiration
    names = {"TransitionDate": "Date", "TransitionInDays": "Days"}
    if transitions := [*rule.get("Transitions", []), *_one(rule, "Transition")]:
        said["Transitions"] = [_stored(_renamed(each, names)) for each in transitions]
    names = {"TransitionInDays": "NoncurrentDays"}
    if transitions := [*rule.get("NoncurrentVersionTransitions", []), *_one(rule, "NoncurrentVersionTransition")]:
        said["NoncurrentVersionTransitions"] = [_stored(_renamed(each, names)) for each in transitions]
    if "NoncurrentVersionExpirationInDays" in rule:
        said["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    return said | picked(rule, ["NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"])


def _filter(prefix: str | None, tags: list[Any]) -> Parameters:
    if len(tags) > 1 or (tags and prefix is not None):
        return {"And": {"Tags": tags, **({} if prefix is None else {"Prefix": prefix})}}
    return {"Tag": tags[0]} if tags else {"Prefix": prefix or ""}


def _stored(transition: Parameters) -> Parameters:
    # Templates may spell the oldest class in two ways.
    return {**transition, "StorageClass": transition["StorageClass"].upper()}


def _one(rule: Any, name: str) -> Iterable[Any]:
    return [rule[name]] if name in rule else []


def _renamed(value: Any, names: dict[str, Any]) -> Parameters:
    return {names.get(name) or name: inner for name, inner in value.items()}


def _there(value: Parameters) -> Parameters:
    return {name: inner for name, inner in value.items() if inner is not None}


SETTINGS: dict[str, Setting] = {
    "OwnershipControls": Setting("put_bucket_ownership_controls", ownership, "delete_bucket_ownership_controls", {}),
    "PublicAccessBlockConfiguration": Setting(
        "put_public_access_block", public_access, "delete_public_access_block", {}
    ),
    "AccessControl": Setting("put_bucket_acl", acl, "put_bucket_acl", acl("Private")),
    "VersioningConfiguration": Setting(
        "put_bucket_versioning", versioning, "put_bucket_versioning", versioning({"Status": "Suspended"})
    ),
    "ObjectLockConfiguration": Setting(
        "put_object_lock_configuration", lock, "put_object_lock_configuration", lock({"ObjectLockEnabled": "Enabled"})
    ),
    "BucketEncryption": Setting("put_bucket_encryption", encryption, "delete_bucket_encryption", {}),
    "LifecycleConfiguration": Setting("put_bucket_lifecycle_configuration", lifecycle, "delete_bucket_lifecycle", {}),
    "CorsConfiguration": Setting("put_bucket_cors", cors, "delete_bucket_cors", {}),
    "WebsiteConfiguration": Setting("put_bucket_website", website, "delete_bucket_website", {}),
    "AccelerateConfiguration": Setting(
        "put_bucket_accelerate_configuration",
        accelerate,
        "put_bucket_accelerate_configuration",
        accelerate({"AccelerationStatus": "Suspended"}),
    ),
    "NotificationConfiguration": Setting(
        "put_bucket_notification_configuration",
        notifications,
        "put_bucket_notification_configuration",
        notifications({}),
    ),
    "ReplicationConfiguration": Setting("put_bucket_replication", replication, "delete_bucket_replication", {}),
}
"""By property, in the order in which S3 needs them: replication and locks need versions, ACLs need ownership."""
