"""Access logs on their way to S3: gathered per node, which its address stands for, delivered every five minutes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-file-format
"""

from __future__ import annotations

import gzip
import logging
import random
import string
import time

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.attributes import load_balancer as balancer_attributes
from cloudarium.services.elbv2.logging_bucket import log_prefix
from cloudarium.services.elbv2.resources import LoadBalancer, Node

log = logging.getLogger(__name__)

INTERVAL = 300
"""Cloud seconds that a file covers."""
_MOST_LINES = 200_000
"""Lines kept of one node between deliveries; logging is best effort, as on AWS."""


class LogDelivery:
    """Lines that wait, by load balancer and node's address."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._waiting: dict[tuple[Scope, str], dict[str, list[str]]] = {}
        self._deleted: dict[tuple[Scope, str], LoadBalancer] = {}
        """Load balancers whose last lines may still come; the attributes say where to."""
        self._balancers = cloud.store.table(LoadBalancer)
        self._balancers.watch(self._changed)

    def _changed(self, scope: Scope, key: str, old: LoadBalancer | None, new: LoadBalancer | None) -> None:
        if new is None and old is not None:
            self._deleted[(scope, key)] = old

    def take(self, scope: Scope, balancer_arn: str, lines: dict[str, list[str]]) -> None:
        """Keep lines until the next delivery."""
        waiting = self._waiting.setdefault((scope, balancer_arn), {})
        nodes = {n.eni_id: n for n in self._cloud.store.table(Node).find(scope, "load_balancer_arn", balancer_arn)}
        for name, more in lines.items():
            node = nodes.get(name)
            there = waiting.setdefault((node.public_ip or node.private_ip) if node is not None else "0.0.0.0", [])
            there += more[: max(0, _MOST_LINES - len(there))]

    async def deliver(self, end: float) -> None:
        """Write a file per node for the interval that ends at ``end`` (cloud seconds)."""
        waiting, self._waiting = self._waiting, {}
        for (scope, arn), by_address in waiting.items():
            balancer = self._balancers.get(scope, arn) or self._deleted.get((scope, arn))
            if balancer is not None:
                await self._write(scope, balancer, by_address, end)

    async def finish(self, scope: Scope, balancer_arn: str) -> None:
        """A load balancer was deleted and its nodes handed over their last lines: deliver them."""
        balancer = self._deleted.pop((scope, balancer_arn), None)
        by_address = self._waiting.pop((scope, balancer_arn), {})
        if balancer is not None:
            now = self._cloud.clock.now()
            await self._write(scope, balancer, by_address, now - now % INTERVAL + INTERVAL)

    async def _write(self, scope: Scope, balancer: LoadBalancer, by_address: dict[str, list[str]], end: float) -> None:
        attributes = balancer_attributes.TABLE.effective(balancer.attributes)
        bucket, prefix = attributes["access_logs.s3.bucket"], attributes["access_logs.s3.prefix"]
        if not bucket:
            return
        for address, lines in by_address.items():
            key = object_key(prefix, scope, balancer.arn, end, address)
            body = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=int(end))
            try:
                aws = self._cloud.context(scope, "elasticloadbalancing").aws
                await aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
            except AwsError as error:
                log.warning("access log %s could not be written to %s: %s", key, bucket, error)


def object_key(prefix: str, scope: Scope, balancer_arn: str, end: float, address: str) -> str:
    """The key of a log file."""
    day, stamp = time.strftime("%Y/%m/%d", time.gmtime(end)), time.strftime("%Y%m%dT%H%MZ", time.gmtime(end))
    identity = arns.load_balancer_id(balancer_arn).replace("/", ".")
    noise = "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=8))
    return (
        f"{log_prefix(prefix, scope.account)}/elasticloadbalancing/{scope.region}/{day}/"
        f"{scope.account}_elasticloadbalancing_{scope.region}_{identity}_{stamp}_{address}_{noise}.log.gz"
    )
