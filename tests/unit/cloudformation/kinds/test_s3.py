"""S3's kinds: every property of a bucket is what S3 says of it afterwards, and away again when it is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

ROLE = "arn:aws:iam::111122223333:role/replicates"
SETTINGS: dict[str, tuple[Any, str, Any]] = {
    "AccessControl": ("AuthenticatedRead", "get_bucket_acl", lambda a: len(a["Grants"]) == 2),
    "AccelerateConfiguration": (
        {"AccelerationStatus": "Enabled"},
        "get_bucket_accelerate_configuration",
        lambda a: a.get("Status") == "Enabled",
    ),
    "BucketEncryption": (
        {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"},
                    "BucketKeyEnabled": True,
                }
            ]
        },
        "get_bucket_encryption",
        lambda a: (
            a["ServerSideEncryptionConfiguration"]["Rules"]
            == [
                {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"},
                    "BucketKeyEnabled": True,
                }
            ]
        ),
    ),
    "CorsConfiguration": (
        {"CorsRules": [{"Id": "i", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 5}]},
        "get_bucket_cors",
        lambda a: (
            a["CORSRules"] == [{"ID": "i", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]
        ),
    ),
    "LifecycleConfiguration": (
        {
            "Rules": [
                {"Id": "a", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
                {"Id": "b", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
                {
                    "Id": "c",
                    "Status": "Disabled",
                    "Prefix": "logs/",
                    "TagFilters": [{"Key": "k", "Value": "v"}],
                    "ExpirationInDays": 9,
                    "Transition": {"StorageClass": "Glacier", "TransitionInDays": 3},
                    "NoncurrentVersionTransitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 4}],
                },
                {"Id": "d", "Status": "Enabled", "NoncurrentVersionExpirationInDays": 5, "Prefix": "x"},
            ]
        },
        "get_bucket_lifecycle_configuration",
        lambda a: (
            a["Rules"]
            == [
                {
                    "ID": "a",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                },
                {
                    "ID": "b",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
                {
                    "ID": "c",
                    "Status": "Disabled",
                    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "k", "Value": "v"}]}},
                    "Expiration": {"Days": 9},
                    "Transitions": [{"Days": 3, "StorageClass": "GLACIER"}],
                    "NoncurrentVersionTransitions": [{"NoncurrentDays": 4, "StorageClass": "STANDARD_IA"}],
                },
                {
                    "ID": "d",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "x"},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
                },
            ]
        ),
    ),
    "NotificationConfiguration": (
        {
            "QueueConfigurations": [
                {
                    "Event": "s3:ObjectCreated:*",
                    "Queue": "arn:aws:sqs:eu-west-1:111122223333:q",
                    "Filter": {"S3Key": {"Rules": [{"Name": "Prefix", "Value": "in/"}]}},
                }
            ],
            "LambdaConfigurations": [
                {"Event": "s3:ObjectRemoved:*", "Function": "arn:aws:lambda:eu-west-1:111122223333:function:f"}
            ],
        },
        "get_bucket_notification_configuration",
        lambda a: (
            a["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "in/"}]
            and a["LambdaFunctionConfigurations"][0]["Events"] == ["s3:ObjectRemoved:*"]
        ),
    ),
    "OwnershipControls": (
        {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        "get_bucket_ownership_controls",
        lambda a: a["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "ObjectWriter"}],
    ),
    "PublicAccessBlockConfiguration": (
        {"BlockPublicAcls": True},
        "get_public_access_block",
        lambda a: (
            a["PublicAccessBlockConfiguration"]
            == {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": False,
                "BlockPublicPolicy": False,
                "RestrictPublicBuckets": False,
            }
        ),
    ),
    "VersioningConfiguration": (
        {"Status": "Enabled"},
        "get_bucket_versioning",
        lambda a: a.get("Status") == "Enabled",
    ),
    "WebsiteConfiguration": (
        {
            "IndexDocument": "index.html",
            "ErrorDocument": "no.html",
            "RoutingRules": [
                {"RedirectRule": {"HostName": "h"}, "RoutingRuleCondition": {"KeyPrefixEquals": "x/"}},
            ],
        },
        "get_bucket_website",
        lambda a: (
            (a["IndexDocument"], a["ErrorDocument"], a["RoutingRules"])
            == (
                {"Suffix": "index.html"},
                {"Key": "no.html"},
                [{"Condition": {"KeyPrefixEquals": "x/"}, "Redirect": {"HostName": "h"}}],
            )
        ),
    ),
}
"""By property: a value, the call that tells it, and whether its answer says so."""


def told(s3: Any, bucket: str, property_: str) -> bool:
    _, call, says = SETTINGS[property_]
    try:
        return bool(says(getattr(s3, call)(Bucket=bucket)))
    except (ClientError, KeyError):
        return False


@pytest.mark.parametrize("property_", SETTINGS)
def test_each_property_is_set_and_taken_back(stack: Any, property_: str) -> None:
    s3 = stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket", **{property_: SETTINGS[property_][0]})
    assert told(s3, bucket.physical_id, property_)
    bucket.update()
    assert not told(s3, bucket.physical_id, property_)
    bucket.update(**{property_: SETTINGS[property_][0]})
    assert told(s3, bucket.physical_id, property_)
    bucket.delete()


def test_all_properties_at_once(stack: Any) -> None:
    s3 = stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket", **{name: value for name, (value, _, _) in SETTINGS.items()})
    assert [name for name in SETTINGS if not told(s3, bucket.physical_id, name)] == []
    bucket.delete()
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=bucket.physical_id)


def test_names_and_addresses(stack: Any) -> None:
    bucket = stack.create("AWS::S3::Bucket", "L" * 80)
    name = bucket.physical_id
    assert len(name) == 63 and name == name.lower() and name.endswith(bucket.name[-13:].lower())
    assert bucket.attributes == {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.eu-west-1.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.eu-west-1.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-eu-west-1.amazonaws.com",
    }


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_name_that_is_taken_fails_and_stays_as_it_was(stack: Any, region: str) -> None:
    s3 = stack.client("s3", region=region)
    name = f"taken-{region}"
    there = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **there)
    resource = stack.resource("AWS::S3::Bucket", region=region)
    with pytest.raises(Failed, match=rf"'AWS::S3::Bucket' with identifier '{name}' already exists"):
        resource.create(BucketName=name, VersioningConfiguration={"Status": "Enabled"})
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    s3.get_bucket_location(Bucket=resource.create(BucketName=f"free-{region}").physical_id)


def test_only_an_empty_bucket_is_deleted(stack: Any) -> None:
    s3 = stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket")
    s3.put_object(Bucket=bucket.physical_id, Key="k", Body=b"")
    with pytest.raises(AwsError, match="BucketNotEmpty"):
        bucket.delete()
    s3.delete_object(Bucket=bucket.physical_id, Key="k")
    bucket.delete()


def test_tags(stack: Any) -> None:
    s3 = stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket", Tags=[{"Key": "a", "Value": "1"}])

    def tags() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket.physical_id)["TagSet"]}

    assert tags() == {"a": "1", "of-the-stack": "yes"}
    bucket.update(Tags=[{"Key": "b", "Value": "2"}])
    assert tags() == {"b": "2", "of-the-stack": "yes"}
    by_others = [{"Key": key, "Value": value} for key, value in {**tags(), "others": "x"}.items()]
    s3.put_bucket_tagging(Bucket=bucket.physical_id, Tagging={"TagSet": by_others})
    bucket.update()
    assert tags() == {"others": "x", "of-the-stack": "yes"}


def test_object_lock(stack: Any) -> None:
    s3 = stack.client("s3")
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    said = {"ObjectLockEnabled": True, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}
    locked = stack.create("AWS::S3::Bucket", "Locked", **said)
    made = s3.get_object_lock_configuration(Bucket=locked.physical_id)["ObjectLockConfiguration"]
    assert (made["ObjectLockEnabled"], made["Rule"]["DefaultRetention"]["Days"]) == ("Enabled", 3)
    with pytest.raises(Failed, match="cannot be disabled"):
        locked.update()
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    later = stack.create("AWS::S3::Bucket", "Later", **versioned)
    later.update(**versioned, ObjectLockEnabled=True)
    assert s3.get_object_lock_configuration(Bucket=later.physical_id)["ObjectLockConfiguration"]


def test_logging_and_replication(stack: Any) -> None:
    s3 = stack.client("s3")
    target = stack.create("AWS::S3::Bucket", "Target", AccessControl="LogDeliveryWrite").physical_id
    logging = {"DestinationBucketName": target, "LogFilePrefix": "p/"}
    destination = {"Bucket": f"arn:aws:s3:::{target}"}
    rule = {"Id": "r", "Status": "Enabled", "Prefix": "", "Destination": destination}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    replication = {"ReplicationConfiguration": {"Role": ROLE, "Rules": [rule]}}
    bucket = stack.create("AWS::S3::Bucket", **versioned, **replication, LoggingConfiguration=logging)
    enabled = s3.get_bucket_logging(Bucket=bucket.physical_id)["LoggingEnabled"]
    assert (enabled["TargetBucket"], enabled["TargetPrefix"]) == (target, "p/")
    made = s3.get_bucket_replication(Bucket=bucket.physical_id)["ReplicationConfiguration"]
    assert (made["Role"], made["Rules"][0]["Destination"]) == (ROLE, destination)
    bucket.update(**versioned)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket.physical_id)
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFound"):
        s3.get_bucket_replication(Bucket=bucket.physical_id)


def lifecycle(**more: Any) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 1, **more}]}}


def replication(**more: Any) -> dict[str, Any]:
    rule = {"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::t"}, **more}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    return {**versioned, "ReplicationConfiguration": {"Role": ROLE, "Rules": [rule]}}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (lifecycle(ObjectSizeGreaterThan="5"), r"LifecycleConfiguration.Rules.ObjectSizeGreaterThan"),
        (
            lifecycle(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}),
            "NewerNoncurrentVersions",
        ),
        (
            {
                "LifecycleConfiguration": {
                    **lifecycle()["LifecycleConfiguration"],
                    "TransitionDefaultMinimumObjectSize": "varies_by_storage_class",
                }
            },
            "TransitionDefaultMinimumObjectSize",
        ),
        (
            {"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"BlockedEncryptionTypes": {}}]}},
            "BlockedEncryptionTypes",
        ),
        (replication(Filter={"Prefix": "x"}), "Rules.Filter"),
        (replication(Prefix="x"), "Rules.Prefix"),
        (replication(DeleteMarkerReplication={"Status": "Enabled"}), "DeleteMarkerReplication"),
        (replication(SourceSelectionCriteria={}), "SourceSelectionCriteria"),
        ({"LoggingConfiguration": {"TargetObjectKeyFormat": {}}}, "TargetObjectKeyFormat"),
    ],
)
def test_what_s3_would_drop_is_refused_by_name(stack: Any, said: dict[str, Any], named: str) -> None:
    with pytest.raises(AwsError, match=rf"{named} is not implemented in Cloudarium yet"):
        stack.create("AWS::S3::Bucket", **said)


def test_a_bucket_policy(stack: Any) -> None:
    s3 = stack.client("s3")
    bucket = stack.create("AWS::S3::Bucket", "Bucket").physical_id

    def policy(sid: str) -> dict[str, Any]:
        resource = f"arn:aws:s3:::{bucket}/*"
        return {"Statement": [{"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resource}]}

    made = stack.create("AWS::S3::BucketPolicy", Bucket=bucket, PolicyDocument=policy("a"))
    assert made.physical_id == bucket
    with pytest.raises(Failed, match=f"The bucket policy already exists on bucket {bucket}"):
        stack.create("AWS::S3::BucketPolicy", Bucket=bucket, PolicyDocument=policy("b"))
    made.update(Bucket=bucket, PolicyDocument=policy("c"))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy("c")
    made.delete()
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)
