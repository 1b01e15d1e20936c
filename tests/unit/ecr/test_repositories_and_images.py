"""What repositories and images do, through the API's operations."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.unit.ecr.conftest import ACCOUNT, INDEX, SCOPE, Api

from cloudarium.services.ecr import replication
from cloudarium.services.ecr.lifecycle.run import PERIOD

OTHER = "222233334444"
DAY = 86_400.0


def actions(api: Api) -> list[tuple[str, str]]:
    """Kind and tag of every image event so far."""
    found = [each.detail for each in api.cloud.events.recent(SCOPE) if each.detail_type == "ECR Image Action"]
    return [(each["action-type"], each["image-tag"]) for each in reversed(found)]


async def index_of(api: Api, repository: str, *digests: str, tag: str = "") -> str:
    """Push an index of images; its digest."""
    rows = [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": each, "size": 1} for each in digests]
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows})
    named = {"imageTag": tag} if tag else {}
    put = await api("put_image", repositoryName=repository, imageManifest=text, **named)
    return str(put["image"]["imageId"]["imageDigest"])


# -- repositories ------------------------------------------------------------------------------------------------------


async def test_repositories(api: Api) -> None:
    made = (await api("create_repository", repositoryName="a/b", tags=[{"Key": "k", "Value": "v"}]))["repository"]
    assert made["repositoryArn"] == f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/a/b"
    assert made["repositoryUri"] == f"localhost:4599/{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/a/b"
    assert (await api("list_tags_for_resource", resourceArn=made["repositoryArn"]))["tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    again = await api.error("create_repository", repositoryName="a/b")
    assert again.message == f"The repository with name 'a/b' already exists in the registry with id '{ACCOUNT}'"
    for name in ("c", "d", "e"):
        await api("create_repository", repositoryName=f"x/{name}")
    first = await api("describe_repositories", maxResults=3)
    rest = await api("describe_repositories", maxResults=3, nextToken=first["nextToken"])
    assert [row["repositoryName"] for row in first["repositories"] + rest["repositories"]] == [
        "a/b", "x/c", "x/d", "x/e"
    ]  # fmt: skip
    assert "nextToken" not in rest
    assert (
        await api.error("describe_repositories", maxResults=3, nextToken="eA==")
    ).code == "InvalidParameterException"
    missing = await api.error("describe_repositories", repositoryNames=["nope"])
    assert missing.message == f"The repository with name 'nope' does not exist in the registry with id '{ACCOUNT}'"
    assert "must satisfy regular expression" in (await api.error("create_repository", repositoryName="Upper")).message
    assert (await api.error("describe_repositories", registryId=OTHER)).code == "AccessDeniedException"


async def test_delete_needs_force_for_images(api: Api, repository: str) -> None:
    await api.push(repository, b"one", "v1")
    assert (await api.error("delete_repository", repositoryName=repository)).code == "RepositoryNotEmptyException"
    await api("delete_repository", repositoryName=repository, force=True)
    await api("create_repository", repositoryName=repository)
    assert (await api("list_images", repositoryName=repository))["imageIds"] == []
    # Nor are its layers there for the next one of this name.
    check = await api("batch_check_layer_availability", repositoryName=repository, layerDigests=["sha256:" + "0" * 64])
    assert check["layers"][0]["layerAvailability"] == "UNAVAILABLE"


async def test_kms_is_refused_by_name(api: Api) -> None:
    kms = {"encryptionType": "KMS"}
    error = await api.error("create_repository", repositoryName="kms", encryptionConfiguration=kms)
    assert (error.code, "KMS" in error.message) == ("NotImplemented", True)


async def test_repository_policy_opens_to_another_account(api: Api, repository: str) -> None:
    digest = await api.push(repository, b"one", "v1")
    asked = {"registryId": ACCOUNT, "repositoryName": repository, "imageIds": [{"imageTag": "v1"}]}
    assert (await api.error("batch_get_image", who=OTHER, **asked)).code == "AccessDeniedException"
    allow = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": ["ecr:BatchGetImage"]}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await api("set_repository_policy", repositoryName=repository, policyText=text)
    assert (await api("get_repository_policy", repositoryName=repository))["policyText"] == text
    got = await api("batch_get_image", who=OTHER, **asked)
    assert got["images"][0]["imageId"]["imageDigest"] == digest
    assert (await api.error("put_image", who=OTHER, registryId=ACCOUNT, repositoryName=repository,
                            imageManifest="{}")).code == "AccessDeniedException"  # fmt: skip
    # A policy that denies everything still lets its own account take it back.
    lock = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}]})
    assert "use force" in (await api.error("set_repository_policy", repositoryName=repository, policyText=lock)).message
    await api("set_repository_policy", repositoryName=repository, policyText=lock, force=True)
    assert (await api.error("list_images", repositoryName=repository)).code == "AccessDeniedException"
    await api("delete_repository_policy", repositoryName=repository)
    assert (await api("list_images", repositoryName=repository))["imageIds"]


# -- images ------------------------------------------------------------------------------------------------------------


async def test_layers_in_parts(api: Api, repository: str) -> None:
    upload = (await api("initiate_layer_upload", repositoryName=repository))["uploadId"]
    named = {"repositoryName": repository, "uploadId": upload}
    empty = await api.error("complete_layer_upload", layerDigests=["sha256:" + "0" * 64], **named)
    assert empty.code == "EmptyUploadException"
    big = b"x" * (5 * 1024 * 1024)
    await api("upload_layer_part", partFirstByte=0, partLastByte=len(big) - 1, layerPartBlob=big, **named)
    wrong = await api.error("upload_layer_part", partFirstByte=7, partLastByte=8, layerPartBlob=b"ab", **named)
    assert (wrong.code, wrong.members["lastValidByteReceived"]) == ("InvalidLayerPartException", len(big) - 1)
    for _ in range(2):
        at = len(big) + _ * 2
        await api("upload_layer_part", partFirstByte=at, partLastByte=at + 1, layerPartBlob=b"ab", **named)
    # Only the last part may be below five mebibytes.
    short = await api.error("complete_layer_upload", layerDigests=["sha256:" + "0" * 64], **named)
    assert short.code == "LayerPartTooSmallException"
    named["uploadId"] = "00000000-0000-4000-8000-000000000000"
    unknown = await api.error("complete_layer_upload", layerDigests=["sha256:" + "0" * 64], **named)
    assert unknown.code == "UploadNotFoundException"


async def test_a_wrong_digest_is_refused(api: Api, repository: str) -> None:
    upload = (await api("initiate_layer_upload", repositoryName=repository))["uploadId"]
    named = {"repositoryName": repository, "uploadId": upload}
    await api("upload_layer_part", partFirstByte=0, partLastByte=0, layerPartBlob=b"a", **named)
    error = await api.error("complete_layer_upload", layerDigests=["sha256:" + "0" * 64], **named)
    assert error.code == "InvalidLayerException"


async def test_put_and_get(api: Api, repository: str) -> None:
    digest = await api.push(repository, b"one", "v1")
    text = await api.manifest(repository, b"one")
    same = await api.error("put_image", repositoryName=repository, imageManifest=text, imageTag="v1")
    assert same.code == "ImageAlreadyExistsException"
    await api("put_image", repositoryName=repository, imageManifest=text, imageTag="v2")
    ids = [{"imageTag": "v1"}, {"imageDigest": digest}, {"imageTag": "v9"}, {}, {"imageDigest": "sha256:zz"},
           {"imageTag": "v1", "imageDigest": "sha256:" + "0" * 64}]  # fmt: skip
    got = await api("batch_get_image", repositoryName=repository, imageIds=ids)
    assert [each["imageManifest"] for each in got["images"]] == [text, text]
    assert [each["failureCode"] for each in got["failures"]] == [
        "ImageNotFound", "MissingDigestAndTag", "InvalidImageDigest", "ImageTagDoesNotMatchDigest"
    ]  # fmt: skip
    (shown,) = (await api("describe_images", repositoryName=repository))["imageDetails"]
    assert shown["imageTags"] == ["v1", "v2"]
    assert shown["imageSizeInBytes"] == len(text) + len(b"one") + len(b"{}one")
    assert shown["lastRecordedPullTime"] >= shown["imagePushedAt"]
    accepted = await api("batch_get_image", repositoryName=repository, imageIds=ids[:1], acceptedMediaTypes=[INDEX])
    assert accepted["failures"][0]["failureCode"] == "ImageNotFound"
    assert actions(api) == [("PUSH", "v1"), ("PUSH", "v2")]


async def test_missing_parts_are_refused(api: Api, repository: str) -> None:
    absent = "sha256:" + "1" * 64
    document = json.loads(await api.manifest(repository, b"x"))
    document["layers"][0]["digest"] = absent
    error = await api.error("put_image", repositoryName=repository, imageManifest=json.dumps(document))
    assert (error.code, absent in error.message) == ("LayersNotFoundException", True)
    rows = [{"digest": absent, "size": 1, "mediaType": "x"}]
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows})
    error = await api.error("put_image", repositoryName=repository, imageManifest=text)
    assert error.code == "ReferencedImagesNotFoundException"
    wrong = {"repositoryName": repository, "imageManifest": await api.manifest(repository, b"y")}
    assert (await api.error("put_image", imageDigest=absent, **wrong)).code == "ImageDigestDoesNotMatchException"
    assert (await api.error("put_image", imageTag="a b", **wrong)).code == "InvalidParameterException"
    bad = await api.error("put_image", repositoryName=repository, imageManifest="{")
    assert bad.message == "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"


async def test_immutable_tags(api: Api, repository: str) -> None:
    await api.push(repository, b"one", "v1")
    await api.push(repository, b"two", "v1")
    await api("put_image_tag_mutability", repositoryName=repository, imageTagMutability="IMMUTABLE")
    text = await api.manifest(repository, b"three")
    error = await api.error("put_image", repositoryName=repository, imageManifest=text, imageTag="v1")
    assert error.code == "ImageTagAlreadyExistsException"
    assert error.message == (
        f"The image tag 'v1' already exists in the '{repository}' repository and cannot be overwritten because the "
        "repository is immutable."
    )
    await api("put_image", repositoryName=repository, imageManifest=text, imageTag="v2")
    filters = [{"filterType": "WILDCARD", "filter": "v*"}]
    changed = await api(
        "put_image_tag_mutability",
        repositoryName=repository,
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=filters,
    )
    assert changed["imageTagMutabilityExclusionFilters"] == filters
    await api("put_image", repositoryName=repository, imageManifest=text, imageTag="v1")


async def test_deleting(api: Api, repository: str) -> None:
    one = await api.push(repository, b"one", "v1")
    two = await api.push(repository, b"two", "v2")
    both = await index_of(api, repository, one, two, tag="all")
    refused = await api("batch_delete_image", repositoryName=repository, imageIds=[{"imageDigest": one}])
    assert refused["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    # The last tag of an image that a list refers to goes without the image.
    gone = await api("batch_delete_image", repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert gone["imageIds"] == [{"imageDigest": one, "imageTag": "v1"}]
    untagged = await api("list_images", repositoryName=repository, filter={"tagStatus": "UNTAGGED"})
    assert untagged["imageIds"] == [{"imageDigest": one}]
    # Together with the list, in whatever order, they may go.
    ids = [{"imageDigest": one}, {"imageDigest": both}, {"imageTag": "v2"}]
    gone = await api("batch_delete_image", repositoryName=repository, imageIds=ids)
    assert gone["failures"] == []
    assert (await api("list_images", repositoryName=repository))["imageIds"] == []
    assert [each for each in actions(api) if each[0] == "DELETE"] == [
        ("DELETE", "v1"), ("DELETE", "all"), ("DELETE", ""), ("DELETE", "v2")
    ]  # fmt: skip


async def test_artifacts_go_with_their_subject(api: Api, repository: str) -> None:
    image = await api.push(repository, b"one", "v1")
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image, "size": 1}
    signature = await api.push(
        repository, b"signature", subject=subject, artifactType="application/x.sig", annotations={"a": "b"}
    )
    asked = {"repositoryName": repository, "subjectId": {"imageDigest": image}}
    (found,) = (await api("list_image_referrers", **asked))["referrers"]
    assert (found["digest"], found["artifactType"], found["annotations"]) == (
        signature,
        "application/x.sig",
        {"a": "b"},
    )
    none = await api("list_image_referrers", filter={"artifactTypes": ["application/y"]}, **asked)
    assert none["referrers"] == []
    await api("batch_delete_image", repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert (await api("describe_images", repositoryName=repository))["imageDetails"] == []


async def test_archived_images_cannot_be_pulled(api: Api, repository: str) -> None:
    api.cloud.clock.freeze()
    await api.push(repository, b"one", "v1")
    asked = {"repositoryName": repository, "imageId": {"imageTag": "v1"}}
    assert (await api("update_image_storage_class", targetStorageClass="ARCHIVE", **asked))["imageStatus"] == "ARCHIVED"
    got = await api("batch_get_image", repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert got["failures"][0]["failureCode"] == "ImageInaccessible"
    assert (await api("list_images", repositoryName=repository))["imageIds"] == []
    archived = await api("list_images", repositoryName=repository, filter={"imageStatus": "ARCHIVED"})
    assert archived["imageIds"][0]["imageTag"] == "v1"
    back = await api("update_image_storage_class", targetStorageClass="STANDARD", **asked)
    assert back["imageStatus"] == "ACTIVATING"
    await api.cloud.clock.advance(20 * 60)
    got = await api("batch_get_image", repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert got["failures"] == []


async def test_scanning_says_that_it_does_not(api: Api) -> None:
    await api("create_repository", repositoryName="scanned", imageScanningConfiguration={"scanOnPush": True})
    await api.push("scanned", b"one", "v1")
    asked = {"repositoryName": "scanned", "imageId": {"imageTag": "v1"}}
    findings = await api("describe_image_scan_findings", **asked)
    assert findings["imageScanStatus"]["status"] == "FAILED"
    await api("put_image_scanning_configuration", repositoryName="scanned",
              imageScanningConfiguration={"scanOnPush": False})  # fmt: skip
    await api.push("scanned", b"two", "v1")
    assert (await api.error("describe_image_scan_findings", **asked)).code == "ScanNotFoundException"


# -- in time -----------------------------------------------------------------------------------------------------------


def keep_one(pattern: str) -> str:
    selection = {
        "tagStatus": "tagged",
        "tagPatternList": [pattern],
        "countType": "imageCountMoreThan",
        "countNumber": 1,
    }
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


async def test_a_lifecycle_policy_acts_by_the_clock(api: Api, repository: str) -> None:
    api.cloud.clock.freeze()
    for number in range(3):
        await api.push(repository, b"%d" % number, f"v{number}")
        await api.cloud.clock.advance(60)
    named = {"repositoryName": repository}
    assert (await api.error("get_lifecycle_policy", **named)).code == "LifecyclePolicyNotFoundException"
    await api("start_lifecycle_policy_preview", lifecyclePolicyText=keep_one("v*"), **named)
    await api.cloud.clock.advance(0)
    preview = await api("get_lifecycle_policy_preview", **named)
    assert (preview["status"], preview["summary"]) == ("COMPLETE", {"expiringImageTotalCount": 2})
    assert [row["imageTags"] for row in preview["previewResults"]] == [["v0"], ["v1"]]
    assert preview["previewResults"][0]["action"] == {"type": "EXPIRE"}
    await api("put_lifecycle_policy", lifecyclePolicyText=keep_one("v*"), **named)
    await api.cloud.clock.advance(PERIOD - 1)
    assert len((await api("list_images", **named))["imageIds"]) == 3
    await api.cloud.clock.advance(2)
    assert [row["imageTag"] for row in (await api("list_images", **named))["imageIds"]] == ["v2"]
    assert "lastEvaluatedAt" in await api("get_lifecycle_policy", **named)
    await api.push(repository, b"3", "v3")
    await api("delete_lifecycle_policy", **named)
    await api.cloud.clock.advance(2 * DAY)
    assert len((await api("list_images", **named))["imageIds"]) == 2
    assert (await api("get_lifecycle_policy_preview", **named))["status"] == "EXPIRED"


async def test_layers_that_nothing_came_of_are_swept(api: Api, repository: str) -> None:
    api.cloud.clock.freeze()
    await api.push(repository, b"kept", "v1")
    lost = (await api.layer(repository, b"lost"))["digest"]
    asked = {"repositoryName": repository, "layerDigests": [lost]}
    await api.cloud.clock.advance(2 * DAY)
    check = await api("batch_check_layer_availability", **asked)
    assert check["layers"][0]["layerAvailability"] == "UNAVAILABLE"
    text = (await api("batch_get_image", repositoryName=repository, imageIds=[{"imageTag": "v1"}]))["images"][0]
    digests = [each["digest"] for each in json.loads(text["imageManifest"])["layers"]]
    check = await api("batch_check_layer_availability", repositoryName=repository, layerDigests=digests)
    assert check["layers"][0]["layerAvailability"] == "AVAILABLE"


# -- across registries -------------------------------------------------------------------------------------------------


async def test_replication(api: Api) -> None:
    from cloudarium.kernel.store import Scope
    from cloudarium.services.ecr import images

    destinations = [{"region": "eu-west-1", "registryId": ACCOUNT}, {"region": "us-east-1", "registryId": OTHER}]
    filters = [{"filter": "prod", "filterType": "PREFIX_MATCH"}]
    rule = {"destinations": destinations, "repositoryFilters": filters, "deleteReplication": {"enabled": True}}
    await api("put_replication_configuration", replicationConfiguration={"rules": [rule]})
    for name in ("prod/web", "dev/web"):
        await api("create_repository", repositoryName=name)
        await api.push(name, b"one", "v1")
    await api.cloud.clock.advance(0)
    status = await api("describe_image_replication_status", repositoryName="prod/web", imageId={"imageTag": "v1"})
    assert {each["registryId"]: each["status"] for each in status["replicationStatuses"]} == {
        ACCOUNT: "COMPLETE",
        OTHER: "FAILED",  # its registry policy does not let us
    }
    ireland = Scope(ACCOUNT, "eu-west-1")
    assert images.find(api.cloud, ireland, "prod/web", tag="v1") is not None
    assert images.find(api.cloud, ireland, "dev/web", tag="v1") is None
    allow = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["ecr:ReplicateImage"], "Resource": "*"}
    await api("put_registry_policy", who=OTHER, policyText=json.dumps({"Statement": [allow]}))
    await api.push("prod/web", b"two", "v2")
    await api.cloud.clock.advance(0)
    assert images.find(api.cloud, Scope(OTHER, "us-east-1"), "prod/web", tag="v2") is not None
    await api("batch_delete_image", repositoryName="prod/web", imageIds=[{"imageTag": "v2"}])
    await api.cloud.clock.advance(0)
    assert images.find(api.cloud, Scope(OTHER, "us-east-1"), "prod/web", tag="v2") is None
    assert list(replication.Replicator(api.cloud).every()) == []
    same = {"rules": [{"destinations": [{"region": "us-east-1", "registryId": ACCOUNT}]}]}
    assert "same as the source" in (
        await api.error("put_replication_configuration", replicationConfiguration=same)
    ).message  # fmt: skip


async def test_pull_through_from_another_registry_of_the_cloud(api: Api) -> None:
    api.cloud.clock.freeze()
    await api("create_repository", service="ecr-public", repositoryName="base")
    first = await api.push("base", b"one", "1", service="ecr-public")
    alias = (await api("describe_registries", service="ecr-public"))["registries"][0]["aliases"][0]["name"]
    named = {"ecrRepositoryPrefix": "pub"}
    await api("create_pull_through_cache_rule", upstreamRegistryUrl="public.ecr.aws", **named)
    tags = [{"Key": "by", "Value": "template"}]
    await api("create_repository_creation_template", prefix="pub", appliedFor=["PULL_THROUGH_CACHE"], resourceTags=tags)
    asked = {"repositoryName": f"pub/{alias}/base", "imageIds": [{"imageTag": "1"}]}
    got = await api("batch_get_image", **asked)
    assert got["images"][0]["imageId"]["imageDigest"] == first
    made = (await api("describe_repositories"))["repositories"][0]
    assert (await api("list_tags_for_resource", resourceArn=made["repositoryArn"]))["tags"] == tags
    second = await api.push("base", b"two", "1", service="ecr-public")
    # A tag is compared with upstream once a day.
    assert (await api("batch_get_image", **asked))["images"][0]["imageId"]["imageDigest"] == first
    await api.cloud.clock.advance(DAY)
    assert (await api("batch_get_image", **asked))["images"][0]["imageId"]["imageDigest"] == second
    # What was pushed here stays, whatever upstream has under the same tag.
    pushed = await api.push(asked["repositoryName"], b"own", "2")
    await api.push("base", b"three", "2", service="ecr-public")
    own = await api("batch_get_image", repositoryName=asked["repositoryName"], imageIds=[{"imageTag": "2"}])
    assert own["images"][0]["imageId"]["imageDigest"] == pushed
    missing = await api.error("batch_get_image", repositoryName="pub/none/x", imageIds=[{"imageTag": "1"}])
    assert missing.code == "UnableToGetUpstreamImageException"


async def test_pull_through_from_another_account_needs_its_leave(api: Api) -> None:
    await api("create_repository", who=OTHER, repositoryName="base")
    layer = {"who": OTHER, "repositoryName": "base"}
    upload = (await api("initiate_layer_upload", **layer))["uploadId"]
    await api("upload_layer_part", uploadId=upload, partFirstByte=0, partLastByte=1, layerPartBlob=b"{}", **layer)
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    await api("complete_layer_upload", uploadId=upload, layerDigests=[digest], **layer)
    text = json.dumps({"schemaVersion": 2, "config": {"digest": digest, "size": 2}, "layers": []})
    await api("put_image", imageManifest=text, imageTag="1", **layer)
    url = f"{OTHER}.dkr.ecr.us-east-1.amazonaws.com"
    await api("create_pull_through_cache_rule", ecrRepositoryPrefix="theirs", upstreamRegistryUrl=url)
    asked = {"repositoryName": "theirs/base", "imageIds": [{"imageTag": "1"}]}
    assert "is not authorized to perform: ecr:BatchGetImage" in (await api.error("batch_get_image", **asked)).message
    allow = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "ecr:BatchGetImage"}
    await api("set_repository_policy", policyText=json.dumps({"Statement": [allow]}), who=OTHER, repositoryName="base")
    assert (await api("batch_get_image", **asked))["images"][0]["imageManifest"] == text


async def test_pull_through_rules(api: Api) -> None:
    from cloudarium.kernel.errors import AwsError

    def secret(SecretId: str) -> dict[str, str]:
        if "absent" in SecretId:
            raise AwsError("ResourceNotFoundException", "no such secret")
        return {"SecretString": '{"username": "u", "accessToken": "t"}'}

    api.fakes[("secretsmanager", "get_secret_value")] = secret
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:ecr-pullthroughcache/hub-AbCdEf"
    hub = {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}
    assert (await api.error("create_pull_through_cache_rule", **hub)).code == "UnsupportedUpstreamRegistryException"
    absent = await api.error("create_pull_through_cache_rule", credentialArn=arn.replace("hub", "absent"), **hub)
    assert absent.code == "SecretNotFoundException"
    made = await api("create_pull_through_cache_rule", credentialArn=arn, **hub)
    assert made["upstreamRegistry"] == "docker-hub"
    assert (await api("validate_pull_through_cache_rule", ecrRepositoryPrefix="hub"))["isValid"] is True
    assert len((await api("describe_pull_through_cache_rules"))["pullThroughCacheRules"]) == 1
    await api("update_pull_through_cache_rule", ecrRepositoryPrefix="hub", credentialArn=arn)
    await api("delete_pull_through_cache_rule", ecrRepositoryPrefix="hub")
    gone = await api.error("delete_pull_through_cache_rule", ecrRepositoryPrefix="hub")
    assert gone.code == "PullThroughCacheRuleNotFoundException"
    other = {"ecrRepositoryPrefix": "x1", "upstreamRegistryUrl": "example.com"}
    assert (await api.error("create_pull_through_cache_rule", **other)).code == "UnsupportedUpstreamRegistryException"


@pytest.mark.parametrize("prefix", ["ROOT", "team"])
async def test_templates(api: Api, prefix: str) -> None:
    settings = {"appliedFor": ["CREATE_ON_PUSH"], "imageTagMutability": "IMMUTABLE", "description": "d"}
    await api("create_repository_creation_template", prefix=prefix, **settings)
    again = await api.error("create_repository_creation_template", prefix=prefix, **settings)
    assert again.code == "TemplateAlreadyExistsException"
    changed = await api("update_repository_creation_template", prefix=prefix, description="e")
    assert changed["repositoryCreationTemplate"]["imageTagMutability"] == "IMMUTABLE"
    (shown,) = (await api("describe_repository_creation_templates"))["repositoryCreationTemplates"]
    assert (shown["description"], shown["appliedFor"]) == ("e", ["CREATE_ON_PUSH"])
    await api("delete_repository_creation_template", prefix=prefix)
    assert (await api.error("delete_repository_creation_template", prefix=prefix)).code == "TemplateNotFoundException"
