"""Who is calling, and whose a key is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import SESSIONS, Session
from cloudarium.kernel.principals import principal_of
from cloudarium.kernel.service import operation
from cloudarium.services.sts.credentials import account_in

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import GetAccessKeyInfoRequestTypeDef


@operation()
def get_caller_identity(ctx: Context, request: dict[str, Any]) -> Answer:
    """The calling principal. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""
    principal = ctx.principal
    return {"UserId": principal.principal_id, "Account": principal.account, "Arn": principal.arn}


@operation()
async def get_access_key_info(ctx: Context, request: GetAccessKeyInfoRequestTypeDef) -> Answer:
    """The account of any access key, whether it exists or not, as long as it carries one.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    """
    key = request["AccessKeyId"]
    if (session := ctx.table(Session).get(SESSIONS, key)) is not None:
        return {"Account": session.principal.account}
    if key.startswith("AKIA"):
        principal = await principal_of(ctx.cloud, key)
        if principal.kind == "IAMUser":
            return {"Account": principal.account}
    account = account_in(key)
    if account is None:
        raise AwsError("ValidationError", f"Invalid access key ID: {key}", 400)
    return {"Account": account}
