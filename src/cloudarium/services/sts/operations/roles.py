"""Assuming roles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.identity import PARTITION, Principal
from cloudarium.kernel.service import operation
from cloudarium.kernel.store import Scope
from cloudarium.services.sts import trust
from cloudarium.services.sts.conditions import Facts
from cloudarium.services.sts.credentials import role_account
from cloudarium.services.sts.session_policies import Passed, passed
from cloudarium.services.sts.sessions import Chain, chain_of, issue, uses_session

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import AssumeRoleRequestTypeDef

_HOUR = 3_600


@operation(
    partial="MFA and trusted contexts are refused; session policies are kept but not enforced; "
    "the caller's own policies are not asked, and the root user may assume roles"
)
async def assume_role(ctx: Context, request: AssumeRoleRequestTypeDef) -> Answer:
    """Credentials for a role session, when the role trusts the caller.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    if "SerialNumber" in request or "TokenCode" in request:
        raise NotThere("MFA in sts:AssumeRole (SerialNumber, TokenCode)")
    if request.get("ProvidedContexts"):
        raise NotThere("ProvidedContexts in sts:AssumeRole")
    chain = chain_of(ctx)
    given = passed(request, chain.transitive)
    source_identity = _source_identity(ctx, request, chain)
    account, name = role_account(request["RoleArn"])
    role = await _role(ctx, account, name, request["RoleArn"])
    facts = _facts(ctx, request, given, source_identity)
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if request.get("Tags") else [])):
        if not trust.allows(role["AssumeRolePolicyDocument"], action, ctx.principal, facts):
            raise _denied(ctx, action, request["RoleArn"])
    session = request["RoleSessionName"]
    principal = Principal(
        "AssumedRole",
        account,
        f"arn:{PARTITION}:sts::{account}:assumed-role/{name}/{session}",
        f"{role['RoleId']}:{session}",
        session_issuer=role["Arn"],
    )
    handed_on = Chain(
        access_key="",
        source_identity=source_identity,
        transitive=_transitive(request, given, chain),
    )
    seconds = _duration(ctx, request, role)
    credentials = issue(ctx, principal, seconds, given, request.get("MinimumSessionTokenSize", 0), handed_on)
    answer: Answer = {
        "Credentials": credentials,
        "AssumedRoleUser": {"AssumedRoleId": principal.principal_id, "Arn": principal.arn},
        "SessionTokenSize": len(credentials["SessionToken"]),
    }
    if given.packed_percent:
        answer["PackedPolicySize"] = given.packed_percent
    if source_identity:
        answer["SourceIdentity"] = source_identity
    return answer


async def _role(ctx: Context, account: str, name: str, arn: str) -> dict[str, Any]:
    """The role. One that does not exist is answered like one that does not trust: nothing is given away."""
    own = ctx.cloud.context(Scope(account, ctx.region), "sts")
    try:
        role: dict[str, Any] = (await own.aws.iam.get_role(RoleName=name))["Role"]
    except AwsError as error:
        if error.code != "NoSuchEntity":
            raise
        raise _denied(ctx, "sts:AssumeRole", arn) from None
    if role["Arn"] != arn:
        raise _denied(ctx, "sts:AssumeRole", arn)
    return role


def _denied(ctx: Context, action: str, arn: str) -> AwsError:
    message = f"User: {ctx.principal.arn} is not authorized to perform: {action} on resource: {arn}"
    return AwsError("AccessDenied", message, 403)


def _duration(ctx: Context, request: AssumeRoleRequestTypeDef, role: dict[str, Any]) -> int:
    asked = request.get("DurationSeconds")
    if asked is None:
        return _HOUR
    if asked > _HOUR and uses_session(ctx):
        message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        raise AwsError("ValidationError", message, 400)
    if asked > role.get("MaxSessionDuration", _HOUR):
        message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError("ValidationError", message, 400)
    return asked


def _source_identity(ctx: Context, request: AssumeRoleRequestTypeDef, chain: Chain) -> str:
    asked = request.get("SourceIdentity", "")
    if chain.source_identity and asked and asked != chain.source_identity:
        raise _denied(ctx, "sts:SetSourceIdentity", request["RoleArn"])
    return chain.source_identity or asked


def _transitive(request: AssumeRoleRequestTypeDef, given: Passed, chain: Chain) -> tuple[tuple[str, str], ...]:
    wanted = {key.lower() for key in request.get("TransitiveTagKeys", [])}
    own = {key.lower() for key, _ in given.tags}
    if missing := wanted - own:
        message = f"The transitive tag key(s) {', '.join(sorted(missing))} are not among the session's tags."
        raise AwsError("InvalidParameterValue", message, 400)
    wanted |= {key.lower() for key, _ in chain.transitive}
    return tuple(tag for tag in given.tags if tag[0].lower() in wanted)


def _facts(ctx: Context, request: AssumeRoleRequestTypeDef, given: Passed, source_identity: str) -> Facts:
    """What conditions of the trust policy may ask of this call; a key that does not apply is absent."""
    principal = ctx.principal
    facts: dict[str, tuple[str, ...]] = {
        "aws:principalarn": (principal.session_issuer or principal.arn,),
        "aws:principalaccount": (principal.account,),
        "aws:principaltype": (_PRINCIPAL_TYPES.get(principal.kind, principal.kind),),
        "aws:userid": (principal.principal_id,),
        "aws:sourceip": (ctx.source_ip,),
        "aws:useragent": (ctx.user_agent,),
        "aws:requestedregion": (ctx.region,),
        "aws:currenttime": (datetime.fromtimestamp(ctx.clock.now(), UTC).isoformat(),),
        "aws:epochtime": (str(int(ctx.clock.now())),),
        "aws:securetransport": ("false",),
        "aws:tagkeys": tuple(key for key, _ in given.tags),
        "sts:rolesessionname": (request["RoleSessionName"],),
        "sts:transitivetagkeys": tuple(request.get("TransitiveTagKeys", [])),
    }
    for key, value in given.tags:
        facts[f"aws:requesttag/{key.lower()}"] = (value,)
    if uses_session(ctx):
        facts["aws:multifactorauthpresent"] = ("false",)
    optional = {
        "aws:username": principal.user_name,
        "sts:externalid": request.get("ExternalId", ""),
        "sts:sourceidentity": source_identity,
        "aws:sourceidentity": chain_of(ctx).source_identity,
    }
    facts.update({key: (value,) for key, value in optional.items() if value})
    return facts


_PRINCIPAL_TYPES = {
    "Root": "Account",
    "IAMUser": "User",
    "AssumedRole": "AssumedRole",
    "FederatedUser": "FederatedUser",
}
