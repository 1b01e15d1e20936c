"""Dynamic references: ``{{resolve:…}}`` within the texts that a resource is given.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cloudarium.services.cloudformation.template.errors import Missing, TemplateError
from cloudarium.services.cloudformation.template.model import Values

_REFERENCE = re.compile(r"\{\{resolve:([^{}:]*):([^{}]*)\}\}")
_SERVICES = ("ssm", "ssm-secure", "secretsmanager")


class DynamicReference(msgspec.Struct, frozen=True, kw_only=True):
    """What a dynamic reference asks for."""

    service: str
    """``ssm``, ``ssm-secure`` or ``secretsmanager``."""
    name: str
    """The parameter's name, or the secret's name or ARN."""
    version: str = ""
    """The parameter's version, or the secret's version id; empty for the latest."""
    stage: str = ""
    """The secret's version stage."""
    json_key: str = ""
    """The key within the secret whose value is meant; empty for the whole secret."""


def parsed(text: str) -> DynamicReference:
    """A whole dynamic reference, as a ``Missing`` has it, taken apart. Raises ``TemplateError``."""
    found = _REFERENCE.fullmatch(text)
    if found is None or found[1] not in _SERVICES:
        raise TemplateError(f"Template error: {text[:200]} is not a dynamic reference")
    service, rest = found[1], found[2]
    if service != "secretsmanager":
        name, _, version = rest.partition(":")
        if rest.startswith("arn:"):
            # A parameter that another account shares: arn:aws:ssm:region:account:parameter/name.
            parts = rest.split(":")
            name, version = ":".join(parts[:6]), ":".join(parts[6:])
        if not name or (version and not (version.isascii() and version.isdigit())):
            raise _malformed(text)
        return DynamicReference(service=service, name=name, version=version)
    parts = rest.split(":")
    named = 7 if rest.startswith("arn:") else 1
    name, more = ":".join(parts[:named]), parts[named:]
    kind, json_key, stage, version = [*more, "", "", "", ""][:4]
    if not name or len(more) > 4 or kind not in ("", "SecretString") or (stage and version):
        raise _malformed(text)
    return DynamicReference(service=service, name=name, version=version, stage=stage, json_key=json_key)


def replaced(node: Any, values: Values, spend: Callable[[int], None]) -> Any:
    """A resolved part of a template with what its dynamic references stand for. Raises ``Missing``.

    ``spend`` is told how long each value is.
    """
    if isinstance(node, str):
        if "{{resolve:" not in node:
            return node
        return _REFERENCE.sub(lambda found: _value(found, values, spend), node)
    if isinstance(node, dict):
        return {key: replaced(value, values, spend) for key, value in node.items()}
    if isinstance(node, list):
        return [replaced(member, values, spend) for member in node]
    return node


def _value(found: re.Match[str], values: Values, spend: Callable[[int], None]) -> str:
    if found[1] not in _SERVICES:
        # AWS leaves alone what names none of its services.
        return found[0]
    parsed(found[0])
    if (found[1], found[0]) not in values.outside:
        raise Missing(found[1], found[0])
    value = str(values.outside[found[1], found[0]])
    spend(len(value))
    return value


def _malformed(text: str) -> TemplateError:
    return TemplateError(f"Template error: incorrect format is used in the following dynamic reference: {text[:200]}")
