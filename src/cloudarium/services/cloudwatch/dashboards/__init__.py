"""Dashboards: what a body must be (`validation`), and what is stored."""

from __future__ import annotations

from cloudarium.kernel.store import Record, Scope


class Dashboard(Record, frozen=True, kw_only=True):
    """A dashboard as it was put: the body is kept to the letter."""

    TABLE = "cloudwatch.dashboards"
    KEY = "name"

    name: str
    body: str
    modified: float


def everywhere(account: str) -> Scope:
    """The scope of an account's dashboards: they belong to no region."""
    return Scope(account, "global")
