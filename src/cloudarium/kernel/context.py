"""What an operation is given: who calls, where, and the cloud's own means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.identity import PARTITION, Principal
from cloudarium.kernel.store import Record, Scope, Table

if TYPE_CHECKING:
    from typing import TypeVar

    from cloudarium.kernel.client import AwsClients
    from cloudarium.kernel.clock import Clock
    from cloudarium.kernel.cloud import Cloud
    from cloudarium.kernel.events import Events
    from cloudarium.kernel.metrics import Metrics
    from cloudarium.kernel.store import Store

    R = TypeVar("R", bound=Record)


class Context:
    """One API call, or one step of a controller (then ``request_id`` is empty and the principal is the service)."""

    __slots__ = ("account", "cloud", "principal", "region", "request_id", "scope", "source_ip", "user_agent")

    def __init__(
        self,
        cloud: Cloud,
        scope: Scope,
        principal: Principal,
        request_id: str = "",
        source_ip: str = "127.0.0.1",
        user_agent: str = "",
    ) -> None:
        self.cloud = cloud
        self.scope = scope
        self.account = scope.account
        self.region = scope.region
        self.principal = principal
        self.request_id = request_id
        self.source_ip = source_ip
        self.user_agent = user_agent

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.cloud.clock

    @property
    def store(self) -> Store:
        """The store; see ``table`` for the usual way in."""
        return self.cloud.store

    @property
    def events(self) -> Events:
        """Where to emit EventBridge events."""
        return self.cloud.events

    @property
    def metrics(self) -> Metrics:
        """Where data planes record metric points."""
        return self.cloud.metrics

    @property
    def aws(self) -> AwsClients:
        """Every AWS service as this account in this region: ``await ctx.aws.ec2.describe_vpcs(VpcIds=[…])``."""
        return self.cloud.aws(self.scope, self.principal)

    def table(self, kind: type[R]) -> Table[R]:
        """The table of a record type."""
        return self.cloud.store.table(kind)

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """An ARN in this account and region (pass ``region=""`` for global resources)."""
        where = self.region if region is None else region
        return f"arn:{PARTITION}:{service}:{where}:{self.account}:{resource}"


Answer = dict[str, Any]
