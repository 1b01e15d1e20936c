"""Temporary credentials of users: GetSessionToken and GetFederationToken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.identity import PARTITION, Principal
from cloudarium.kernel.service import operation
from cloudarium.services.sts.session_policies import Passed, passed
from cloudarium.services.sts.sessions import issue, uses_session

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import GetFederationTokenRequestTypeDef, GetSessionTokenRequestTypeDef

_USER_DEFAULT = 43_200
_ROOT_MOST = 3_600


@operation(partial="MFA is refused")
def get_session_token(ctx: Context, request: GetSessionTokenRequestTypeDef) -> Answer:
    """Temporary credentials with the caller's own identity.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    if "SerialNumber" in request or "TokenCode" in request:
        raise NotThere("MFA in sts:GetSessionToken (SerialNumber, TokenCode)")
    _refuse_session(ctx, "GetSessionToken")
    seconds = _duration(ctx, request.get("DurationSeconds", _USER_DEFAULT))
    credentials = issue(ctx, ctx.principal, seconds, Passed((), (), 0), request.get("MinimumSessionTokenSize", 0))
    return {"Credentials": credentials, "SessionTokenSize": len(credentials["SessionToken"])}


@operation(partial="session policies are kept but not enforced")
def get_federation_token(ctx: Context, request: GetFederationTokenRequestTypeDef) -> Answer:
    """Temporary credentials for a federated user.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
    """
    _refuse_session(ctx, "GetFederationToken")
    given = passed(request)
    account, name = ctx.principal.account, request["Name"]
    arn = f"arn:{PARTITION}:sts::{account}:federated-user/{name}"
    principal = Principal("FederatedUser", account, arn, f"{account}:{name}", session_issuer=ctx.principal.arn)
    seconds = _duration(ctx, request.get("DurationSeconds", _USER_DEFAULT))
    credentials = issue(ctx, principal, seconds, given, request.get("MinimumSessionTokenSize", 0))
    answer: Answer = {
        "Credentials": credentials,
        "FederatedUser": {"FederatedUserId": principal.principal_id, "Arn": arn},
        "SessionTokenSize": len(credentials["SessionToken"]),
    }
    if given.packed_percent:
        answer["PackedPolicySize"] = given.packed_percent
    return answer


def _refuse_session(ctx: Context, operation_name: str) -> None:
    if uses_session(ctx):
        raise AwsError("AccessDenied", f"Cannot call {operation_name} with session credentials", 403)


def _duration(ctx: Context, asked: int) -> int:
    """Seconds: what root asks beyond an hour is cut to an hour."""
    return min(asked, _ROOT_MOST) if ctx.principal.kind == "Root" else asked
