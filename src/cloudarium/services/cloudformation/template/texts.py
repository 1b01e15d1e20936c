"""What templates say within texts: scalars as texts, and the variables of ``Fn::Sub``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cloudarium.services.cloudformation.template.errors import TemplateError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:]+")


def as_text(value: Any) -> str | None:
    """A scalar as CloudFormation puts it into texts; None for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    return None


def variables(text: str) -> Iterator[str]:
    """The names within ``${}`` of a text of ``Fn::Sub``; ``${!literal}`` is none. Raises ``TemplateError``."""
    for found in _VARIABLE.finditer(text):
        name = found[1]
        if name.startswith("!"):
            continue
        if _NAME.fullmatch(name) is None:
            raise TemplateError(
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
                "underscores, periods, and colons"
            )
        yield name


def substituted(text: str, value: Callable[[str], str]) -> str:
    """The text with every variable replaced by its value."""
    return _VARIABLE.sub(lambda found: f"${{{found[1][1:]}}}" if found[1].startswith("!") else value(found[1]), text)
