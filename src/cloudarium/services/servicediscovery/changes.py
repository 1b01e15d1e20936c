"""Namespaces come and go in steps: their hosted zone in Route 53 first, then the namespace itself.

The operation that the caller was given goes from SUBMITTED through PENDING to SUCCESS or FAIL. It carries all that is
needed, so a crash in between loses nothing.
"""

from __future__ import annotations

import logging

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.servicediscovery.resources import Namespace, Operation

log = logging.getLogger(__name__)

CHANGES = "servicediscovery.changes"
_PRINCIPAL = "servicediscovery"
_UNFINISHED = ("SUBMITTED", "PENDING")
_KEEP = 30 * 86_400
"""Cloud seconds for which an operation that is over can be asked about."""


class Changes:
    """Makes and deletes hosted zones for operations under way."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._operations = cloud.store.table(Operation)
        self._namespaces = cloud.store.table(Namespace)

    def keys(self) -> list[tuple[Scope, str]]:
        """Every operation that is not forgotten yet."""
        return [(scope, operation.id) for scope, operation in self._operations.everywhere()]

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """The next step of one operation."""
        scope, id_ = key
        operation = self._operations.get(scope, id_)
        if operation is None:
            return None
        if operation.status not in _UNFINISHED:
            left = operation.updated + _KEEP - self._cloud.clock.now()
            if left > 0:
                return left
            self._operations.delete(scope, id_)
            return None
        ctx = self._cloud.context(scope, _PRINCIPAL)
        namespace = self._namespaces.get(scope, operation.targets["NAMESPACE"])
        try:
            if operation.type == "CREATE_NAMESPACE":
                await self._create(ctx, operation, namespace)
            else:
                await self._delete(ctx, namespace)
        except AwsError as error:
            self._end(scope, operation, "FAIL", error)
            return _KEEP
        self._end(scope, operation, "SUCCESS")
        return _KEEP

    async def _create(self, ctx: Context, operation: Operation, namespace: Namespace | None) -> None:
        if namespace is None or namespace.kind == "HTTP" or namespace.hosted_zone_id:
            return
        request: dict[str, object] = {"Name": namespace.dns_name + ".", "CallerReference": operation.id}
        if namespace.kind == "DNS_PRIVATE":
            request["VPC"] = {"VPCRegion": ctx.region, "VPCId": namespace.vpc_id}
            request["HostedZoneConfig"] = {"PrivateZone": True, "Comment": "Created by AWS Cloud Map"}
        try:
            made = await ctx.aws.route53.create_hosted_zone(**request)
        except AwsError:
            self._namespaces.delete(ctx.scope, namespace.id)
            raise
        zone = made["HostedZone"]["Id"].rpartition("/")[2]
        # Read anew: it may have been described or deleted meanwhile.
        current = self._namespaces.get(ctx.scope, namespace.id)
        if current is not None:
            self._namespaces.put(ctx.scope, current.replace(hosted_zone_id=zone))

    async def _delete(self, ctx: Context, namespace: Namespace | None) -> None:
        if namespace is None:
            return
        if namespace.hosted_zone_id:
            try:
                await ctx.aws.route53.delete_hosted_zone(Id=namespace.hosted_zone_id)
            except AwsError as error:
                if error.code != "NoSuchHostedZone":
                    raise
        self._namespaces.delete(ctx.scope, namespace.id)

    def _end(self, scope: Scope, operation: Operation, status: str, error: AwsError | None = None) -> None:
        ended = operation.replace(
            status=status,
            updated=self._cloud.clock.now(),
            error_code=error.code if error is not None else "",
            error_message=error.message if error is not None else "",
        )
        self._operations.put(scope, ended)
