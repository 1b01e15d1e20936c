"""The container registry on the one port: which requests are its, and the way to it.

A client of the registry speaks plain HTTP with a path below ``/v2/``. Calls of AWS's own APIs below the same path (API
Gateway, SES) are signed, and so are told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.gateway.names import split_host
from cloudarium.kernel.cloud import Cloud
from cloudarium.substrate.http.messages import Request, Response

if TYPE_CHECKING:
    from cloudarium.services.ecr.registry.front import Front

_PUBLIC = b"public.ecr.aws"


def is_registry(request: Request) -> bool:
    """Whether a request is the registry's."""
    target = request.target
    if not target.startswith(b"/v2"):
        return target.startswith(b"/token") and (request.get(b"host") or b"").lower().startswith(_PUBLIC)
    if target[3:4] not in (b"/", b"", b"?"):
        return False
    return not (request.get(b"authorization") or b"").startswith(b"AWS4-") and b"X-Amz-" not in target


class RegistryDoor:
    """Hands requests to the registry, which is loaded with the first."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._front: Front | None = None

    async def handle(self, request: Request) -> Response:
        """Answer a request for which ``is_registry`` holds."""
        await self._cloud.ensure_started(self._cloud.services["ecr"])
        if self._front is None:
            from cloudarium.services.ecr.registry.front import Front

            self._front = Front(self._cloud)
        name, _ = split_host((request.get(b"host") or b"").decode("latin-1"))
        return await self._front.handle(request, name)
