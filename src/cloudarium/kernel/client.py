"""AWS from the inside: how one service calls another.

``ctx.aws.ec2.describe_vpcs(VpcIds=["vpc-…"])`` is dispatched in process when the service is ours and sent to the mock
library otherwise; the caller cannot tell. Parameters and results are those of boto3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope

Dispatch = Callable[[str, str, Scope, Principal, dict[str, Any]], Awaitable[dict[str, Any]]]
"""``(service, snake-case operation, scope, principal, parameters) -> output``; raises ``AwsError``."""


class AwsClient:
    """One service for one principal."""

    __slots__ = ("_dispatch", "_principal", "_scope", "_service")

    def __init__(self, dispatch: Dispatch, service: str, scope: Scope, principal: Principal) -> None:
        self._dispatch = dispatch
        self._service = service
        self._scope = scope
        self._principal = principal

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        if operation.startswith("_"):
            raise AttributeError(operation)

        def call(**parameters: Any) -> Awaitable[dict[str, Any]]:
            return self._dispatch(self._service, operation, self._scope, self._principal, parameters)

        return call


class AwsClients:
    """Every service for one principal in one account and region."""

    __slots__ = ("_dispatch", "_principal", "_scope")

    def __init__(self, dispatch: Dispatch, scope: Scope, principal: Principal) -> None:
        self._dispatch = dispatch
        self._scope = scope
        self._principal = principal

    def __getattr__(self, service: str) -> AwsClient:
        if service.startswith("_"):
            raise AttributeError(service)
        return AwsClient(self._dispatch, service.replace("_", "-").rstrip("-"), self._scope, self._principal)
