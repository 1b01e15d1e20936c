"""What is stored of CloudWatch Logs, apart from events and streams (``storage``). Times are milliseconds."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record

STANDARD = "STANDARD"
INFREQUENT = "INFREQUENT_ACCESS"
DELIVERY = "DELIVERY"


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """A data protection policy: it masks what came in from ``since`` on. Without a document there is none."""

    document: str
    since: int


class LogGroup(Record, frozen=True, kw_only=True):
    """A log group. ``uid`` names its files: a group made anew under the old name has nothing of the old one."""

    TABLE = "logs.groups"
    KEY = "name"
    INDEXES = ("uid",)

    name: str
    uid: str
    created: int
    log_class: str = STANDARD
    retention: int | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    deletion_protection: bool = False
    protections: tuple[Protection, ...] = ()


class AccountProtection(Record, frozen=True, kw_only=True):
    """The data protection policy of an account, which every group has besides its own."""

    TABLE = "logs.account_protection"
    KEY = "key"

    key: str = "account"
    name: str
    protections: tuple[Protection, ...]


class Transformation(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric filter makes of a matching event."""

    name: str
    namespace: str
    value: str
    default: float | None = None
    dimensions: dict[str, str] = {}
    unit: str = "None"


class MetricFilter(Record, frozen=True, kw_only=True):
    """A metric filter; ``key`` is ``group uid/name``."""

    TABLE = "logs.metric_filters"
    KEY = "key"
    INDEXES = ("group",)

    key: str
    group: str
    name: str
    pattern: str
    transformation: Transformation
    created: int
    system_dimensions: tuple[str, ...] = ()


class SubscriptionFilter(Record, frozen=True, kw_only=True):
    """A subscription filter; ``key`` is ``group uid/name``."""

    TABLE = "logs.subscription_filters"
    KEY = "key"
    INDEXES = ("group",)

    key: str
    group: str
    name: str
    pattern: str
    destination: str
    role: str = ""
    distribution: str = "ByLogStream"
    created: int
    system_fields: tuple[str, ...] = ()


class AccountSubscription(Record, frozen=True, kw_only=True):
    """The subscription filter policy of an account: a filter of every group but those that are excluded."""

    TABLE = "logs.account_subscription"
    KEY = "key"

    key: str = "account"
    name: str
    document: str
    updated: int
    criteria: str = ""
    excluded: tuple[str, ...] = ()
    pattern: str = ""
    destination: str
    role: str = ""
    distribution: str = "ByLogStream"

    def of_group(self, group: LogGroup) -> SubscriptionFilter | None:
        """What it is for a group. No name of a filter has a colon, so that the key is nobody else's."""
        if group.log_class != STANDARD or group.name in self.excluded:
            return None
        return SubscriptionFilter(
            key=f"{group.uid}:account",
            group=group.uid,
            name=self.name,
            pattern=self.pattern,
            destination=self.destination,
            role=self.role,
            distribution=self.distribution,
            created=self.updated,
        )


class Delivered(Record, frozen=True, kw_only=True):
    """How far somebody has seen to a group's events: the sequence number of the next one (filters/places.py)."""

    TABLE = "logs.delivered"
    KEY = "key"

    key: str
    next: int


class Destination(Record, frozen=True, kw_only=True):
    """A logical destination for other accounts' subscriptions."""

    TABLE = "logs.destinations"
    KEY = "name"

    name: str
    arn: str
    target: str
    role: str
    policy: str = ""
    created: int
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class ResourcePolicy(Record, frozen=True, kw_only=True):
    """A resource policy: of the account (``key`` is its name) or of one group (``key`` is its ARN)."""

    TABLE = "logs.resource_policies"
    KEY = "key"

    key: str
    name: str = ""
    resource: str = ""
    document: str
    updated: int
    revision: str = ""


class QueryDefinition(Record, frozen=True, kw_only=True):
    """A saved query."""

    TABLE = "logs.query_definitions"
    KEY = "id"

    id: str
    name: str
    query: str
    language: str = "CWLI"
    groups: tuple[str, ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    modified: int
    client_token: str = ""


class ExportTask(Record, frozen=True, kw_only=True):
    """An export to S3. ``start`` and ``end`` are both inclusive."""

    TABLE = "logs.exports"
    KEY = "id"

    id: str
    name: str
    group: str
    group_name: str
    stream_prefix: str
    start: int
    end: int
    bucket: str
    prefix: str
    status: str
    message: str = ""
    created: int
    completed: int | None = None
