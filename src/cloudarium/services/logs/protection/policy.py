"""Policy documents: which identifiers, and what is done.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch-logs-data-protection-policies.html: one statement
audits, one masks, both over the same identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.errors import invalid
from cloudarium.services.logs.protection.identifiers import IDENTIFIERS, Check

MOST_CUSTOM = 10
MOST_CHARACTERS = 30_720
_VERSION = "2021-06-01"
_ARN = re.compile(r"arn:aws[\w-]*:dataprotection::aws:data-identifier/([\w-]+)")
_NAME = re.compile(r"[\w-]{1,128}")
Mask = Callable[[str], str]
_DESTINATIONS = {"CloudWatchLogs": "LogGroup", "Firehose": "DeliveryStream", "S3": "Bucket"}


class Destination(NamedTuple):
    """Where findings go: ``kind`` is a key of the policy's ``FindingsDestination``."""

    kind: str
    name: str


class Finding(NamedTuple):
    """Where in a text some identifier was found: first and last characters, counted from one."""

    identifier: str
    places: tuple[tuple[int, int], ...]


Audit = Callable[[str], list[Finding]]


def check(document: str) -> None:
    """Refuse what is no policy, or what cannot be done here."""
    statements, custom = _parsed(document)
    kinds = [_kind(each) for each in statements]
    if sorted(kinds) != ["Audit", "Deidentify"]:
        raise invalid("The policy must have exactly one Audit statement and one Deidentify statement.")
    if len({tuple(sorted(each["DataIdentifier"])) for each in statements}) > 1:
        raise invalid("DataIdentifier must be the same in the Audit and the Deidentify statement.")
    _destinations(statements)
    _expressions(statements[0], custom)


def _destinations(statements: list[dict[str, Any]]) -> tuple[Destination, ...]:
    audit = next(each["Operation"]["Audit"] for each in statements if _kind(each) == "Audit")
    given = audit.get("FindingsDestination")
    if not isinstance(given, dict) or len(audit) > 1:
        raise invalid("The Audit action must have a FindingsDestination object and nothing else.")
    found = []
    for kind, about in given.items():
        member = _DESTINATIONS.get(kind)
        name = about.get(member) if isinstance(about, dict) and list(about) == [member] else None
        if not isinstance(name, str) or not name:
            raise invalid(
                "FindingsDestination may have CloudWatchLogs (LogGroup), Firehose (DeliveryStream), S3 (Bucket)."
            )
        found.append(Destination(kind, name))
    return tuple(found)


@lru_cache(maxsize=64)
def name_of(document: str) -> str:
    """The Name within a policy that was checked, by which metrics tell it; may be empty."""
    return str(msgspec.json.decode(document).get("Name", ""))


@lru_cache(maxsize=64)
def destinations(document: str) -> tuple[Destination, ...]:
    """Where findings of a policy that was checked go."""
    return _destinations(_parsed(document)[0])


def _parsed(document: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    if len(document) > MOST_CHARACTERS:
        raise invalid(f"The policy document is longer than {MOST_CHARACTERS} characters.")
    try:
        policy = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("The policy document is not valid JSON.") from error
    if not isinstance(policy, dict) or policy.get("Version", _VERSION) != _VERSION:
        raise invalid(f"The policy document must be a JSON object of the Version {_VERSION}.")
    if not isinstance(policy.get("Name", ""), str):
        raise invalid("The Name of the policy document must be a text.")
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


def _expressions(statement: dict[str, Any], custom: dict[str, str]) -> list[tuple[str, Any, Check | None]]:
    import re2

    options = re2.Options()
    options.log_errors = False
    found = []
    for name in statement["DataIdentifier"]:
        if (managed := _ARN.fullmatch(name)) is not None:
            if managed[1] not in IDENTIFIERS:
                raise NotThere(f"The managed data identifier {managed[1]}")
            name, (expression, checks) = managed[1], IDENTIFIERS[managed[1]]
        elif name in custom:
            expression, checks = custom[name], None
        else:
            raise invalid(f"Unknown data identifier: {name}")
        try:
            found.append((name, re2.compile(expression, options), checks))
        except re2.error as error:
            raise invalid(f"The regular expression of {name} is not valid.") from error
    return found


@lru_cache(maxsize=64)
def masker(document: str) -> Mask:
    """How a policy that was checked masks a text: every character of what is sensitive becomes an asterisk."""
    statements, custom = _parsed(document)
    expressions = _expressions(statements[0], custom)

    def mask(text: str) -> str:
        for _, expression, checks in expressions:
            text = expression.sub(lambda found, checks=checks: _hidden(found.group(), checks), text)
        return text

    return mask


@lru_cache(maxsize=64)
def auditor(document: str) -> Audit:
    """How a policy that was checked finds what is sensitive in a text."""
    statements, custom = _parsed(document)
    expressions = _expressions(statements[0], custom)

    def audit(text: str) -> list[Finding]:
        found = []
        for name, expression, checks in expressions:
            places = [
                m.span() for m in expression.finditer(text) if m.group() and (checks is None or checks(m.group()))
            ]
            if places:
                found.append(Finding(name, tuple((start + 1, end) for start, end in places)))
        return found

    return audit


def _hidden(text: str, checks: Check | None) -> str:
    return "*" * len(text) if checks is None or checks(text) else text
