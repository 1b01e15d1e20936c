"""Kinds of Systems Manager, KMS and Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

TAGS = [{"Key": "k", "Value": "v"}]


# -- parameters and documents ------------------------------------------------------------------------------------------


def test_a_parameter(stack: Any) -> None:
    ssm = stack.client("ssm")
    parameter = stack.create("AWS::SSM::Parameter", Type="String", Value="30", Tags={"k": "v"})
    name = parameter.physical_id
    assert name == f"CFN-Logical{parameter.name[-13:]}"
    assert parameter.attributes == {
        "Type": "String",
        "Value": "30",
        "Arn": f"arn:aws:ssm:eu-west-1:111122223333:parameter/{name}",
    }

    def told() -> dict[str, Any]:
        listed = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        kept = {key: listed.get(key, "") for key in ("Type", "Description", "AllowedPattern", "Tier")}
        kept["Value"] = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        return {**kept, "tags": {tag["Key"]: tag["Value"] for tag in tags}}

    first = told()
    changed = {"Type": "StringList", "Value": "a,b", "Description": "d", "AllowedPattern": ".*", "Tier": "Advanced"}
    parameter.update(**changed)
    assert told() == {**changed, "tags": {"of-the-stack": "yes"}}
    assert parameter.attributes["Value"] == "a,b"
    parameter.update(Type="String", Value="30", Tags={"k": "v"})
    assert told() == first
    parameter.delete()
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name=name)


def test_a_parameter_that_is_there_is_not_overwritten(stack: Any) -> None:
    ssm = stack.client("ssm")
    ssm.put_parameter(Name="/cdk-bootstrap/x/version", Type="String", Value="1")
    with pytest.raises(Failed, match="/cdk-bootstrap/x/version' already exists"):
        stack.create("AWS::SSM::Parameter", Name="/cdk-bootstrap/x/version", Type="String", Value="2")
    assert ssm.get_parameter(Name="/cdk-bootstrap/x/version")["Parameter"]["Value"] == "1"


def document(description: str) -> dict[str, Any]:
    return {
        "schemaVersion": "2.2",
        "description": description,
        "mainSteps": [{"action": "aws:runShellScript", "name": "s", "inputs": {"runCommand": ["true"]}}],
    }


def test_a_document_and_its_versions(stack: Any) -> None:
    ssm = stack.client("ssm")
    made = stack.create("AWS::SSM::Document", Content=document("a"), DocumentType="Command", Tags=TAGS)
    name = made.physical_id

    def told() -> tuple[str, str]:
        version = ssm.describe_document(Name=name)["Document"]["DefaultVersion"]
        return json.loads(ssm.get_document(Name=name)["Content"])["description"], version

    assert told() == ("a", "1")
    assert made.replaced_by(Content=document("b"))
    made.update(Content=document("b"), DocumentType="Command", UpdateMethod="NewVersion")
    assert told() == ("b", "2")
    made.update(Content=document("a"), DocumentType="Command", UpdateMethod="NewVersion")
    assert told() == ("a", "1")
    with pytest.raises((AwsError, Failed), match="already exists"):
        stack.create("AWS::SSM::Document", Name=name, Content=document("c"))
    made.delete()
    with pytest.raises(ClientError, match="InvalidDocument"):
        ssm.describe_document(Name=name)


# -- keys and aliases --------------------------------------------------------------------------------------------------


def key_policy(sid: str) -> dict[str, Any]:
    """Without a version, as CDK's own bootstrap template has it."""
    statement = {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    return {"Statement": [statement]}


def test_a_key(stack: Any) -> None:
    kms = stack.client("kms")
    key = stack.create("AWS::KMS::Key", KeyPolicy=key_policy("a"), EnableKeyRotation=True, Tags=TAGS)
    name = key.physical_id
    assert key.attributes == {"Arn": f"arn:aws:kms:eu-west-1:111122223333:key/{name}", "KeyId": name}

    def told() -> dict[str, Any]:
        metadata = kms.describe_key(KeyId=name)["KeyMetadata"]
        tags = kms.list_resource_tags(KeyId=name)["Tags"]
        statements = json.loads(kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"])["Statement"]
        return {
            "state": metadata["KeyState"],
            "description": metadata["Description"],
            "sid": statements[0]["Sid"],
            "rotated": kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        }

    first = told()
    assert first == {
        "state": "Enabled",
        "description": "",
        "sid": "a",
        "rotated": True,
        "tags": {"k": "v", "of-the-stack": "yes"},
    }
    key.update(Description="d", Enabled=False)
    assert told() == {
        "state": "Disabled",
        "description": "d",
        "sid": "Enable IAM User Permissions",
        "rotated": False,
        "tags": {"of-the-stack": "yes"},
    }
    key.update(KeyPolicy=key_policy("a"), EnableKeyRotation=True, Tags=TAGS)
    assert told() == first
    assert key.replaced_by(KeyPolicy=key_policy("a"), KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    key.delete()
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_two_keys_alike_are_two(stack: Any) -> None:
    said = {"KeyPolicy": key_policy("same")}
    keys = {stack.create("AWS::KMS::Key", name, **said).physical_id for name in ("One", "Two")}
    assert len(keys) == 2


def test_an_alias(stack: Any) -> None:
    kms = stack.client("kms")
    one, two = (stack.create("AWS::KMS::Key", name).physical_id for name in ("One", "Two"))
    alias = stack.create("AWS::KMS::Alias", AliasName="alias/x", TargetKeyId=one)
    assert alias.physical_id == "alias/x"
    with pytest.raises(Failed, match="alias/x' already exists"):
        stack.create("AWS::KMS::Alias", AliasName="alias/x", TargetKeyId=two)
    alias.update(AliasName="alias/x", TargetKeyId=two)
    assert kms.describe_key(KeyId="alias/x")["KeyMetadata"]["KeyId"] == two
    alias.delete()
    with pytest.raises(ClientError, match="NotFound"):
        kms.describe_key(KeyId="alias/x")


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_generated_secret(stack: Any) -> None:
    api = stack.client("secretsmanager")
    recipe = {
        "SecretStringTemplate": '{"username": "me"}',
        "GenerateStringKey": "password",
        "PasswordLength": 20,
        "ExcludePunctuation": True,
    }
    secret = stack.create("AWS::SecretsManager::Secret", GenerateSecretString=recipe, Tags=TAGS)
    assert secret.attributes["Id"] == secret.physical_id
    assert f":secret:Logical{secret.name[-13:]}-" in secret.physical_id

    def told() -> dict[str, str]:
        found: dict[str, str] = json.loads(api.get_secret_value(SecretId=secret.physical_id)["SecretString"])
        return found

    first = told()
    assert first["username"] == "me" and len(first["password"]) == 20 and first["password"].isalnum()
    secret.update(GenerateSecretString=recipe, Description="d")
    assert told() == first
    described = api.describe_secret(SecretId=secret.physical_id)
    assert described["Description"] == "d"
    assert described["Tags"] == [{"Key": "of-the-stack", "Value": "yes"}]
    secret.update(GenerateSecretString={**recipe, "PasswordLength": 25}, Description="d")
    assert len(told()["password"]) == 25
    with pytest.raises(AwsError, match="Taking the Description"):
        secret.update(GenerateSecretString=recipe)
    secret.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        told()


def test_a_secret_that_is_said_or_empty(stack: Any) -> None:
    api = stack.client("secretsmanager")
    secret = stack.create("AWS::SecretsManager::Secret", Name="said", SecretString="one")
    for text in ("two", "one"):
        secret.update(Name="said", SecretString=text)
        assert api.get_secret_value(SecretId="said")["SecretString"] == text
    with pytest.raises(Failed, match="said' already exists"):
        stack.create("AWS::SecretsManager::Secret", Name="said")
    empty = stack.create("AWS::SecretsManager::Secret")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        api.get_secret_value(SecretId=empty.physical_id)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"SecretString": "a", "GenerateSecretString": {}}, "both a SecretString and GenerateSecretString"),
        ({"GenerateSecretString": {"GenerateStringKey": "k"}}, "must specify both"),
        ({"GenerateSecretString": {"GenerateStringKey": "k", "SecretStringTemplate": "[]"}}, "must be a JSON object"),
    ],
)
def test_recipes_that_make_no_secret(stack: Any, said: dict[str, Any], why: str) -> None:
    with pytest.raises(Failed, match=why):
        stack.create("AWS::SecretsManager::Secret", **said)


def test_the_policy_of_a_secret(stack: Any) -> None:
    api = stack.client("secretsmanager")
    secret = stack.create("AWS::SecretsManager::Secret", SecretString="s").physical_id
    made = stack.create("AWS::SecretsManager::ResourcePolicy", SecretId=secret, ResourcePolicy=key_policy("a"))
    made.update(SecretId=secret, ResourcePolicy=key_policy("b"))
    assert json.loads(api.get_resource_policy(SecretId=secret)["ResourcePolicy"]) == key_policy("b")
    made.delete()
    assert "ResourcePolicy" not in api.get_resource_policy(SecretId=secret)
