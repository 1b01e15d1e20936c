"""Dashboards: what a body must be (`validation`), and what is stored."""

from __future__ import annotations

import msgspec

from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Record, Scope


class Dashboard(Record, frozen=True, kw_only=True):
    """A dashboard as it was put: the body is kept to the letter."""

    TABLE = "cloudwatch.dashboards"
    KEY = "name"

    name: str
    body: str
    modified: float
    tags: dict[str, str] = msgspec.field(default_factory=dict)


def everywhere(account: str) -> Scope:
    """The scope of an account's dashboards: they belong to no region."""
    return Scope(account, "global")


def dashboard_arn(account: str, name: str) -> str:
    """The ARN of a dashboard, which names no region."""
    return f"arn:{PARTITION}:cloudwatch::{account}:dashboard/{name}"
