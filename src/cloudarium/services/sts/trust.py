"""Trust policies: may this principal assume that role?

A deny that matches wins; else one allow must match. Only the trust policy is looked at here: whether the caller's own
policies allow the call is the gateway's affair, as for every call.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.identity import Principal
from cloudarium.services.sts.conditions import Facts, holds, like, texts


def allows(document: Mapping[str, Any], action: str, principal: Principal, facts: Facts) -> bool:
    """Whether a trust policy lets ``principal`` perform ``action`` (``sts:AssumeRole``)."""
    statements = document.get("Statement", [])
    matching = [
        statement
        for statement in (statements if isinstance(statements, list) else [statements])
        if _names_action(statement, action)
        and _names_principal(statement, principal)
        and holds(statement.get("Condition", {}), facts)
    ]
    return bool(matching) and all(statement.get("Effect") == "Allow" for statement in matching)


def _names_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(like(action.lower(), each.lower()) for each in texts(statement["NotAction"]))
    return any(like(action.lower(), each.lower()) for each in texts(statement.get("Action", [])))


def _names_principal(statement: Mapping[str, Any], principal: Principal) -> bool:
    if "NotPrincipal" in statement:
        return not _is_among(statement["NotPrincipal"], principal)
    return _is_among(statement.get("Principal", {}), principal)


def _is_among(named: Any, principal: Principal) -> bool:
    if named == "*":
        return True
    if not isinstance(named, Mapping):
        return False
    if principal.kind == "AWSService":
        return principal.principal_id in texts(named.get("Service", []))
    return any(_is(each, principal) for each in texts(named.get("AWS", [])))


def _is(name: str, principal: Principal) -> bool:
    """``*``, an account (number or root ARN, which stands for everyone in it), or one identity's ARN or id."""
    if name in ("*", principal.account, f"arn:aws:iam::{principal.account}:root"):
        return True
    known_as = {principal.arn, principal.session_issuer, principal.principal_id, principal.principal_id.split(":")[0]}
    return name in known_as - {""}
