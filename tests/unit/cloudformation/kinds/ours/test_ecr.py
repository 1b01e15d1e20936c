"""AWS::ECR::*: made, changed, changed back and deleted, and never taken from others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.cloudformation.kinds.ours.conftest import ACCOUNT, Api, Resource

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 365
                },
                "action": {"type": "expire"},
            }
        ]
    }
)  # fmt: skip
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "LambdaECRImageRetrievalPolicy",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        }
    ],
}
BOOTSTRAP = {
    "ImageTagMutability": "IMMUTABLE",
    "LifecyclePolicy": {"LifecyclePolicyText": LIFECYCLE},
    "RepositoryName": "cdk-hnb659fds-container-assets",
    "RepositoryPolicyText": POLICY,
}
"""The repository of ``cdk bootstrap``'s template."""


async def described(api: Api, name: str) -> dict[str, Any]:
    found = await api.of("ecr", "describe_repositories", repositoryNames=[name])
    return dict(found["repositories"][0])


async def test_the_repository_of_cdk_bootstrap(api: Api) -> None:
    repository = await api.resource("AWS::ECR::Repository", BOOTSTRAP, "ContainerAssetsRepository").make()
    name = "cdk-hnb659fds-container-assets"
    shown = await described(api, name)
    assert (repository.ref, shown["imageTagMutability"]) == (name, "IMMUTABLE")
    assert repository.work.attributes == {
        "Arn": f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{name}",
        "RepositoryUri": shown["repositoryUri"],
    }
    assert (await api.of("ecr", "get_lifecycle_policy", repositoryName=name))["lifecyclePolicyText"] == LIFECYCLE
    policy = (await api.of("ecr", "get_repository_policy", repositoryName=name))["policyText"]
    assert json.loads(policy) == POLICY

    changed = {"RepositoryName": name, "ImageScanningConfiguration": {"ScanOnPush": True}}
    await repository.change(changed, {"team": "shop"})
    shown = await described(api, name)
    assert (shown["imageTagMutability"], shown["imageScanningConfiguration"]) == ("MUTABLE", {"scanOnPush": True})
    for gone in ("get_lifecycle_policy", "get_repository_policy"):
        with pytest.raises(AwsError, match="does not exist"):
            await api.of("ecr", gone, repositoryName=name)
    tags = (await api.of("ecr", "list_tags_for_resource", resourceArn=shown["repositoryArn"]))["tags"]
    assert {"Key": "team", "Value": "shop"} in tags and len(tags) == 4

    await repository.change(BOOTSTRAP, {})
    shown = await described(api, name)
    assert (shown["imageTagMutability"], shown["imageScanningConfiguration"]) == ("IMMUTABLE", {"scanOnPush": False})
    assert (await api.of("ecr", "get_lifecycle_policy", repositoryName=name))["lifecyclePolicyText"] == LIFECYCLE
    await repository.remove()
    with pytest.raises(AwsError, match="does not exist"):
        await described(api, name)


@pytest.mark.parametrize("type_", ["AWS::ECR::Repository", "AWS::ECR::PublicRepository"])
async def test_only_what_it_made_itself_is_found(api: Api, type_: str) -> None:
    service = "ecr" if type_.endswith("::Repository") else "ecr-public"
    await api.of(service, "create_repository", repositoryName="theirs")
    resource = api.resource(type_, {"RepositoryName": "theirs"})
    with pytest.raises(AwsError, match="already exists"):
        await resource.make()
    assert await resource.kind.found(resource.work) == ""
    mine = await api.resource(type_, {}).make()
    assert mine.id.startswith("shop-thing-") and mine.id == mine.id.lower()
    assert await mine.kind.found(mine.work) == mine.id
    other = Resource(api, type_, "Other", {"RepositoryName": mine.id})
    assert await other.kind.found(other.work) == ""


async def push(api: Api, name: str) -> None:
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    await api.of("ecr", "put_image", repositoryName=name, imageManifest=json.dumps(manifest), imageTag="v1")


async def test_images_go_only_where_the_template_says_so(api: Api) -> None:
    repository = await api.resource("AWS::ECR::Repository", {}).make()
    await push(api, repository.id)
    with pytest.raises(AwsError, match="still contains images"):
        await repository.remove()
    await repository.change({"EmptyOnDelete": True})
    await repository.remove()


async def test_filters_of_mutability(api: Api) -> None:
    filters = [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "latest*"}
    ]
    excluding = {"ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "ImageTagMutabilityExclusionFilters": filters}
    repository = await api.resource("AWS::ECR::Repository", excluding).make()
    expected = [{"filterType": "WILDCARD", "filter": "latest*"}]
    assert (await described(api, repository.id))["imageTagMutabilityExclusionFilters"] == expected
    await repository.change({"ImageTagMutability": "IMMUTABLE"})
    assert "imageTagMutabilityExclusionFilters" not in await described(api, repository.id)


async def test_a_public_repository(api: Api) -> None:
    catalog = {"RepositoryDescription": "What we sell", "Architectures": ["x86-64"], "UsageText": "Run it."}
    properties = {"RepositoryName": "shop", "RepositoryCatalogData": catalog}
    repository = await api.resource("AWS::ECR::PublicRepository", properties).make()
    shown = (await api.of("ecr-public", "get_repository_catalog_data", repositoryName="shop"))["catalogData"]
    assert shown == {"description": "What we sell", "architectures": ["x86-64"], "usageText": "Run it."}
    assert repository.work.attributes == {"Arn": f"arn:aws:ecr-public::{ACCOUNT}:repository/shop"}
    await repository.change({"RepositoryName": "shop", "RepositoryCatalogData": {"AboutText": "All of it"}})
    shown = (await api.of("ecr-public", "get_repository_catalog_data", repositoryName="shop"))["catalogData"]
    assert {name: value for name, value in shown.items() if value} == {"aboutText": "All of it"}
    await repository.remove()


async def test_the_registry_has_one_policy(api: Api) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    statement = {"Sid": "Replication", "Effect": "Allow", "Principal": {"AWS": arn}, "Action": ["ecr:ReplicateImage"]}
    document = {"Version": "2012-10-17", "Statement": [statement | {"Resource": ["*"]}]}
    policy = await api.resource("AWS::ECR::RegistryPolicy", {"PolicyText": document}).make()
    assert (policy.ref, policy.work.attributes) == (ACCOUNT, {"RegistryId": ACCOUNT})
    assert json.loads((await api.of("ecr", "get_registry_policy"))["policyText"]) == document
    assert await policy.kind.found(policy.work) == ACCOUNT
    with pytest.raises(Failed, match=rf"'AWS::ECR::RegistryPolicy' with identifier '{ACCOUNT}' already exists\."):
        await api.resource("AWS::ECR::RegistryPolicy", {"PolicyText": document}, "Second").make()
    await policy.remove()
    with pytest.raises(AwsError, match="does not exist"):
        await api.of("ecr", "get_registry_policy")


async def test_replication(api: Api) -> None:
    def to(region: str) -> dict[str, Any]:
        rule = {"Destinations": [{"Region": region, "RegistryId": ACCOUNT}]}
        return {"ReplicationConfiguration": {"Rules": [rule]}}

    type_ = "AWS::ECR::ReplicationConfiguration"
    replication = await api.resource(type_, to("eu-west-1")).make()
    with pytest.raises(Failed, match="already exists"):
        await api.resource(type_, to("eu-west-2"), "Second").make()
    await replication.change(to("eu-west-3"))
    rules = (await api.of("ecr", "describe_registry"))["replicationConfiguration"]["rules"]
    assert [rule["destinations"][0]["region"] for rule in rules] == ["eu-west-3"]
    await replication.remove()
    assert (await api.of("ecr", "describe_registry"))["replicationConfiguration"]["rules"] == []


async def test_scanning_rules(api: Api) -> None:
    rule = {"ScanFrequency": "SCAN_ON_PUSH", "RepositoryFilters": [{"Filter": "*", "FilterType": "WILDCARD"}]}
    scanning = await api.resource(
        "AWS::ECR::RegistryScanningConfiguration", {"ScanType": "BASIC", "Rules": [rule]}
    ).make()
    shown = (await api.of("ecr", "get_registry_scanning_configuration"))["scanningConfiguration"]
    assert shown["rules"][0]["scanFrequency"] == "SCAN_ON_PUSH"
    await scanning.remove()
    assert (await api.of("ecr", "get_registry_scanning_configuration"))["scanningConfiguration"]["rules"] == []


async def test_a_pull_through_cache_rule(api: Api) -> None:
    properties = {"EcrRepositoryPrefix": "aws", "UpstreamRegistryUrl": "https://public.ecr.aws"}
    rule = await api.resource("AWS::ECR::PullThroughCacheRule", properties).make()
    assert rule.ref == "aws" and await rule.kind.found(rule.work) == "aws"
    with pytest.raises(AwsError, match="already exists"):
        await api.resource("AWS::ECR::PullThroughCacheRule", properties, "Second").make()
    other = api.resource("AWS::ECR::PullThroughCacheRule", properties | {"UpstreamRegistryUrl": "quay.io"})
    assert await other.kind.found(other.work) == ""
    await rule.remove()
    with pytest.raises(Failed, match="UpstreamRegistryUrl is required"):
        await api.resource("AWS::ECR::PullThroughCacheRule", {"EcrRepositoryPrefix": "aws"}).make()


async def test_a_creation_template(api: Api) -> None:
    properties = {
        "Prefix": "cache", "AppliedFor": ["PULL_THROUGH_CACHE"], "Description": "Cached", "LifecyclePolicy": LIFECYCLE,
        "ResourceTags": [{"Key": "team", "Value": "shop"}], "ImageTagMutability": "IMMUTABLE",
    }  # fmt: skip
    template = await api.resource("AWS::ECR::RepositoryCreationTemplate", properties).make()
    assert await template.kind.found(template.work) == "cache"
    assert set(template.work.attributes) == {"CreatedAt", "UpdatedAt"}
    await template.change({"Prefix": "cache", "AppliedFor": ["REPLICATION"]})
    shown = (await api.of("ecr", "describe_repository_creation_templates"))["repositoryCreationTemplates"][0]
    assert (shown["appliedFor"], shown["imageTagMutability"]) == (["REPLICATION"], "MUTABLE")
    assert not {"description", "lifecyclePolicy", "resourceTags"} & shown.keys()
    await template.remove()
