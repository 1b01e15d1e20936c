"""The operation decorator, typed so that operations stay typed functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from cloudarium.kernel.service import operation

F = TypeVar("F", bound=Callable[..., Any])


def api(*, partial: str = "") -> Callable[[F], F]:
    """Mark a function as an operation; ``partial`` says what it does not do yet."""
    mark: Callable[[F], F] = operation(partial=partial)
    return mark
