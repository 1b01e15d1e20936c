"""What functions are made of: templates of SQL that take their arguments as numbers or as texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.sql import Kind, Value, value

Function = Callable[[Sequence[Value]], Value]
Functions = dict[str, tuple[int, int, Function]]
"""By names in lower case: fewest and most arguments, and what is made of them."""


def of_numbers(template: str, kind: Kind = "number") -> Function:
    """A function of numbers."""
    return lambda given: value(template.format(*(sql.number(each) for each in given)), kind)


def of_texts(template: str, kind: Kind = "text") -> Function:
    """A function of texts."""
    return lambda given: value(template.format(*(sql.scalar(each) for each in given)), kind)


def flag(test: str) -> str:
    """An SQL condition as the number that functions give which "return 1 … and 0 otherwise"."""
    return f"CAST(CAST({test} AS INTEGER) AS DOUBLE)"


def literally(given: Value, what: str) -> str:
    """A text that must be said literally."""
    if not isinstance(given.constant, str):
        raise NotThere(f"{what} that is not given literally in CloudWatch Logs Insights")
    return given.constant
