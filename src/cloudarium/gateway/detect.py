"""Which service, protocol and operation a request means.

The strongest sign decides: a Smithy path, X-Amz-Target, the service in the signature's scope, the Host. Where several
services share a sign (``ses`` signs for four of them) the operation's own name, version or route tells them apart.
"""

from __future__ import annotations

import functools
import re

import msgspec

from cloudarium.gateway import sigv4
from cloudarium.gateway.wire import hosts, models
from cloudarium.gateway.wire.index import index
from cloudarium.gateway.wire.message import FORM_TYPE, WireRequest, WireResponse, form_of
from cloudarium.gateway.wire.operation import codec, router, serialize_unknown_error
from cloudarium.gateway.wire.rest_reader import query_of
from cloudarium.gateway.wire.router import Match
from cloudarium.kernel.errors import AwsError, NotThere

_RPC_PATH = re.compile(r"/service/([^/]{1,128})/operation/([A-Za-z0-9_]{1,128})/?")
_BUCKET = re.compile(r"/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.DOTALL)
_SCOPE = re.compile(r"(?:/|%2F)([a-z0-9-]{1,64})(?:/|%2F)aws4_request", re.IGNORECASE)
_S3_SIGNERS = {"s3express": "s3", "s3-object-lambda": "s3"}
_FORM_PROTOCOLS = ("query", "ec2")


class Detected(msgspec.Struct):
    """What a request is; ``path_params`` are the decoded labels of a REST path, to be given to ``Operation.parse``."""

    service: str
    protocol: str
    operation_name: str
    path_params: dict[str, str] = {}
    credential: sigv4.Credential | None = None


def detect(request: WireRequest) -> Detected:
    """Identify a request; raises ``AwsError``, and nothing else, for one that cannot be told."""
    credential = sigv4.parse_authorization(request)
    found = _by_rpc_path(request) or _by_target(request, credential)
    if found is None:
        candidates = _candidates(request, credential)
        found = _by_action(request, candidates) or _by_route(request, candidates, credential)
    found.credential = credential
    return found


def refusal(request: WireRequest, error: AwsError, request_id: str) -> WireResponse:
    """The answer to a request that ``detect`` refused, in the protocol its sender most likely understands."""
    protocol, service = _likely(request)
    return serialize_unknown_error(protocol, error, request_id, s3=service in (None, "s3", "s3control"))


def protocol_hint(request: WireRequest) -> str:
    """The protocol in which to answer a request that ``detect`` refused."""
    return _likely(request)[0]


def _likely(request: WireRequest) -> tuple[str, str | None]:
    """The protocol a request seems to be in, and its service as far as that can be told."""
    try:
        service = next(iter(_candidates(request, sigv4.parse_authorization(request))), None)
    except AwsError:
        scope = _SCOPE.search(request.headers.get("authorization", "") or request.query)
        service = next(iter(_signed_services(scope.group(1), ())), None) if scope is not None else None
    spoken = index().rows[service].protocols if service is not None else ()
    headers = request.headers
    if "smithy-protocol" in headers:
        return "smithy-rpc-v2-cbor", service
    content_type = headers.get("content-type", "")
    if "x-amz-target" in headers or content_type.startswith("application/x-amz-json"):
        return "json", service
    if content_type.startswith(FORM_TYPE) or "Action=" in request.query:
        return ("ec2" if "ec2" in spoken else "query"), service
    if spoken:
        return spoken[0], service
    return ("rest-json" if content_type.startswith("application/json") else "rest-xml"), None


def _by_rpc_path(request: WireRequest) -> Detected | None:
    protocol = request.headers.get("smithy-protocol")
    if protocol is None:
        return None
    match = _RPC_PATH.fullmatch(request.path)
    if match is None:
        return None
    if protocol != "rpc-v2-cbor":
        raise AwsError("UnknownOperationException", f"The Smithy protocol {protocol[:64]} is not known here.", 404)
    target, name = match.groups()
    services = [s for s in index().by_target.get(target, ()) if "smithy-rpc-v2-cbor" in index().rows[s].protocols]
    if not services:
        raise AwsError("UnknownOperationException", f"No service is named {target} in /service/… paths.", 404)
    return _with_operation(request, services, "smithy-rpc-v2-cbor", name)


def _by_target(request: WireRequest, credential: sigv4.Credential | None) -> Detected | None:
    target = request.headers.get("x-amz-target")
    if target is None:
        return None
    prefix, _, name = target.rpartition(".")
    services = [s for s in index().by_target.get(prefix, ()) if "json" in index().rows[s].protocols]
    if not services:
        if credential is None or not credential.service:
            raise AwsError("UnknownOperationException", f"No service has the X-Amz-Target {target[:256]}.", 400)
        signed = index().by_signing_name.get(credential.service, [])
        services = [s for s in signed if "json" in index().rows[s].protocols]
        if not services:
            return None
    return _with_operation(request, services, "json", name)


def _with_operation(request: WireRequest, services: list[str], protocol: str, name: str) -> Detected:
    """The service among candidates that has an operation; AWS's error for an unknown one otherwise."""
    if len(services) > 1:
        hinted = hosts.read_host(request.headers.get("host", "")).services
        services = sorted(services, key=lambda service: service not in hinted)
    for service in services:
        if name in models.load(service).operations:
            return Detected(service, protocol, name)
    raise codec(services[0], protocol).unknown_operation(name[:128])


def _candidates(request: WireRequest, credential: sigv4.Credential | None) -> tuple[str, ...]:
    """The services the scope, else the host, may stand for."""
    hint = hosts.read_host(request.headers.get("host", ""))
    if credential is None or not credential.service:
        return hint.services
    services = _signed_services(credential.service[:64], hint.services)
    if not services:
        message = f"Credential should be scoped to correct service: no service signs as '{credential.service[:64]}'."
        raise AwsError("SignatureDoesNotMatch", message, 403)
    return services


@functools.lru_cache(maxsize=1024)
def _signed_services(signing_name: str, hinted: tuple[str, ...]) -> tuple[str, ...]:
    """The services that sign with a name, those the host speaks of first."""
    name = _S3_SIGNERS.get(signing_name, signing_name)
    signed = index().by_signing_name.get(name) or index().by_endpoint.get(name) or []
    return tuple(sorted(signed, key=lambda service: service not in hinted))


@functools.lru_cache(maxsize=1024)
def _form_services(services: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the services that take query-protocol requests."""
    return tuple(s for s in services if any(p in index().rows[s].protocols for p in _FORM_PROTOCOLS))


def _by_action(request: WireRequest, candidates: tuple[str, ...]) -> Detected | None:
    """The query protocols: Action and Version in the URL or a form body."""
    services = _form_services(candidates)
    if candidates and not services:
        return None
    is_form = request.headers.get("content-type", FORM_TYPE).startswith(FORM_TYPE)
    if "Action=" not in request.query and not (is_form and request.body and request.method == "POST"):
        return None
    form = form_of(request)
    action = form.get("Action")
    if not action:
        return None
    version = form.get("Version", "")
    chosen, known = _service_of_action(services, version[:64], action[:128])
    if chosen is None:
        raise AwsError("InvalidAction", f"Could not find operation {action[:128]} for version {version[:64]}", 400)
    protocol = "ec2" if "ec2" in index().rows[chosen].protocols else "query"
    if not known:
        raise codec(chosen, protocol).unknown_operation(action[:128])
    return Detected(chosen, protocol, action)


@functools.lru_cache(maxsize=4096)
def _service_of_action(services: tuple[str, ...], version: str, action: str) -> tuple[str | None, bool]:
    """The service that has an action, best among those of its API version; and whether any has it."""
    rows = index().rows
    named = services or tuple(index().by_version.get(version, ()))
    ordered = sorted(named, key=lambda service: rows[service].api_version != version)
    for service in ordered:
        if action in models.load(service).operations:
            return service, True
    return (ordered[0], False) if ordered else (None, False)


def _by_route(request: WireRequest, candidates: tuple[str, ...], credential: sigv4.Credential | None) -> Detected:
    """The REST protocols: method and path."""
    services = [s for s in candidates if models.load(s).metadata.protocol.startswith("rest-")]
    if not services:
        if candidates:
            raise _missing_action(candidates[0], request)
        if not _looks_like_s3(request, credential):
            raise _unidentified(credential)
        services = ["s3"]
    hint = hosts.read_host(request.headers.get("host", ""))
    # S3 Control is reached through hosts that look like S3's.
    hinted = [service for service in services if service in hint.services and service != "s3"]
    best = _best_route(request, hinted, credential) or _best_route(request, services, credential)
    if best is None:
        protocol = models.load(services[0]).metadata.protocol
        raise codec(services[0], protocol).unknown_operation(f"{request.method} {request.path[:128]}")
    found, service = best
    return Detected(service, models.load(service).metadata.protocol, found.route.name, found.path_params())


def _best_route(
    request: WireRequest, services: list[str], credential: sigv4.Credential | None
) -> tuple[Match, str] | None:
    """The closest route among those of several services; the first service wins where two are as close."""
    query = query_of(request.query)
    best: tuple[Match, str] | None = None
    for service in services:
        path = _with_bucket(request, credential) if service == "s3" else request.path
        match = router(service).match(request.method, path, query, request.headers)
        if match is not None and (best is None or match.fit < best[0].fit):
            best = match, service
    return best


def _with_bucket(request: WireRequest, credential: sigv4.Credential | None) -> str:
    """The path with the bucket of a virtual-hosted request in front."""
    if credential is not None and credential.service == "s3-object-lambda":
        # Its hosts begin with a route, not with a bucket.
        return request.path
    hint = hosts.read_host(request.headers.get("host", ""))
    bucket = hint.bucket
    if bucket is None and not hint.services and credential is not None:
        # boto3 puts the bucket before a custom endpoint as it is: <bucket>.localhost.
        bucket = hint.prefix
    if not bucket:
        return request.path
    return f"/{bucket}{'' if request.path in ('', '/') else request.path}"


def _looks_like_s3(request: WireRequest, credential: sigv4.Credential | None) -> bool:
    """Whether an unscoped request can only be meant for S3: version 2 signatures, and plain reads of a bucket."""
    if credential is not None and credential.version == 2:
        return True
    return request.method in ("GET", "HEAD") and _BUCKET.fullmatch(request.path) is not None


def _missing_action(service: str, request: WireRequest) -> AwsError:
    if request.path.strip("/"):
        # An interface that is not in botocore's model, as CloudWatch's for PromQL.
        return NotThere(f"{request.method} {request.path[:200]} of {service}")
    protocols = index().rows[service].protocols
    if any(protocol in protocols for protocol in _FORM_PROTOCOLS):
        return AwsError("MissingAction", "The request is missing an action or a required parameter: Action.", 400)
    message = f"The request to {service} names no operation: it has neither an X-Amz-Target header nor a Smithy path."
    return AwsError("UnknownOperationException", message, 400)


def _unidentified(credential: sigv4.Credential | None) -> AwsError:
    if credential is None:
        message = (
            "Request is missing Authentication Token: there is no AWS signature, and neither the Host header, an "
            "X-Amz-Target header nor an Action with its Version tells which service is meant."
        )
        return AwsError("MissingAuthenticationToken", message, 403)
    return AwsError("MissingAction", "The request is missing an action or a required parameter: Action.", 400)
