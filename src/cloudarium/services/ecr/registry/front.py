"""The registry's front: from an HTTP request to who may do what to which repository."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import aliases, names, tokens
from cloudarium.services.ecr.errors import repository_not_found
from cloudarium.services.ecr.names import Place
from cloudarium.services.ecr.registry import access, content, downloads, routes, uploads
from cloudarium.services.ecr.registry.answers import answer, failure, refusal
from cloudarium.services.ecr.registry.call import Call
from cloudarium.services.ecr.registry.routes import Route
from cloudarium.services.ecr.resources import PUBLIC
from cloudarium.services.ecr.tokens import Claims
from cloudarium.substrate.http.body_stream import BodyIncomplete
from cloudarium.substrate.http.messages import Request, Response
from cloudarium.substrate.images.errors import DiskFull

log = logging.getLogger(__name__)

Handler = Callable[[Call], Awaitable[Response]]

_HANDLERS: dict[str, dict[bytes, Handler]] = {
    "manifest": {
        b"GET": content.get_manifest,
        b"HEAD": content.get_manifest,
        b"PUT": content.put_manifest,
        b"DELETE": content.delete_manifest,
    },
    "tags": {b"GET": content.list_tags},
    "referrers": {b"GET": content.list_referrers},
    "blob": {b"GET": downloads.get_blob, b"HEAD": downloads.get_blob},
    "uploads": {b"POST": uploads.begin},
    "upload": {
        b"GET": uploads.status,
        b"HEAD": uploads.status,
        b"PATCH": uploads.append,
        b"PUT": uploads.complete,
        b"DELETE": uploads.cancel,
    },
}
_READS = (b"GET", b"HEAD")


class Front:
    """One cloud's registry."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def handle(self, request: Request, host: str) -> Response:
        """Answer a request to the registry; ``host`` is its lower-case Host without the port."""
        try:
            return await self._handle(request, host)
        except AwsError as error:
            return failure(error)
        except BodyIncomplete:
            return refusal(400, "BLOB_UPLOAD_INVALID", "the request's body is not complete")
        except DiskFull as error:
            return refusal(507, "UNKNOWN", str(error))

    async def _handle(self, request: Request, host: str) -> Response:
        by_host = names.place_of_host(host)
        route = routes.read(request.path.decode("latin-1"))
        if route is None:
            return refusal(404, "NAME_INVALID", "no such endpoint of the registry")
        if route.kind == "token":
            if request.method not in _READS:
                # Clients that try OAuth's POST first take this as the hint to GET.
                return refusal(405, "UNSUPPORTED", "The operation is unsupported.")
            return access.token(self._cloud, request)
        query = routes.query(request.query.decode("latin-1"))
        claims = access.claims_of(self._cloud, (request.get(b"authorization") or b"").decode("latin-1"))
        if route.kind in ("base", "catalog"):
            return self._without_name(request, route, by_host, claims, query)
        handler = _HANDLERS[route.kind].get(request.method)
        if handler is None:
            return refusal(405, "UNSUPPORTED", "The operation is unsupported.")
        place, name = (by_host, route.name) if by_host is not None else names.place_of_path(route.name)
        found = self._scope(place, name, claims)
        signed = found is not None and self._is_signed(request, route, found, query)
        if claims is None and not signed:
            return access.challenge(request, by_host)
        if found is None:
            if claims is None or claims.principal is None:
                return access.challenge(request, by_host)
            raise repository_not_found(name, PUBLIC)
        scope, name = found
        principal = claims.principal if claims is not None else None
        if principal is None and not signed and not (place.public and request.method in _READS):
            return access.challenge(request, by_host)
        call = Call(self._cloud, request, route, scope, name, principal, query)
        call.signed = signed
        return await handler(call)

    def _scope(self, place: Place, name: str, claims: Claims | None) -> tuple[Scope, str] | None:
        """The registry that is meant, and the repository's name in it."""
        if place.public:
            alias, _, rest = name.partition("/")
            account = aliases.owner(self._cloud, alias)
            return (Scope(account, PUBLIC), rest) if account is not None and rest else None
        if place.scope is not None:
            return place.scope, name
        if claims is None or claims.principal is None:
            return None
        return Scope(claims.principal.account, claims.region), name

    def _is_signed(self, request: Request, route: Route, found: tuple[Scope, str], query: dict[str, str]) -> bool:
        if route.kind != "blob" or request.method not in _READS or "signature" not in query:
            return False
        return tokens.layer_is_signed(self._cloud, *found, route.reference, query)

    def _without_name(
        self, request: Request, route: Route, by_host: Place | None, claims: Claims | None, query: dict[str, str]
    ) -> Response:
        if claims is None:
            return access.challenge(request, by_host)
        if request.method not in _READS:
            return refusal(405, "UNSUPPORTED", "The operation is unsupported.")
        if route.kind == "base":
            return answer(200, [("Content-Type", "application/json")], b"{}")
        if claims.principal is None or (by_host is not None and by_host.public):
            return access.challenge(request, by_host)
        own = Scope(claims.principal.account, claims.region)
        scope = by_host.scope if by_host is not None and by_host.scope is not None else own
        if scope.account != claims.principal.account:
            return refusal(403, "DENIED", "not the caller's registry")
        return content.catalog(self._cloud, scope, query)
