"""Every operation of ECR and ECR Public over the wire: what is there answers, what is not says so."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import botocore.exceptions
import pytest
from tests.support.aws import Account

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]})  # fmt: skip
_REPLICATE = {"Effect": "Allow", "Principal": {"AWS": "222233334444"}, "Action": "ecr:ReplicateImage", "Resource": "*"}
REGISTRY_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [_REPLICATE]})
LIFECYCLE = json.dumps({"rules": [{"rulePriority": 1, "description": "keep a thousand", "action": {"type": "expire"},
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1000}}]})  # fmt: skip
NOT_THERE = {
    "ecr": {
        "start_image_scan", "describe_image_signing_status", "get_signing_configuration", "put_signing_configuration",
        "delete_signing_configuration", "start_replication_backfill", "stop_replication_backfill",
        "list_replication_backfills", "describe_replication_backfill_results",
    },
    "ecr-public": set(),
}  # fmt: skip


class Recorder:
    """A boto3 client that remembers what was called."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._client, name)

    def operations(self) -> set[str]:
        """Every operation that the service has, in snake case."""
        return set(self._client.meta.method_to_api_mapping)


def push(client: Any, repository: str, content: bytes, tag: str) -> tuple[str, str]:
    """Push an image of one layer through the API; the digests of the image and its layer."""
    blobs = []
    for data in (b"{}", content):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        named = {"repositoryName": repository}
        named["uploadId"] = client.initiate_layer_upload(repositoryName=repository)["uploadId"]
        client.upload_layer_part(partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data, **named)
        client.complete_layer_upload(layerDigests=[digest], **named)
        blobs.append({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(data)})
    manifest = {"schemaVersion": 2, "config": blobs[0], "layers": blobs[1:]}
    put = client.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
    return put["image"]["imageId"]["imageDigest"], blobs[1]["digest"]


def code(call: Any, **parameters: Any) -> str:
    """The error code that a call ends with."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def test_ecr(account: Account) -> None:
    ecr = Recorder(account.ecr)
    named = {"repositoryName": "web"}
    arn = ecr.create_repository(**named)["repository"]["repositoryArn"]
    assert ecr.describe_repositories()["repositories"][0]["repositoryArn"] == arn
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "b"}])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "a", "Value": "b"}]
    ecr.untag_resource(resourceArn=arn, tagKeys=["a"])
    ecr.put_image_tag_mutability(imageTagMutability="IMMUTABLE", **named)
    ecr.put_image_scanning_configuration(imageScanningConfiguration={"scanOnPush": True}, **named)
    digest, layer = push(ecr, "web", b"layer", "v1")
    assert ecr.batch_check_layer_availability(layerDigests=[layer], **named)["layers"][0]["layerSize"] == 5
    assert "/blobs/" in ecr.get_download_url_for_layer(layerDigest=layer, **named)["downloadUrl"]
    image = {"imageTag": "v1"}
    assert ecr.batch_get_image(imageIds=[image], **named)["images"][0]["imageId"]["imageDigest"] == digest
    assert ecr.describe_images(imageIds=[image], **named)["imageDetails"][0]["imageTags"] == ["v1"]
    assert ecr.list_images(**named)["imageIds"] == [{"imageDigest": digest, "imageTag": "v1"}]
    assert ecr.list_image_referrers(subjectId={"imageDigest": digest}, **named)["referrers"] == []
    assert ecr.describe_image_scan_findings(imageId=image, **named)["imageScanStatus"]["status"] == "FAILED"
    assert ecr.describe_image_replication_status(imageId=image, **named)["replicationStatuses"] == []
    stored = ecr.update_image_storage_class(imageId=image, targetStorageClass="ARCHIVE", **named)
    assert stored["imageStatus"] == "ARCHIVED"

    ecr.set_repository_policy(policyText=POLICY, **named)
    assert ecr.get_repository_policy(**named)["policyText"] == POLICY
    ecr.delete_repository_policy(**named)
    assert code(ecr.get_repository_policy, **named) == "RepositoryPolicyNotFoundException"
    ecr.put_lifecycle_policy(lifecyclePolicyText=LIFECYCLE, **named)
    ecr.start_lifecycle_policy_preview(**named)
    account._clients["ecr"].get_waiter("lifecycle_policy_preview_complete").wait(**named)
    assert ecr.get_lifecycle_policy_preview(**named)["summary"] == {"expiringImageTotalCount": 0}
    assert ecr.get_lifecycle_policy(**named)["lifecyclePolicyText"] == LIFECYCLE
    ecr.delete_lifecycle_policy(**named)

    assert ecr.batch_delete_image(imageIds=[image], **named)["imageIds"][0]["imageDigest"] == digest
    ecr.delete_repository(**named)
    assert code(ecr.describe_repositories, repositoryNames=["web"]) == "RepositoryNotFoundException"

    token = ecr.get_authorization_token()["authorizationData"][0]
    assert token["proxyEndpoint"] == f"http://localhost:{account.cloud.port}"
    assert 43_100 < token["expiresAt"].timestamp() - account.now() <= 43_200
    ecr.put_registry_policy(policyText=REGISTRY_POLICY)
    assert ecr.get_registry_policy()["policyText"] == REGISTRY_POLICY
    ecr.delete_registry_policy()
    rules = [{"destinations": [{"region": "eu-west-1", "registryId": account.number}]}]
    ecr.put_replication_configuration(replicationConfiguration={"rules": rules})
    assert ecr.describe_registry()["replicationConfiguration"]["rules"] == rules
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}]
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=rules)
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"]["rules"] == rules
    assert ecr.batch_get_repository_scanning_configuration(repositoryNames=["web"])["failures"]
    ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    assert ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"
    role = f"arn:aws:iam::{account.number}:role/ci"
    ecr.register_pull_time_update_exclusion(principalArn=role)
    assert ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == [role]
    ecr.deregister_pull_time_update_exclusion(principalArn=role)

    rule = {"ecrRepositoryPrefix": "pub"}
    ecr.create_pull_through_cache_rule(upstreamRegistryUrl="public.ecr.aws", **rule)
    assert ecr.validate_pull_through_cache_rule(**rule)["isValid"]
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"][0]["upstreamRegistry"] == "ecr-public"
    ecr.update_pull_through_cache_rule(**rule)
    ecr.delete_pull_through_cache_rule(**rule)
    ecr.create_repository_creation_template(prefix="ROOT", appliedFor=["CREATE_ON_PUSH"])
    ecr.update_repository_creation_template(prefix="ROOT", description="all")
    templates = ecr.describe_repository_creation_templates()["repositoryCreationTemplates"]
    assert templates[0]["description"] == "all"
    ecr.delete_repository_creation_template(prefix="ROOT")

    assert ecr.operations() - ecr.called == NOT_THERE["ecr"]
    assert code(account.ecr.start_image_scan, imageId=image, **named) == "NotImplemented"


def test_ecr_public(account: Account) -> None:
    public = Recorder(getattr(account, "ecr-public"))
    named = {"repositoryName": "base"}
    made = public.create_repository(catalogData={"description": "a base"}, tags=[{"Key": "a", "Value": "b"}], **named)
    arn = made["repository"]["repositoryArn"]
    assert arn == f"arn:aws:ecr-public::{account.number}:repository/base"
    assert public.get_repository_catalog_data(**named)["catalogData"] == {"description": "a base"}
    changed = public.put_repository_catalog_data(catalogData={"aboutText": "about"}, **named)
    assert changed["catalogData"] == {"description": "a base", "aboutText": "about"}
    digest, layer = push(public, "base", b"layer", "1")
    assert public.batch_check_layer_availability(layerDigests=[layer], **named)["layers"][0]["layerSize"] == 5
    assert public.describe_images(**named)["imageDetails"][0]["imageDigest"] == digest
    assert public.describe_image_tags(**named)["imageTagDetails"][0]["imageTag"] == "1"
    assert public.describe_repositories()["repositories"][0]["repositoryArn"] == arn
    alias = public.describe_registries()["registries"][0]["aliases"][0]["name"]
    assert f"/public.ecr.aws/{alias}/base" in made["repository"]["repositoryUri"]
    public.put_registry_catalog_data(displayName="us")
    assert public.get_registry_catalog_data()["registryCatalogData"] == {"displayName": "us"}
    public.set_repository_policy(policyText=POLICY, **named)
    assert public.get_repository_policy(**named)["policyText"] == POLICY
    public.delete_repository_policy(**named)
    public.tag_resource(resourceArn=arn, tags=[{"Key": "c", "Value": "d"}])
    public.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert public.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "c", "Value": "d"}]
    assert public.get_authorization_token()["authorizationData"]["authorizationToken"]
    assert public.batch_delete_image(imageIds=[{"imageTag": "1"}], **named)["failures"] == []
    public.delete_repository(**named)
    assert public.operations() - public.called == NOT_THERE["ecr-public"]
    # Its repositories are not ECR's.
    assert account.ecr.describe_repositories()["repositories"] == []
