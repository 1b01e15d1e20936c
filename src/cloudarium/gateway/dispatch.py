"""From an operation's name to the function that does it, around which every call is treated alike.

Calls from the wire and calls between services come through here: same transaction, same audit, same errors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from cloudarium.gateway.audit import Audit, is_read, source_of
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import OperationInfo, Service
from cloudarium.kernel.store import Scope

log = logging.getLogger(__name__)


class RestOfAws(Protocol):
    """Whoever answers for the services that are not ours."""

    async def call(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """Call by snake-case operation name; raises ``AwsError``."""


def _drop_data(info: OperationInfo, parameters: dict[str, Any]) -> None:
    """Forget the caller's data once the operation has used it, so that the call's record is without it."""
    for name in info.data:
        parameters.pop(name, None)


class Dispatcher:
    """Finds operations and runs them."""

    def __init__(self, cloud: Cloud, audit: Audit, rest: RestOfAws) -> None:
        self._cloud = cloud
        self._audit = audit
        self._rest = rest

    def owner(self, service: str) -> Service | None:
        """The service if it is ours."""
        return self._cloud.services.get(service)

    def find(self, service: Service, operation: str) -> OperationInfo:
        """Our operation by its API name; refuses by name what is not there yet."""
        info = service.find(operation)
        if info is None:
            raise refused(service.name, operation)
        return info

    def run_now(self, info: OperationInfo, ctx: Context, parameters: dict[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """Run a plain function as one transaction: its output, and whether the call must still wait for the disk."""
        with self._cloud.store.begin() as transaction:
            try:
                output = info.function(ctx, parameters)
            except AwsError:
                raise
            except Exception as error:
                raise internal_failure(error, ctx) from error
            finally:
                _drop_data(info, parameters)
        return output or {}, transaction.changed

    async def run(self, info: OperationInfo, ctx: Context, parameters: dict[str, Any]) -> Mapping[str, Any]:
        """Run any operation as one transaction and wait until it is durable."""
        if not info.is_async:
            output, changed = self.run_now(info, ctx, parameters)
            if changed:
                await self._durable()
            return output
        try:
            async with self._cloud.store.transaction():
                output = await info.function(ctx, parameters)
        except AwsError:
            raise
        except OSError as error:
            raise AwsError("ServiceUnavailable", str(error), 503) from error
        except Exception as error:
            raise internal_failure(error, ctx) from error
        finally:
            _drop_data(info, parameters)
        return output or {}

    async def _durable(self) -> None:
        try:
            await self._cloud.store.durable()
        except OSError as error:
            raise AwsError("ServiceUnavailable", str(error), 503) from error

    async def call(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """A call from inside the cloud (``ctx.aws…``), by snake-case operation name."""
        owner = self._cloud.services.get(service)
        name = "".join(part.capitalize() for part in operation.split("_"))
        # What services ask each other is AWS's inside; what they change, and all that they do in a customer's role
        # (a task's execution role, say), is on the record.
        recorded = principal.kind == "AssumedRole" or not is_read(name)
        if owner is None:
            # What is only recalled has been called, and is on the record, already.
            recorded = recorded and "recall" not in params
            return await self._call_rest(service, operation, scope, principal, params, name if recorded else "")
        info = owner.operations().get(operation)
        if info is None:
            raise refused(service, operation)
        if not self._cloud.is_started(owner):
            await self._cloud.ensure_started(owner)
        ctx = self._inside(scope, principal)
        try:
            output = dict(await self.run(info, ctx, params))
        except AwsError as error:
            if recorded:
                self._audit.record(ctx, owner.event_source, name, params, None, error)
            raise
        if recorded:
            self._audit.record(ctx, owner.event_source, name, params, output)
        return output

    async def _call_rest(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any], record_as: str
    ) -> dict[str, Any]:
        """A call from inside the cloud to a service that is not ours, on the record under a name, if any."""
        ctx, source = self._inside(scope, principal), source_of(service)
        try:
            output = await self._rest.call(service, operation, scope, principal, params)
        except AwsError as error:
            if record_as:
                self._audit.record(ctx, source, record_as, params, None, error)
            raise
        if record_as:
            self._audit.record(ctx, source, record_as, params, output)
        return output

    def _inside(self, scope: Scope, principal: Principal) -> Context:
        """The context of a call that does not come over the wire."""
        source = principal.arn if principal.kind == "AWSService" else "AWS Internal"
        return Context(self._cloud, scope, principal, request_id(), source, source)


def refused(service: str, operation: str) -> AwsError:
    """The answer for an operation of a service of ours that is not there yet."""
    return AwsError(
        "NotImplemented",
        f"{service}:{operation} is not implemented in Cloudarium yet. `cloudarium coverage {service}` lists what is.",
        501,
    )


def internal_failure(error: Exception, ctx: Context) -> AwsError:
    """A defect of ours: logged with its trace, answered as AWS answers its own."""
    log.error("request %s failed", ctx.request_id, exc_info=error)
    return AwsError(
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure. "
        f"This is a defect in Cloudarium ({type(error).__name__}: {error}); its log has the trace.",
        500,
    )
