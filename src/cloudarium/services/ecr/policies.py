"""Resource policies of repositories and registries: reading them, and what they say about a call. Pure.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html. Within an account everything is
allowed that a repository policy does not deny; another account's principals need a statement that allows them. A
statement with a Condition neither allows nor denies here (the operations that take policies say so in the ledger).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from cloudarium.kernel.identity import Principal
from cloudarium.services.ecr.errors import denied, invalid
from cloudarium.services.ecr.wildcards import matches

MAX_TEXT = 10_240
_STATEMENT = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"
}  # fmt: skip


def check(text: str, kind: str) -> None:
    """Refuse a text that is no policy. ``kind`` is ``repository`` or ``registry``."""
    if _statements(text) is None or len(text) > MAX_TEXT:
        raise invalid("PolicyText", f"Invalid {kind} policy provided")


def authorize(policy: str, principal: Principal, account: str, action: str, arn: str) -> None:
    """Raise AccessDeniedException unless the principal may do ``action`` (without ``ecr:``) in an account."""
    allowed = principal.account == account
    for statement in (_statements(policy) or ()) if policy else ():
        if not statement.get("Condition") and _is_about(statement, principal, action, arn):
            if statement["Effect"] == "Deny":
                raise denied(principal.arn, action, arn, explicit=True)
            allowed = True
    if not allowed:
        raise denied(principal.arn, action, arn)


@lru_cache(maxsize=256)
def _statements(text: str) -> tuple[Mapping[str, Any], ...] | None:
    """The statements of a policy, or None when it is not one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        return None
    if document.get("Version", "2012-10-17") not in ("2008-10-17", "2012-10-17"):
        return None
    return tuple(statements) if all(_is_statement(each) for each in statements) else None


def _is_statement(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() - _STATEMENT or value.get("Effect") not in ("Allow", "Deny"):
        return False
    if ("Principal" in value) == ("NotPrincipal" in value) or ("Action" in value) == ("NotAction" in value):
        return False
    actions = list(_texts(value.get("Action", value.get("NotAction"))))
    principal = value.get("Principal", value.get("NotPrincipal"))
    known = principal == "*" or (
        isinstance(principal, dict) and not principal.keys() - {"AWS", "Service", "Federated", "CanonicalUser"}
    )
    return known and bool(actions) and all(each == "*" or each.lower().startswith("ecr:") for each in actions)


def _is_about(statement: Mapping[str, Any], principal: Principal, action: str, arn: str) -> bool:
    if ("Action" in statement) != _matches_any(f"ecr:{action}", _any_of(statement, "Action"), ignore_case=True):
        return False
    resources = _any_of(statement, "Resource")
    if resources and ("Resource" in statement) != _matches_any(arn, resources):
        return False
    return ("Principal" in statement) == _is_named(statement.get("Principal", statement.get("NotPrincipal")), principal)


def _any_of(statement: Mapping[str, Any], name: str) -> list[str]:
    return list(_texts(statement.get(name, statement.get(f"Not{name}", []))))


def _is_named(named: Any, principal: Principal) -> bool:
    if named == "*":
        return True
    if principal.kind == "AWSService":
        return principal.arn in _texts(named.get("Service", []))
    for each in _texts(named.get("AWS", [])):
        whole_account = f"arn:aws:iam::{principal.account}:root"
        if each in ("*", principal.account, whole_account, principal.arn, principal.session_issuer):
            return True
    return False


def _matches_any(text: str, patterns: Iterable[str], *, ignore_case: bool = False) -> bool:
    if ignore_case:
        text, patterns = text.lower(), [each.lower() for each in patterns]
    return any(matches(text, each, single=True) for each in patterns)


def _texts(value: Any) -> Iterable[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]
