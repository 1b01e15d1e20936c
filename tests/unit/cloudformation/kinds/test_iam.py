"""IAM's kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.kind import Failed

READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"


def trust(service: str) -> dict[str, Any]:
    """As CDK's own bootstrap template has it: without a version."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Statement": [statement]}


def allow(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def of_role(iam: Any, name: str) -> dict[str, Any]:
    """All that a role's properties say, as IAM tells it."""
    role = iam.get_role(RoleName=name)["Role"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "trusts": role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"].partition(".")[0],
        "description": role.get("Description", ""),
        "session": role["MaxSessionDuration"],
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "managed": {p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]},
        "inline": {
            each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]["Statement"][0]["Action"]
            for each in inline
        },
        "tags": {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]},
    }


def test_a_role_is_made_changed_changed_back_and_deleted(stack: Any) -> None:
    iam = stack.client("iam")
    first = {
        "AssumeRolePolicyDocument": trust("ec2"),
        "ManagedPolicyArns": [READ],
        "Policies": [{"PolicyName": "a", "PolicyDocument": allow("s3:Get*")}],
        "Path": "/path/",
        "Tags": [{"Key": "k", "Value": "1"}],
    }
    second = {
        "AssumeRolePolicyDocument": trust("lambda"),
        "Description": "Other",
        "MaxSessionDuration": 7200,
        "PermissionsBoundary": BOUNDARY,
        "ManagedPolicyArns": [ADMIN],
        "Policies": [{"PolicyName": "b", "PolicyDocument": allow("s3:Put*")}],
        "Path": "/path/",
        "Tags": [{"Key": "l", "Value": "2"}],
    }
    role = stack.create("AWS::IAM::Role", **first)
    made = of_role(iam, role.physical_id)
    assert role.physical_id == role.name
    assert role.attributes["Arn"].endswith(f":role/path/{role.name}")
    assert role.attributes["RoleId"].startswith("AROA")
    assert made == {
        "trusts": "ec2",
        "description": "",
        "session": 3600,
        "boundary": None,
        "managed": {READ},
        "inline": {"a": "s3:Get*"},
        "tags": {"k": "1", "of-the-stack": "yes"},
    }
    role.update(**second)
    assert of_role(iam, role.physical_id) == {
        "trusts": "lambda",
        "description": "Other",
        "session": 7200,
        "boundary": BOUNDARY,
        "managed": {ADMIN},
        "inline": {"b": "s3:Put*"},
        "tags": {"l": "2", "of-the-stack": "yes"},
    }
    role.update(**first)
    assert of_role(iam, role.physical_id) == made
    role.delete()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=role.physical_id)


def test_a_generated_role_name_has_64_characters_at_most(stack: Any) -> None:
    role = stack.resource("AWS::IAM::Role", "L" * 80).create(AssumeRolePolicyDocument=trust("ec2"))
    assert len(role.physical_id) == 64
    assert role.physical_id.endswith(role.name[-13:])


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::IAM::Role", {"RoleName": "taken-role", "AssumeRolePolicyDocument": trust("ec2")}),
        ("AWS::IAM::User", {"UserName": "taken-user"}),
        ("AWS::IAM::Group", {"GroupName": "taken-group"}),
        ("AWS::IAM::ManagedPolicy", {"ManagedPolicyName": "taken-policy", "PolicyDocument": allow("s3:*")}),
        ("AWS::IAM::InstanceProfile", {"InstanceProfileName": "taken-profile", "Roles": []}),
    ],
)
def test_a_name_that_is_taken_fails(stack: Any, type_: str, properties: dict[str, Any]) -> None:
    stack.create(type_, **properties)
    with pytest.raises((AwsError, Failed), match="already exists"):
        stack.create(type_, **properties)


def test_what_others_gave_a_role_it_keeps(stack: Any) -> None:
    """Policies that are resources of their own are put on roles that have some themselves."""
    iam = stack.client("iam")
    role = stack.create("AWS::IAM::Role", AssumeRolePolicyDocument=trust("ec2"))
    policy = {"PolicyName": "own", "PolicyDocument": allow("s3:*"), "Roles": [role.physical_id]}
    own = stack.create("AWS::IAM::Policy", "Policy", **policy)
    assert own.physical_id == f"stack-Poli{own.name[-13:]}"
    role.update(AssumeRolePolicyDocument=trust("ec2"), Policies=[{"PolicyName": "b", "PolicyDocument": allow("s3:*")}])
    assert set(of_role(iam, role.physical_id)["inline"]) == {"own", "b"}
    own.update(**{**policy, "PolicyName": "renamed"})
    assert set(of_role(iam, role.physical_id)["inline"]) == {"renamed", "b"}
    own.delete()
    assert set(of_role(iam, role.physical_id)["inline"]) == {"b"}


def test_a_policy_moves_between_holders(stack: Any) -> None:
    iam = stack.client("iam")
    group = stack.create("AWS::IAM::Group", "Group").physical_id
    user = stack.create("AWS::IAM::User", "User").physical_id
    policy = stack.create("AWS::IAM::Policy", PolicyName="p", PolicyDocument=allow("s3:*"), Groups=[group])
    assert iam.list_group_policies(GroupName=group)["PolicyNames"] == ["p"]
    policy.update(PolicyName="p", PolicyDocument=allow("s3:*"), Users=[user])
    assert iam.list_group_policies(GroupName=group)["PolicyNames"] == []
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["p"]
    with pytest.raises(Failed, match="must be non-empty"):
        stack.create("AWS::IAM::Policy", PolicyName="p", PolicyDocument=allow("s3:*"))


def test_what_moto_keeps_as_it_is_is_refused(stack: Any) -> None:
    group = stack.create("AWS::IAM::Group", Path="/a/")
    group.update(Path="/a/", ManagedPolicyArns=[READ])
    with pytest.raises(AwsError, match="Changing the Path of an AWS::IAM::Group"):
        group.update(Path="/b/")


@pytest.mark.parametrize("holder", ["Role", "User", "Group"])
def test_an_inline_policy_of_one_holder(stack: Any, holder: str) -> None:
    iam = stack.client("iam")
    said = {"AssumeRolePolicyDocument": trust("ec2")} if holder == "Role" else {}
    name = stack.create(f"AWS::IAM::{holder}", "Holder", **said).physical_id
    key = {f"{holder}Name": name}
    get = getattr(iam, f"get_{holder.lower()}_policy")
    policy = stack.create(f"AWS::IAM::{holder}Policy", **key, PolicyName="p", PolicyDocument=allow("s3:Get*"))
    assert policy.physical_id == f"p|{name}"
    with pytest.raises(Failed, match="already exists"):
        stack.create(f"AWS::IAM::{holder}Policy", **key, PolicyName="p", PolicyDocument=allow("s3:Get*"))
    policy.update(**key, PolicyName="p", PolicyDocument=allow("s3:Put*"))
    assert get(**key, PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == "s3:Put*"
    policy.delete()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        get(**key, PolicyName="p")


def test_a_managed_policy_has_as_many_versions_as_it_may(stack: Any) -> None:
    iam = stack.client("iam")
    user = stack.create("AWS::IAM::User", "User").physical_id
    policy = stack.create("AWS::IAM::ManagedPolicy", PolicyDocument=allow("s3:Get0"), Users=[user], Path="/p/")
    assert policy.physical_id == f"arn:aws:iam::111122223333:policy/p/{policy.name}"
    assert policy.attributes["PolicyArn"] == policy.physical_id
    for number in range(1, 8):
        policy.update(PolicyDocument=allow(f"s3:Get{number}"), Path="/p/")
    version = iam.get_policy(PolicyArn=policy.physical_id)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=policy.physical_id, VersionId=version)["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "s3:Get7"
    assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []
    policy.update(PolicyDocument=allow("s3:Get0"), Users=[user], Path="/p/")
    assert len(iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]) == 1
    policy.delete()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn=policy.physical_id)


def test_a_user_with_groups_and_a_password(stack: Any) -> None:
    iam = stack.client("iam")
    one, two = (stack.create("AWS::IAM::Group", name).physical_id for name in ("One", "Two"))
    user = stack.create("AWS::IAM::User", Groups=[one], LoginProfile={"Password": "Secret-1"}, Path="/a/")
    name = user.physical_id

    def groups() -> set[str]:
        return {group["GroupName"] for group in iam.list_groups_for_user(UserName=name)["Groups"]}

    assert groups() == {one}
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["UserName"] == name
    user.update(Groups=[two], Path="/b/")
    assert groups() == {two}
    assert iam.get_user(UserName=name)["User"]["Path"] == "/b/"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_login_profile(UserName=name)
    user.delete()
    assert iam.get_group(GroupName=two)["Users"] == []


def test_an_access_key_tells_its_secret_on_every_attempt(stack: Any) -> None:
    iam = stack.client("iam")
    user = stack.create("AWS::IAM::User", "User").physical_id
    key = stack.create("AWS::IAM::AccessKey", UserName=user)
    assert len(key.attributes["SecretAccessKey"]) == 40
    secret = key.attributes["SecretAccessKey"]
    key.update(UserName=user, Status="Inactive")
    assert key.attributes["SecretAccessKey"] == secret
    listed = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert [(each["AccessKeyId"], each["Status"]) for each in listed] == [(key.physical_id, "Inactive")]
    key.delete()
    assert iam.list_access_keys(UserName=user)["AccessKeyMetadata"] == []


def test_members_of_a_group(stack: Any) -> None:
    iam = stack.client("iam")
    group, other = (stack.create("AWS::IAM::Group", name).physical_id for name in ("One", "Two"))
    users = [stack.create("AWS::IAM::User", f"User{n}").physical_id for n in range(2)]

    def members(name: str) -> set[str]:
        return {each["UserName"] for each in iam.get_group(GroupName=name)["Users"]}

    addition = stack.create("AWS::IAM::UserToGroupAddition", GroupName=group, Users=users)
    assert members(group) == set(users)
    addition.update(GroupName=group, Users=users[:1])
    assert members(group) == set(users[:1])
    addition.update(GroupName=other, Users=users)
    assert (members(group), members(other)) == (set(), set(users))
    addition.delete()
    assert members(other) == set()


def test_an_instance_profile_and_its_role(stack: Any) -> None:
    iam = stack.client("iam")
    roles = [
        stack.create("AWS::IAM::Role", f"Role{n}", AssumeRolePolicyDocument=trust("ec2")).physical_id for n in range(2)
    ]
    profile = stack.create("AWS::IAM::InstanceProfile", Roles=roles[:1], Path="/p/")
    assert profile.attributes["Arn"].endswith(f":instance-profile/p/{profile.physical_id}")
    profile.update(Roles=roles[1:], Path="/p/")
    made = iam.get_instance_profile(InstanceProfileName=profile.physical_id)["InstanceProfile"]
    assert [role["RoleName"] for role in made["Roles"]] == roles[1:]
    profile.delete()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_instance_profile(InstanceProfileName=profile.physical_id)


def test_a_service_linked_role(stack: Any) -> None:
    iam = stack.client("iam")
    role = stack.create("AWS::IAM::ServiceLinkedRole", AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")
    assert role.physical_id == "AWSServiceRoleForAutoScaling_x"
    role.update(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x", Description="d")
    assert iam.get_role(RoleName=role.physical_id)["Role"]["Description"] == "d"
    role.delete()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=role.physical_id)


def test_an_identity_provider(stack: Any) -> None:
    iam = stack.client("iam")
    said = {"Url": "https://idp.example.com/x", "ClientIdList": ["a"]}
    provider = stack.create("AWS::IAM::OIDCProvider", **said, ThumbprintList=["a" * 40])
    assert provider.attributes["Arn"] == "arn:aws:iam::111122223333:oidc-provider/idp.example.com/x"
    provider.update(**said, ThumbprintList=["b" * 40], Tags=[{"Key": "k", "Value": "v"}])
    made = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider.physical_id)
    assert made["ThumbprintList"] == ["b" * 40]
    assert json.loads(json.dumps({tag["Key"]: tag["Value"] for tag in made["Tags"]})) == {
        "k": "v",
        "of-the-stack": "yes",
    }
    with pytest.raises(AwsError, match="Changing the ClientIdList"):
        provider.update(**{**said, "ClientIdList": ["b"]}, ThumbprintList=["b" * 40])
    provider.delete()
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
