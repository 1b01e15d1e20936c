"""The gateway: one HTTP request in, AWS's answer out.

Everything that is the same for every call happens here, in one place: who calls, in which account and region, which
operation that is, whether it is valid, one transaction, one CloudTrail record, and the words of the answer. A plain
function that changed nothing is answered in the same turn of the loop; everything else is awaited.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from cloudarium.gateway import wire
from cloudarium.gateway.audit import Audit, source_of
from cloudarium.gateway.detect import Detected, detect, refusal
from cloudarium.gateway.dispatch import Dispatcher, internal_failure
from cloudarium.gateway.sigv4 import Credential
from cloudarium.gateway.usage import Usage
from cloudarium.gateway.wire import WireRequest, WireResponse
from cloudarium.gateway.wire.chunked import is_chunked, plain_body
from cloudarium.gateway.wire.digests import check_digests
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import DEFAULT_ACCOUNT, DEFAULT_REGION, Principal, root
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.principals import known_principal, principal_of
from cloudarium.kernel.service import OperationInfo, Service
from cloudarium.kernel.store import Scope

log = logging.getLogger(__name__)

ANSWERED_BY = "x-cloudarium-answered-by"
_GLOBAL = frozenset(
    {"account", "budgets", "ce", "cloudfront", "health", "iam", "organizations", "route53", "shield", "support", "waf"}
)
"""Services that are in us-east-1, wherever a client says that it is."""
_LONG = 256 * 1024
"""Bytes of a body above which digests are computed in another thread."""


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
        self._anyone = root(DEFAULT_ACCOUNT)
        self._usage = Usage(cloud)
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
            return refusal(request, error, identifier)
        try:
            principal = self._anyone if credential is None else known_principal(self._cloud, credential.access_key)
        except AwsError as error:
            return wire.serialize_service_error(detected.service, detected.protocol, error, identifier)
        call = _Call(self, request, detected, peer, identifier)
        if principal is None:
            return self._identify(call, credential)
        return self._route(call, principal)

    async def _identify(self, call: _Call, credential: Credential | None) -> WireResponse:
        """Find out whose key it is where somebody must be asked, then go on."""
        assert credential is not None
        try:
            principal = await principal_of(self._cloud, credential.access_key)
        except AwsError as error:
            return wire.serialize_service_error(call.detected.service, call.detected.protocol, error, call.identifier)
        answer = self._route(call, principal)
        return answer if isinstance(answer, WireResponse) else await answer

    def _route(self, call: _Call, principal: Principal) -> WireResponse | Awaitable[WireResponse]:
        detected, credential = call.detected, call.detected.credential
        region = (credential.region if credential is not None else "") or DEFAULT_REGION
        if detected.service in _GLOBAL:
            region = DEFAULT_REGION
        agent = call.request.headers.get("user-agent", "")
        call.ctx = Context(self._cloud, Scope(principal.account, region), principal, call.identifier, call.peer, agent)
        service = self._cloud.services.get(detected.service)
        if service is None:
            return self._forward(call)
        try:
            call.operation = wire.operation(detected.service, detected.protocol, detected.operation_name)
        except AwsError as error:
            return wire.serialize_service_error(detected.service, detected.protocol, error, call.identifier)
        call.service = service
        return self._serve(call)

    # -- our services ----------------------------------------------------------------------------------------------

    def _serve(self, call: _Call) -> WireResponse | Awaitable[WireResponse]:
        try:
            info = self._dispatcher.find(call.service, call.name)
            call.parameters = call.operation.parse(call.request, call.detected.path_params)
            if info.is_async or not self._cloud.is_started(call.service):
                return self._serve_later(call, info)
            output, changed = self._dispatcher.run_now(info, call.ctx, call.parameters)
        except AwsError as error:
            return call.failed(call.service.in_its_words(error))
        response = call.succeeded(output)
        return self._after_commit(call, response) if changed else response

    async def _serve_later(self, call: _Call, info: OperationInfo) -> WireResponse:
        try:
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
            return call.unanswered(AwsError("ServiceUnavailable", str(error), 503))
        return response

    def lost(self, call: _Call) -> None:
        """A call that was finished could not be answered as it should."""
        self.tallies[(call.service.name, call.name)].errors += 1

    def finish(self, call: _Call, output: Any, error: AwsError | None) -> None:
        """Record a call that has its answer."""
        key = (call.service.name, call.name)
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally()
        tally.calls += 1
        tally.errors += error is not None
        tally.seconds += self._cloud.clock.host_time() - call.started
        self._usage.count(call.ctx.scope, call.service.name, call.name)
        self._audit.record(call.ctx, call.service.event_source, call.name, call.parameters, output, error)

    # -- the rest of AWS -------------------------------------------------------------------------------------------

    async def _forward(self, call: _Call) -> WireResponse:
        request, detected, scope = call.request, call.detected, call.ctx.scope
        error: AwsError | None = None
        try:
            await self._check_for_rest(call)
            target = f"{request.path}?{request.query}" if request.query else request.path
            status, headers, body = await self._rest.forward(
                request.method,
                target,
                list(request.headers.items()),
                request.body,
                scope.account,
                scope.region,
                service=detected.service,
                operation=call.name,
            )
            response = WireResponse(status, [*headers, (ANSWERED_BY, self._rest.name)], body)
            if status >= 400:
                error = AwsError(_error_code(body) or f"HTTP{status}", "", status)
        except AwsError as failure:
            error = failure
            response = self._failure_of(detected, failure, call.identifier)
        self._usage.count(scope, detected.service, call.name)
        self._audit.record(call.ctx, source_of(detected.service), call.name, call.parameters, None, error)
        return response

    @staticmethod
    async def _check_for_rest(call: _Call) -> None:
        """Refuse what AWS's model refuses: moto crashes on it, or takes it."""
        request, detected = call.request, call.detected
        if detected.service == "s3" and request.method in ("PUT", "POST"):
            if len(request.body) > _LONG:
                await asyncio.to_thread(check_digests, request, call.name)
            else:
                check_digests(request, call.name)
        if detected.service == "sqs" and detected.protocol == "query":
            return  # Its queue may be named by the path alone.
        try:
            operation = wire.operation(detected.service, detected.protocol, detected.operation_name)
        except AwsError:
            return  # Event streams pass as they are.
        call.parameters = operation.parse(request, detected.path_params)

    @staticmethod
    def _failure_of(detected: Detected, error: AwsError, identifier: str) -> WireResponse:
        try:
            operation = wire.operation(detected.service, detected.protocol, detected.operation_name)
        except AwsError:
            return wire.serialize_service_error(detected.service, detected.protocol, error, identifier)
        return operation.serialize_error(error, identifier)


class _Call:
    """One call on its way through; ``ctx``, ``service`` and ``operation`` are set once they are known."""

    __slots__ = (
        "ctx",
        "detected",
        "gateway",
        "identifier",
        "name",
        "operation",
        "parameters",
        "peer",
        "request",
        "service",
        "started",
    )

    ctx: Context
    service: Service
    operation: wire.Operation

    def __init__(self, gateway: Gateway, request: WireRequest, detected: Detected, peer: str, identifier: str) -> None:
        self.gateway = gateway
        self.request = request
        self.detected = detected
        self.name = detected.operation_name
        self.peer = peer
        self.identifier = identifier
        self.started = Clock.host_time()
        self.parameters: dict[str, Any] | None = None

    def succeeded(self, output: Any) -> WireResponse:
        response = self.operation.serialize(output, self.identifier)
        response.headers.append((ANSWERED_BY, "cloudarium"))
        self.gateway.finish(self, output, None)
        return response

    def unanswered(self, error: AwsError) -> WireResponse:
        """The answer when the disk refuses what was done: it is on the record already, and done once the disk can."""
        response = self.operation.serialize_error(error, self.identifier)
        response.headers.append((ANSWERED_BY, "cloudarium"))
        self.gateway.lost(self)
        return response

    def failed(self, error: AwsError) -> WireResponse:
        response = self.operation.serialize_error(error, self.identifier)
        response.headers.append((ANSWERED_BY, "cloudarium"))
        self.gateway.finish(self, None, error)
        return response


_ERROR_CODE = re.compile(rb'<Code>([\w.]{1,100})</Code>|"__type"\s*:\s*"(?:[^"#]{0,100}#)?([\w.]{1,100})"')


def _error_code(body: bytes) -> str:
    """The code in an error answer of any protocol, for the record; empty when there is none."""
    found = _ERROR_CODE.search(body, 0, 4096)
    return (found.group(1) or found.group(2)).decode() if found else ""


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
