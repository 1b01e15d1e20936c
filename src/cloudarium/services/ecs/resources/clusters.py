"""Clusters, capacity providers and account settings."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class Cluster(Record, frozen=True, kw_only=True):
    """A cluster. ``status`` is ACTIVE or INACTIVE (deleted at ``ended``, described for another hour).

    ``settings`` are name to value (``containerInsights``); ``configuration`` and ``default_strategy`` are as given;
    ``attachments_status`` is empty until capacity providers were attached, then UPDATE_COMPLETE.
    """

    TABLE = "ecs.clusters"
    KEY = "name"

    name: str
    arn: str
    created: float
    status: str = "ACTIVE"
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    capacity_providers: tuple[str, ...] = ()
    default_strategy: tuple[dict[str, Any], ...] = ()
    attachments_status: str = ""
    service_connect_defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    ended: float | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class CapacityProvider(Record, frozen=True, kw_only=True):
    """A capacity provider somebody made; FARGATE and FARGATE_SPOT exist without a record.

    ``status`` is ACTIVE or INACTIVE; ``update_status`` is the last change's outcome in AWS's words.
    """

    TABLE = "ecs.capacity_providers"
    KEY = "name"

    name: str
    arn: str
    created: float
    status: str = "ACTIVE"
    update_status: str = ""
    update_status_reason: str = ""
    auto_scaling_group: dict[str, Any] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class AccountSetting(Record, frozen=True, kw_only=True):
    """A setting of a principal, or of the whole account when ``principal`` is empty.

    ``key`` is ``<principal>|<name>``.
    """

    TABLE = "ecs.account_settings"
    KEY = "key"
    INDEXES = ("principal",)

    key: str
    principal: str
    name: str
    value: str
