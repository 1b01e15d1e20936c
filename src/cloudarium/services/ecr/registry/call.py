"""One request on its way through the registry: what it asks for, of which repository, on whose behalf."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.identity import DEFAULT_REGION, Principal
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import policies, templates
from cloudarium.services.ecr.errors import denied, repository_not_found
from cloudarium.services.ecr.lookup import check_name
from cloudarium.services.ecr.names import repository_arn
from cloudarium.services.ecr.registry.routes import Route
from cloudarium.services.ecr.resources import PUBLIC, Repository
from cloudarium.substrate.http.messages import Request

_READS = ("BatchGetImage", "GetDownloadUrlForLayer", "BatchCheckLayerAvailability", "ListImages")
"""What anybody may do in ECR Public."""


class Call:
    """Filled in by ``front``. ``scope`` and ``name`` are the registry and repository; ``prefix`` is what the path has
    before the name, so that answers lead back the way the request came.
    """

    def __init__(
        self,
        cloud: Cloud,
        request: Request,
        route: Route,
        scope: Scope,
        name: str,
        principal: Principal | None,
        query: dict[str, str],
    ) -> None:
        self.cloud = cloud
        self.request = request
        self.route = route
        self.scope = scope
        self.name = name
        self.principal = principal
        """None: anonymous, who may read ECR Public."""
        self.query = query
        self.signed = False
        """Whether the address itself is what lets the caller read."""
        self.prefix = route.name.removesuffix(name)
        who = principal or Principal("Anonymous", "anonymous", "anonymous", "anonymous")
        home = Scope(who.account, scope.region)
        agent = self.header("user-agent")
        self.ctx = Context(cloud, home, who, request_id(), request.peer[0], agent)

    @property
    def is_public(self) -> bool:
        """Whether the repository is ECR Public's."""
        return self.scope.region == PUBLIC

    def header(self, name: str) -> str:
        """A field's value, empty when it is not there."""
        return (self.request.get(name.encode()) or b"").decode("latin-1")

    def path(self, rest: str) -> str:
        """A path below the repository, for Location headers."""
        return f"/v2/{self.prefix}{self.name}/{rest}"

    def named(self, **parameters: Any) -> dict[str, Any]:
        """Parameters of an API call about the repository."""
        return {"registryId": self.scope.account, "repositoryName": self.name, **parameters}

    @property
    def api(self) -> Any:
        """The API that is behind the repository, called as the caller: same rules, and CloudTrail sees it."""
        region = DEFAULT_REGION if self.is_public else self.scope.region
        clients = self.cloud.aws(Scope(self.ctx.account, region), self.ctx.principal)
        return getattr(clients, "ecr-public" if self.is_public else "ecr")

    def repository(self, action: str) -> Repository:
        """The repository, when there is one and the caller may do ``action`` to it; raises as the API does."""
        if self.signed or (self.is_public and action in _READS):
            return self._present()
        if self.principal is None:
            raise denied("anonymous", action, repository_arn(self.scope, self.name))
        found = self._present()
        policies.authorize(found.policy, self.ctx.principal, self.scope.account, action, found.arn)
        return found

    def _present(self) -> Repository:
        check_name(self.name)
        found = self.cloud.store.table(Repository).get(self.scope, self.name)
        if found is None:
            raise repository_not_found(self.name, self.scope.account)
        return found

    async def repository_for_push(self) -> Repository:
        """As ``repository``, made by a template for creation on push when it is not there."""
        missing = self.cloud.store.table(Repository).get(self.scope, self.name) is None
        if missing and not self.is_public and self.ctx.account == self.scope.account:
            async with self.cloud.store.transaction():
                templates.create(self.ctx, self.scope, self.name, "CREATE_ON_PUSH")
        return self.repository("InitiateLayerUpload")
