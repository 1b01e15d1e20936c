"""Policy documents: which identifiers, and what is done.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch-logs-data-protection-policies.html: one statement
audits, one masks, both over the same identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.errors import invalid
from cloudarium.services.logs.protection.identifiers import IDENTIFIERS, Check

MOST_CUSTOM = 10
MOST_CHARACTERS = 30_720
_ARN = re.compile(r"arn:aws[\w-]*:dataprotection::aws:data-identifier/([\w-]+)")
_NAME = re.compile(r"[\w-]{1,128}")
Mask = Callable[[str], str]


def check(document: str) -> None:
    """Refuse what is no policy, or what cannot be done here."""
    statements, custom = _parsed(document)
    kinds = [_kind(each) for each in statements]
    if sorted(kinds) != ["Audit", "Deidentify"]:
        raise invalid("The policy must have exactly one Audit statement and one Deidentify statement.")
    if len({tuple(sorted(each["DataIdentifier"])) for each in statements}) > 1:
        raise invalid("DataIdentifier must be the same in the Audit and the Deidentify statement.")
    for each in statements:
        if _kind(each) == "Audit" and each["Operation"]["Audit"].get("FindingsDestination"):
            raise NotThere("Delivering findings of data protection (FindingsDestination)")
    _expressions(statements[0], custom)


def _parsed(document: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    if len(document) > MOST_CHARACTERS:
        raise invalid(f"The policy document is longer than {MOST_CHARACTERS} characters.")
    try:
        policy = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("The policy document is not valid JSON.") from error
    if not isinstance(policy, dict) or not policy.get("Name") or policy.get("Version") != "2021-06-01":
        raise invalid("The policy document must have a Name and the Version 2021-06-01.")
    statements = policy.get("Statement")
    if not isinstance(statements, list) or not all(_is_statement(each) for each in statements):
        raise invalid("Each Statement must have a DataIdentifier and an Operation.")
    custom: dict[str, str] = {}
    configuration = policy.get("Configuration")
    listed = configuration.get("CustomDataIdentifier") if isinstance(configuration, dict) else None
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or not _NAME.fullmatch(str(each.get("Name", ""))):
            raise invalid("Each CustomDataIdentifier must have a Name and a Regex.")
        custom[each["Name"]] = str(each.get("Regex", ""))
    if len(custom) > MOST_CUSTOM:
        raise invalid(f"A policy may have at most {MOST_CUSTOM} custom data identifiers.")
    return statements, custom


def _is_statement(each: Any) -> bool:
    if not isinstance(each, dict) or not isinstance(each.get("DataIdentifier"), list):
        return False
    names = each["DataIdentifier"]
    return bool(names) and all(isinstance(name, str) for name in names) and isinstance(each.get("Operation"), dict)


def _kind(statement: dict[str, Any]) -> str:
    operation = statement["Operation"]
    if list(operation) == ["Audit"] and isinstance(operation["Audit"], dict):
        return "Audit"
    if operation == {"Deidentify": {"MaskConfig": {}}}:
        return "Deidentify"
    raise invalid("Operation must be Audit, or Deidentify with an empty MaskConfig.")


def _expressions(statement: dict[str, Any], custom: dict[str, str]) -> list[tuple[Any, Check | None]]:
    import re2

    options = re2.Options()
    options.log_errors = False
    found = []
    for name in statement["DataIdentifier"]:
        if (managed := _ARN.fullmatch(name)) is not None:
            if managed[1] not in IDENTIFIERS:
                raise NotThere(f"The managed data identifier {managed[1]}")
            expression, checks = IDENTIFIERS[managed[1]]
        elif name in custom:
            expression, checks = custom[name], None
        else:
            raise invalid(f"Unknown data identifier: {name}")
        try:
            found.append((re2.compile(expression, options), checks))
        except re2.error as error:
            raise invalid(f"The regular expression of {name} is not valid.") from error
    return found


@lru_cache(maxsize=64)
def masker(document: str) -> Mask:
    """How a policy that was checked masks a text: every character of what is sensitive becomes an asterisk."""
    statements, custom = _parsed(document)
    expressions = _expressions(statements[0], custom)

    def mask(text: str) -> str:
        for expression, checks in expressions:
            text = expression.sub(lambda found, checks=checks: _hidden(found.group(), checks), text)
        return text

    return mask


def _hidden(text: str, checks: Check | None) -> str:
    return "*" * len(text) if checks is None or checks(text) else text
