"""Who is calling: principals, and the temporary credentials that stand for them."""

from __future__ import annotations

import msgspec

from cloudarium.kernel.store import Record, Scope

PARTITION = "aws"
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
GLOBAL = "aws-global"
"""The region under which records of global services (IAM, STS sessions) are kept."""


class Principal(msgspec.Struct, frozen=True):
    """The identity behind a request, in the words of CloudTrail's ``userIdentity``.

    ``kind`` is ``Root``, ``IAMUser``, ``AssumedRole``, ``FederatedUser``, ``AWSService`` or ``AWSAccount``;
    ``principal_id`` is what GetCallerIdentity calls UserId.
    """

    kind: str
    account: str
    arn: str
    principal_id: str
    access_key: str = ""
    user_name: str = ""
    session_issuer: str = ""


class Session(Record, frozen=True, kw_only=True):
    """Temporary credentials issued by STS, by access key id. Times are cloud seconds."""

    TABLE = "kernel.sessions"
    KEY = "access_key"

    access_key: str
    secret_key: str
    token: str
    principal: Principal
    created: float
    expires: float
    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


SESSIONS = Scope("*", GLOBAL)
"""Access key ids are unique across accounts, so sessions live in one scope."""


def root(account: str, access_key: str = "") -> Principal:
    """The root user of an account: what a 12-digit access key id stands for."""
    return Principal("Root", account, f"arn:{PARTITION}:iam::{account}:root", account, access_key)
