"""The gateway: one HTTP request in, AWS's answer out.

Everything that is the same for every call happens here, in one place: who calls, in which account and region, which
operation that is, whether it is valid, one transaction, one CloudTrail record, and the words of the answer. A plain
function that changed nothing is answered in the same turn of the loop; everything else is awaited.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from cloudarium.gateway import wire
from cloudarium.gateway.audit import Audit
from cloudarium.gateway.detect import Detected, detect, protocol_hint
from cloudarium.gateway.dispatch import Dispatcher, internal_failure
from cloudarium.gateway.sigv4 import Credential, account_of
from cloudarium.gateway.wire.chunked import is_chunked, plain_body
from cloudarium.gateway.wire import WireRequest, WireResponse
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import DEFAULT_ACCOUNT, DEFAULT_REGION, Principal, root
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.principals import principal_of
from cloudarium.kernel.service import OperationInfo, Service
from cloudarium.kernel.store import Scope

log = logging.getLogger(__name__)

ANSWERED_BY = "x-cloudarium-answered-by"


class RestOfAws(Protocol):
    """Whoever answers, on the wire, for the services that are not ours."""

    @property
    def name(self) -> str:
        """Who answers, for the response header."""

    async def forward(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        account: str,
        region: str,
        *,
        service: str,
        operation: str,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on and return status, headers and body; raises ``AwsError``."""


@dataclass(slots=True)
class Tally:
    """How often an operation was called, failed, and how long it took in all (host seconds)."""

    calls: int = 0
    errors: int = 0
    seconds: float = 0.0


class Gateway:
    """Answers AWS's API. Knows no operation by name."""

    def __init__(self, cloud: Cloud, dispatcher: Dispatcher, audit: Audit, rest: RestOfAws) -> None:
        self._cloud = cloud
        self._dispatcher = dispatcher
        self._audit = audit
        self._rest = rest
        self._roots: dict[str, Principal] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}

    def answer(self, request: WireRequest, peer: str) -> WireResponse | Awaitable[WireResponse]:
        """Answer one call. ``peer`` is the caller's address."""
        identifier = request_id()
        try:
            detected = detect(request)
            credential = detected.credential
            if is_chunked(request):
                _unwrap(request)
        except AwsError as error:
            return wire.serialize_unknown_error(protocol_hint(request), error, identifier)
        service = self._cloud.services.get(detected.service)
        if service is None:
            return self._forward(request, detected, credential, peer, identifier)
        try:
            operation = wire.operation(detected.service, detected.protocol, detected.operation_name)
        except AwsError as error:
            return wire.serialize_unknown_error(detected.protocol, error, identifier)
        return self._serve(service, operation, request, detected, credential, peer, identifier)

    # -- our services ----------------------------------------------------------------------------------------------

    def _serve(
        self,
        service: Service,
        operation: wire.Operation,
        request: WireRequest,
        detected: Detected,
        credential: Credential | None,
        peer: str,
        identifier: str,
    ) -> WireResponse | Awaitable[WireResponse]:
        started = self._cloud.clock.host_time()
        scope = self._scope(service, credential)
        principal = self._known_principal(credential, scope)
        ctx = Context(
            self._cloud, scope, principal or root(scope.account), identifier, peer, request.headers.get("user-agent", "")
        )  # fmt: skip
        call = _Call(self, service, operation, ctx, detected.operation_name, started)
        try:
            info = self._dispatcher.find(service, detected.operation_name)
            call.parameters = operation.parse(request, detected.path_params)
            if principal is None or info.is_async or not self._cloud.is_started(service):
                return self._serve_later(call, info, credential if principal is None else None)
            output, changed = self._dispatcher.run_now(info, ctx, call.parameters)
        except AwsError as error:
            return call.failed(error)
        response = call.succeeded(output)
        return self._after_commit(call, response) if changed else response

    async def _serve_later(self, call: _Call, info: OperationInfo, credential: Credential | None) -> WireResponse:
        try:
            if credential is not None:
                call.ctx.principal = await principal_of(self._cloud, credential.access_key)
            await self._cloud.ensure_started(call.service)
            output = await self._dispatcher.run(info, call.ctx, call.parameters or {})
        except AwsError as error:
            return call.failed(error)
        except Exception as error:
            return call.failed(internal_failure(error, call.ctx))
        return call.succeeded(output)

    async def _after_commit(self, call: _Call, response: WireResponse) -> WireResponse:
        try:
            await self._cloud.store.durable()
        except OSError as error:
            return call.failed(AwsError("ServiceUnavailable", str(error), 503))
        return response

    def finish(self, call: _Call, output: Any, error: AwsError | None) -> None:
        """Record a call that has its answer."""
        key = (call.service.name, call.name)
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally()
        tally.calls += 1
        tally.errors += error is not None
        tally.seconds += self._cloud.clock.host_time() - call.started
        self._audit.record(call.ctx, call.service.event_source, call.name, call.parameters, output, error)

    # -- who and where ---------------------------------------------------------------------------------------------

    def _scope(self, service: Service | None, credential: Credential | None) -> Scope:
        if credential is None:
            return Scope(DEFAULT_ACCOUNT, DEFAULT_REGION)
        account = account_of(credential.access_key, DEFAULT_ACCOUNT)
        return Scope(account, credential.region or DEFAULT_REGION)

    def _known_principal(self, credential: Credential | None, scope: Scope) -> Principal | None:
        """The principal when it needs no look-up: the root user behind a 12-digit or unknown simple key id."""
        if credential is None:
            return root(scope.account)
        key = credential.access_key
        known = self._roots.get(key)
        if known is None and not key.startswith(("AKIA", "ASIA")):
            if len(self._roots) > 10_000:
                self._roots.clear()
            known = self._roots[key] = root(scope.account, key)
        return known

    # -- the rest of AWS -------------------------------------------------------------------------------------------

    async def _forward(
        self, request: WireRequest, detected: Detected, credential: Credential | None, peer: str, identifier: str
    ) -> WireResponse:
        scope = self._scope(None, credential)
        name = detected.operation_name
        ctx = Context(
            self._cloud, scope, root(scope.account), identifier, peer, request.headers.get("user-agent", "")
        )  # fmt: skip
        error: AwsError | None = None
        try:
            if credential is not None:
                ctx.principal = await principal_of(self._cloud, credential.access_key)
            target = f"{request.path}?{request.query}" if request.query else request.path
            status, headers, body = await self._rest.forward(
                request.method,
                target,
                list(request.headers.items()),
                request.body,
                scope.account,
                scope.region,
                service=detected.service,
                operation=name,
            )
            response = WireResponse(status, [*headers, (ANSWERED_BY, self._rest.name)], body)
            if status >= 400:
                error = AwsError(f"HTTP{status}", "answered by the mock library", status)
        except AwsError as failure:
            error = failure
            response = self._failure_of(detected, failure, identifier)
        self._audit.record(ctx, f"{detected.service}.amazonaws.com", name, None, None, error)
        return response

    @staticmethod
    def _failure_of(detected: Detected, error: AwsError, identifier: str) -> WireResponse:
        try:
            operation = wire.operation(detected.service, detected.protocol, detected.operation_name)
        except AwsError:
            return wire.serialize_unknown_error(detected.protocol, error, identifier)
        return operation.serialize_error(error, identifier)


class _Call:
    """One call to a service of ours on its way through."""

    __slots__ = ("ctx", "gateway", "name", "operation", "parameters", "service", "started")

    def __init__(
        self, gateway: Gateway, service: Service, operation: wire.Operation, ctx: Context, name: str, started: float
    ) -> None:
        self.gateway = gateway
        self.service = service
        self.operation = operation
        self.ctx = ctx
        self.name = name
        self.started = started
        self.parameters: dict[str, Any] | None = None

    def succeeded(self, output: Any) -> WireResponse:
        response = self.operation.serialize(output, self.ctx.request_id)
        response.headers.append((ANSWERED_BY, "cloudarium"))
        self.gateway.finish(self, output, None)
        return response

    def failed(self, error: AwsError) -> WireResponse:
        response = self.operation.serialize_error(error, self.ctx.request_id)
        response.headers.append((ANSWERED_BY, "cloudarium"))
        self.gateway.finish(self, None, error)
        return response


def _unwrap(request: WireRequest) -> None:
    """Put an aws-chunked body in its plain form, and the headers as if it had been sent so."""
    request.body = plain_body(request)
    headers = request.headers
    codings = [c.strip() for c in headers.get("content-encoding", "").split(",")]
    left = [c for c in codings if c and c != "aws-chunked"]
    if left:
        headers["content-encoding"] = ", ".join(left)
    else:
        headers.pop("content-encoding", None)
    for name in ("x-amz-decoded-content-length", "x-amz-trailer", "transfer-encoding"):
        headers.pop(name, None)
    headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    headers["content-length"] = str(len(request.body))
