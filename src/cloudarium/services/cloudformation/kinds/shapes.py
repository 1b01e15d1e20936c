"""From a template's properties to an API's parameters: mostly the same names in another case. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ACRONYM = re.compile(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]")
"""What of a name becomes small: all of an acronym that begins it (EFSVolume…, IAM), or else the first letter."""


def camel(value: Any, names: Mapping[str, str], data: frozenset[str]) -> Any:
    """``FamilyName`` becomes ``familyName``, at every depth.

    ``names`` are those that differ in more than case. ``data`` are properties whose value is a map of the user's own
    keys (labels, options): they stay as they are.
    """
    if isinstance(value, Mapping):
        return {
            names.get(key) or decapitalized(key): each if key in data else camel(each, names, data)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [camel(each, names, data) for each in value]
    return value


def decapitalized(name: str) -> str:
    """A name in the case of APIs: ``CpuArchitecture`` is ``cpuArchitecture``, ``IAM`` is ``iam``."""
    return _ACRONYM.sub(lambda found: found[0].lower(), name, count=1) if name[:1].isupper() else name


def without(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The properties but for some."""
    return {name: value for name, value in properties.items() if name not in names}
