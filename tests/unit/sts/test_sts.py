"""STS: identities, sessions, trust."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import SESSIONS, Principal, Session, root
from cloudarium.kernel.principals import known_principal, principal_of
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.sts import SERVICE
from cloudarium.services.sts.credentials import account_in, new_access_key, new_token

ACCOUNT = "111122223333"
OTHER = "444455556666"
ADA = Principal("IAMUser", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDAADA", "AKIAADA", "ada")
ROLE = f"arn:aws:iam::{OTHER}:role/path/worker"


def trusting(
    principal: Any, *, action: Any = "sts:AssumeRole", effect: str = "Allow", **statement: Any
) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, **statement}


class World:
    """A cloud whose IAM knows one role."""

    def __init__(self) -> None:
        self.cloud = Cloud(clock=Clock(), store=Store(None), port=0)
        self.cloud.clock.freeze()
        self.cloud.dispatch = self._iam
        self.trust: list[dict[str, Any]] = [trusting({"AWS": ACCOUNT})]
        self.most = 7_200
        self.asked: list[tuple[Scope, dict[str, Any]]] = []

    async def _iam(self, service: str, operation: str, scope: Scope, who: Principal, params: dict[str, Any]) -> Any:
        assert (service, operation, who.kind) == ("iam", "get_role", "AWSService")
        self.asked.append((scope, params))
        if params["RoleName"] != "worker" or scope.account != OTHER:
            raise AwsError("NoSuchEntity", "no such role", 404)
        document = {"Version": "2012-10-17", "Statement": self.trust}
        role = {"Arn": ROLE, "RoleId": "AROAWORKER", "RoleName": "worker", "MaxSessionDuration": self.most}
        return {"Role": {**role, "AssumeRolePolicyDocument": document}}

    def context(self, principal: Principal) -> Context:
        return Context(self.cloud, Scope(principal.account, "eu-west-1"), principal, "id", "127.0.0.1", "test")

    async def call(self, operation: str, principal: Principal = ADA, **request: Any) -> Any:
        info = SERVICE.operations()[operation]
        result = info.function(self.context(principal), request)
        return await result if info.is_async else result

    async def assume(self, principal: Principal = ADA, **request: Any) -> Any:
        return await self.call("assume_role", principal, RoleArn=ROLE, RoleSessionName="session", **request)

    def session(self, answer: Any) -> Session:
        found = self.cloud.store.table(Session).get(SESSIONS, answer["Credentials"]["AccessKeyId"])
        assert found is not None
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    yield World()


@given(st.integers(0, 10**12 - 1), st.sampled_from(["ASIA", "AKIA", "AROA"]))
def test_access_keys_carry_their_account(number: int, kind: str) -> None:
    account = f"{number:012d}"
    key = new_access_key(account, kind)
    assert (len(key), key[:4], account_in(key)) == (20, kind, account)


@given(st.text(max_size=24))
def test_no_text_is_too_odd_to_look_for_an_account(text: str) -> None:
    account = account_in(text)
    assert account is None or len(account) == 12


def test_the_account_of_a_documented_key() -> None:
    # As published by several who took the form apart.
    assert account_in("ASIAQNZGKIQY56JQ7WML") == "029608264753"
    assert account_in("AKIAIOSFODNN7EXAMPLE") is None  # older than the form that carries the account


@pytest.mark.parametrize("size", [0, 1, 600, 4096])
def test_tokens_have_the_size_asked_for(size: int) -> None:
    assert len(new_token(size)) >= max(size, 300)


async def test_caller_identity(world: World) -> None:
    assert await world.call("get_caller_identity") == {
        "UserId": "AIDAADA",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada",
    }
    assert not SERVICE.operations()["get_caller_identity"].is_async


async def test_a_trusted_caller_becomes_the_role(world: World) -> None:
    answer = await world.assume()
    arn = f"arn:aws:sts::{OTHER}:assumed-role/worker/session"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": "AROAWORKER:session", "Arn": arn}
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA") and account_in(credentials["AccessKeyId"]) == OTHER
    assert len(credentials["SecretAccessKey"]) == 40
    assert credentials["Expiration"].timestamp() == int(world.cloud.clock.now()) + 3600
    principal = await principal_of(world.cloud, credentials["AccessKeyId"])
    assert (principal.kind, principal.account, principal.arn) == ("AssumedRole", OTHER, arn)
    assert principal.session_issuer == ROLE
    assert await world.call("get_caller_identity", principal) == {
        "UserId": "AROAWORKER:session", "Account": OTHER, "Arn": arn,
    }  # fmt: skip
    assert world.asked == [(Scope(OTHER, "eu-west-1"), {"RoleName": "worker"})]


async def test_credentials_expire_by_the_clock(world: World) -> None:
    key = (await world.assume(DurationSeconds=900))["Credentials"]["AccessKeyId"]
    await world.cloud.clock.advance(899)
    assert known_principal(world.cloud, key) is not None
    await world.cloud.clock.advance(1)
    with pytest.raises(AwsError) as error:
        known_principal(world.cloud, key)
    assert (error.value.code, error.value.status) == ("ExpiredToken", 403)
    assert error.value.message == "The security token included in the request is expired"


def test_who_is_behind_other_keys() -> None:
    cloud = Cloud(clock=Clock(), store=Store(None), port=0)
    assert known_principal(cloud, ACCOUNT) == root(ACCOUNT, ACCOUNT)
    assert known_principal(cloud, "test") == root("000000000000", "test")
    assert known_principal(cloud, "AKIAIOSFODNN7EXAMPLE") == root("000000000000", "AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(AwsError) as error:
        known_principal(cloud, "ASIAIOSFODNN7EXAMPLE")
    assert error.value.code == "InvalidClientTokenId"


DENIED = f"User: arn:aws:iam::{ACCOUNT}:user/ada is not authorized to perform: sts:AssumeRole on resource: {ROLE}"


@pytest.mark.parametrize(
    ("statements", "request_", "allowed"),
    [
        ([trusting("*")], {}, True),
        ([trusting({"AWS": "*"})], {}, True),
        ([trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})], {}, True),
        ([trusting({"AWS": [OTHER, f"arn:aws:iam::{ACCOUNT}:user/ada"]})], {}, True),
        ([trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"})], {}, False),
        ([trusting({"AWS": OTHER})], {}, False),
        ([trusting({"Service": "ec2.amazonaws.com"})], {}, False),
        ([trusting({"Federated": "cognito-identity.amazonaws.com"})], {}, False),
        ([trusting({"AWS": ACCOUNT}, action=["sts:TagSession", "sts:Assume*"])], {}, True),
        ([trusting({"AWS": ACCOUNT}, action="sts:TagSession")], {}, False),
        ([trusting({"AWS": ACCOUNT}), trusting({"AWS": ADA.arn}, effect="Deny")], {}, False),
        ([trusting({"AWS": ACCOUNT}), trusting({"AWS": OTHER}, effect="Deny")], {}, True),
        ([{"Effect": "Allow", "NotPrincipal": {"AWS": ADA.arn}, "Action": "sts:AssumeRole"}], {}, False),
        ([], {}, False),
        ([trusting("*", Condition={"StringEquals": {"sts:ExternalId": "secret"}})], {}, False),
        ([trusting("*", Condition={"StringEquals": {"sts:ExternalId": "secret"}})], {"ExternalId": "secret"}, True),
        ([trusting("*", Condition={"StringEquals": {"sts:ExternalId": ["a1", "b2"]}})], {"ExternalId": "b2"}, True),
        ([trusting("*", Condition={"StringNotEquals": {"sts:ExternalId": "secret"}})], {}, True),
        ([trusting("*", Condition={"StringLike": {"sts:RoleSessionName": "sess*"}})], {}, True),
        ([trusting("*", Condition={"StringLike": {"sts:RoleSessionName": "sess?"}})], {}, False),
        ([trusting("*", Condition={"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/*"}})], {}, True),
        ([trusting("*", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}})], {}, False),
        ([trusting("*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})], {}, False),
        ([trusting("*", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}})], {}, True),
        ([trusting("*", Condition={"Null": {"sts:ExternalId": True}})], {}, True),
        ([trusting("*", Condition={"Null": {"sts:ExternalId": "true"}})], {"ExternalId": "xx"}, False),
        ([trusting("*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})], {}, True),
        ([trusting("*", Condition={"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8"]}})], {}, False),
        ([trusting("*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}})], {}, True),
        ([trusting("*", Condition={"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}})], {}, False),
        ([trusting("*", Condition={"StringEquals": {"aws:userid": "AIDAADA", "aws:username": "ada"}})], {}, True),
        ([trusting("*", Condition={"StringEquals": {"aws:userid": "AIDAADA", "aws:username": "bob"}})], {}, False),
    ],
)  # fmt: skip
async def test_trust(world: World, statements: list[Any], request_: dict[str, Any], allowed: bool) -> None:
    world.trust = statements
    if allowed:
        assert await world.assume(**request_)
        return
    with pytest.raises(AwsError) as error:
        await world.assume(**request_)
    assert (error.value.code, error.value.status, error.value.message) == ("AccessDenied", 403, DENIED)


async def test_tags_need_trust_too(world: World) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    with pytest.raises(AwsError) as error:
        await world.assume(Tags=tags)
    assert "sts:TagSession" in error.value.message
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "StringEquals": {"aws:RequestTag/Team": "red"}}
    world.trust = [trusting("*", action=["sts:AssumeRole", "sts:TagSession"], Condition=condition)]
    answer = await world.assume(Tags=tags)
    assert world.session(answer).tags == (("team", "red"),)
    assert 0 < answer["PackedPolicySize"] < 100
    with pytest.raises(AwsError):
        await world.assume(Tags=[{"Key": "team", "Value": "blue"}])


async def test_what_a_role_hands_on_along_a_chain(world: World) -> None:
    world.trust = [trusting("*", action="sts:*")]
    first = await world.assume(
        Tags=[{"Key": "team", "Value": "red"}, {"Key": "own", "Value": "1"}],
        TransitiveTagKeys=["team"],
        SourceIdentity="ada-herself",
    )
    principal = world.session(first).principal
    second = await world.assume(principal)
    assert world.session(second).tags == (("team", "red"),)
    assert second["SourceIdentity"] == "ada-herself"
    with pytest.raises(AwsError) as error:
        await world.assume(principal, SourceIdentity="somebody")
    assert error.value.code == "AccessDenied"
    with pytest.raises(AwsError) as error:
        await world.assume(principal, Tags=[{"Key": "Team", "Value": "blue"}])
    assert error.value.code == "InvalidParameterValue"


async def test_durations(world: World) -> None:
    assert world.session(await world.assume(DurationSeconds=7200)).expires == int(world.cloud.clock.now()) + 7200
    with pytest.raises(AwsError) as error:
        await world.assume(DurationSeconds=7201)
    assert error.value.message == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    world.trust = [trusting("*")]
    chained = world.session(await world.assume()).principal
    with pytest.raises(AwsError) as error:
        await world.assume(chained, DurationSeconds=3601)
    assert "1 hour session limit for roles assumed by role chaining" in error.value.message


async def test_a_role_that_is_not_there_gives_nothing_away(world: World) -> None:
    arn = f"arn:aws:iam::{OTHER}:role/nobody"
    with pytest.raises(AwsError) as error:
        await world.call("assume_role", RoleArn=arn, RoleSessionName="session")
    assert error.value.code == "AccessDenied"
    with pytest.raises(AwsError) as error:
        await world.call("assume_role", RoleArn="arn:aws:iam::1:user/x", RoleSessionName="session")
    assert error.value.code == "ValidationError"


@pytest.mark.parametrize(
    "extra", [{"TokenCode": "123456"}, {"SerialNumber": "GAHT12345678"}, {"ProvidedContexts": [{}]}]
)
async def test_what_cannot_be_verified_is_refused_by_name(world: World, extra: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as error:
        await world.assume(**extra)
    assert error.value.status == 501
    assert next(iter(extra)) in error.value.message


async def test_session_policies(world: World) -> None:
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
    answer = await world.assume(Policy=policy, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
    assert world.session(answer).policies == (policy, "arn:aws:iam::aws:policy/ReadOnlyAccess")
    for text, code in (
        ("{", "MalformedPolicyDocument"),
        ("[]", "MalformedPolicyDocument"),
        (json.dumps({"Statement": {"Effect": "Maybe"}}), "MalformedPolicyDocument"),
        (json.dumps({"Statement": {"Effect": "Allow", "Principal": "*"}}), "MalformedPolicyDocument"),
        (policy + " " * 2048, "PackedPolicyTooLarge"),
    ):
        with pytest.raises(AwsError) as error:
            await world.assume(Policy=text)
        assert error.value.code == code, text


async def test_session_tokens(world: World) -> None:
    answer = await world.call("get_session_token")
    session = world.session(answer)
    assert (session.principal.arn, session.principal.user_name) == (ADA.arn, "ada")
    assert session.expires - int(session.created) == 43_200
    with pytest.raises(AwsError) as error:
        await world.call("get_session_token", session.principal)
    assert (error.value.code, error.value.message) == (
        "AccessDenied", "Cannot call GetSessionToken with session credentials",
    )  # fmt: skip
    of_root = world.session(await world.call("get_session_token", root(ACCOUNT), DurationSeconds=43_200))
    assert of_root.expires - int(of_root.created) == 3_600


async def test_federation_tokens(world: World) -> None:
    answer = await world.call("get_federation_token", Name="Bob", DurationSeconds=900)
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:Bob", "Arn": arn}
    principal = world.session(answer).principal
    assert (principal.kind, principal.arn) == ("FederatedUser", arn)


async def test_whose_key(world: World) -> None:
    key = (await world.assume())["Credentials"]["AccessKeyId"]
    assert await world.call("get_access_key_info", AccessKeyId=key) == {"Account": OTHER}
    assert await world.call("get_access_key_info", AccessKeyId=new_access_key("123456789012", "AKIA")) == {
        "Account": "123456789012"
    }
    with pytest.raises(AwsError):
        await world.call("get_access_key_info", AccessKeyId="not-an-access-key")


async def test_sessions_survive_in_the_store(world: World) -> None:
    await world.assume()
    encoded = world.cloud.store.table(Session).all(SESSIONS)
    assert len(encoded) == 1
