"""What is stored: namespaces, services, instances, and the operations that changed them."""

from __future__ import annotations

import msgspec

from cloudarium.kernel.store import Record


class Namespace(Record, frozen=True, kw_only=True):
    """A namespace. ``kind`` is HTTP, DNS_PRIVATE or DNS_PUBLIC; ``vpc_id`` and ``vpc_region`` are a private one's.

    ``http_name`` is what DiscoverInstances takes: the name, made unique where the account uses it twice.
    """

    TABLE = "servicediscovery.namespaces"
    KEY = "id"
    INDEXES = ("http_name", "vpc_id", "dns_name")

    id: str
    arn: str
    name: str
    kind: str
    http_name: str
    dns_name: str = ""
    description: str = ""
    creator_request_id: str = ""
    hosted_zone_id: str = ""
    ttl: int = 15
    vpc_id: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    created: float


class DnsRecord(msgspec.Struct, frozen=True):
    """A kind of record that a service keeps for each instance."""

    type: str
    ttl: int


class MapService(Record, frozen=True, kw_only=True):
    """A service of a namespace ("Service" in the API).

    ``failure_threshold`` is None without a custom health check. ``revision`` grows with every change of an instance.
    """

    TABLE = "servicediscovery.services"
    KEY = "id"
    INDEXES = ("namespace_id", "full_name")

    id: str
    arn: str
    name: str
    namespace_id: str
    full_name: str
    description: str = ""
    creator_request_id: str = ""
    routing_policy: str = ""
    records: tuple[DnsRecord, ...] = ()
    custom_health: bool = False
    failure_threshold: int = 1
    http_only: bool = False
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    revision: int = 0
    created: float


class Instance(Record, frozen=True, kw_only=True):
    """An instance of a service. ``health`` is HEALTHY or UNHEALTHY, and counts where the service checks health."""

    TABLE = "servicediscovery.instances"
    KEY = "key"
    INDEXES = ("service_id",)

    key: str
    id: str
    service_id: str
    creator_request_id: str = ""
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    health: str = "HEALTHY"


class Operation(Record, frozen=True, kw_only=True):
    """An asynchronous change and what became of it."""

    TABLE = "servicediscovery.operations"
    KEY = "id"

    id: str
    type: str
    status: str
    targets: dict[str, str]
    error_code: str = ""
    error_message: str = ""
    created: float
    updated: float


def instance_key(service_id: str, instance_id: str) -> str:
    """The key of an instance's record."""
    return f"{service_id}/{instance_id}"
