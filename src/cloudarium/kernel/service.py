"""What a service is: a name, its operations, and what must run for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from cloudarium.kernel.errors import AwsError

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud

F = TypeVar("F", bound=Callable[..., Any])

Operation = Callable[..., Any]
"""``(ctx, request) -> output`` or a coroutine function of the same shape."""


class OperationInfo(NamedTuple):
    """An operation of ours: the function, whether it is a coroutine function, what it still lacks, and which members
    of its request are data rather than settings.
    """

    function: Operation
    is_async: bool
    partial: str
    data: tuple[str, ...] = ()


@overload
def operation(function: F) -> F: ...
@overload
def operation(*, partial: str = ..., data: tuple[str, ...] = ...) -> Callable[[F], F]: ...
def operation(function: F | None = None, *, partial: str = "", data: tuple[str, ...] = ()) -> Any:
    """Mark a function as an AWS operation; its name is the API's in snake case (``create_vpc``).

    ``partial`` says in words what the operation does not do yet (shown by ``cloudarium coverage``). ``data`` names
    members of the request that hold the caller's data: the record of the call leaves them out, as CloudTrail does.
    """

    def mark(f: F) -> F:
        f.__aws_operation__ = (partial, data)  # type: ignore[attr-defined]
        return f

    return mark if function is None else mark(function)


class Service:
    """A service the project owns. Its modules are imported on first use, so that an unused service costs nothing."""

    def __init__(
        self,
        name: str,
        *,
        operations: str,
        start: str = "",
        event_source: str = "",
        invalid_input: str = "",
    ) -> None:
        """``name`` is botocore's; ``operations`` a package or module path with ``@operation`` functions; ``start`` is
        ``module:function``, an ``async (cloud) -> None`` that registers controllers when the service is first used.
        ``invalid_input`` is the service's code for input that violates its model, where that is not the usual one.
        """
        self.name = name
        self.event_source = event_source or f"{name}.amazonaws.com"
        self._invalid_input = invalid_input
        self._operations_module = operations
        self._start = start
        self._operations: dict[str, OperationInfo] | None = None

    def operations(self) -> Mapping[str, OperationInfo]:
        """Our operations by snake-case name."""
        if self._operations is None:
            self._operations = dict(_collect(self._operations_module))
        return self._operations

    def find(self, name: str) -> OperationInfo | None:
        """The operation with an API name such as ``DescribeVpcs``, or None when it is not there yet."""
        return self.operations().get(snake_case(name))

    def in_its_words(self, error: AwsError) -> AwsError:
        """The gateway's error as this service would give it."""
        if self._invalid_input and error.code == "ValidationException":
            return AwsError(self._invalid_input, error.message, error.status)
        return error

    async def start(self, cloud: Cloud) -> None:
        """Register controllers; called once, before the first operation or when stored rows need it at start."""
        if self._start:
            module, _, function = self._start.partition(":")
            begin: Callable[[Cloud], Awaitable[None]] = getattr(importlib.import_module(module), function)
            await begin(cloud)


def _collect(path: str) -> list[tuple[str, OperationInfo]]:
    module = importlib.import_module(path)
    modules = [module]
    if hasattr(module, "__path__"):
        modules += [importlib.import_module(f"{path}.{m.name}") for m in pkgutil.iter_modules(module.__path__)]
    found = []
    for each in modules:
        for name, function in vars(each).items():
            if (mark := getattr(function, "__aws_operation__", None)) is not None:
                info = OperationInfo(function, inspect.iscoroutinefunction(function), *mark)
                found.append((name.rstrip("_"), info))
    return found


_BOUNDARY_1 = re.compile(r"(.)([A-Z][a-z]+)")
_BOUNDARY_2 = re.compile(r"([a-z0-9])([A-Z])")
_SPECIAL = re.compile(r"([A-Z]{2,}s$)")
_cache: dict[str, str] = {}


def snake_case(name: str) -> str:
    """An API name in the snake case that botocore's clients use (``DescribeVPCs`` is ``describe_vpcs``)."""
    known = _cache.get(name)
    if known is None:
        text = name
        if (plural := _SPECIAL.search(text)) is not None:
            text = text[: -len(plural.group())] + "_" + plural.group().lower()
        text = _BOUNDARY_1.sub(r"\1_\2", text)
        known = _cache[name] = _BOUNDARY_2.sub(r"\1_\2", text).lower().lstrip("_").replace("__", "_")
    return known
