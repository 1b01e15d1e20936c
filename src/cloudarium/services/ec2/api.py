"""What every EC2 operation does besides its own work: the default VPC, and ``DryRun``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, overload

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.ec2.defaults import ensure_default_vpc

F = TypeVar("F", bound=Callable[..., Any])


@overload
def api(function: F) -> F: ...
@overload
def api(*, partial: str = ..., sees_vpcs: bool = ...) -> Callable[[F], F]: ...
def api(function: F | None = None, *, partial: str = "", sees_vpcs: bool = True) -> Any:
    """Mark an EC2 operation (see ``kernel.service.operation``).

    Unless ``sees_vpcs`` is false the account's default VPC is there when the operation runs. A dry run really runs
    and is taken back with its transaction, so that "would have succeeded" is never a guess.
    """

    def mark(f: F) -> Any:
        @functools.wraps(f)
        def call(ctx: Context, request: dict[str, Any]) -> Any:
            if sees_vpcs:
                ensure_default_vpc(ctx)
            answer = f(ctx, request)
            if request.get("DryRun"):
                raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
            return answer

        return operation(partial=partial)(call)

    return mark if function is None else mark(function)
