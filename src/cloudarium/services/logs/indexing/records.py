"""What is stored of field index policies. Times are milliseconds."""

from __future__ import annotations

from cloudarium.kernel.store import Record

ACCOUNT = "account/"
"""Before a policy's name, the owner of the spans of an account's policy; those of a group belong to its unique id."""


class IndexPolicy(Record, frozen=True, kw_only=True):
    """The policy of one group, by the group's unique id."""

    TABLE = "logs.index_policies"
    KEY = "group"

    group: str
    document: str
    updated: int


class AccountIndexPolicy(Record, frozen=True, kw_only=True):
    """A policy of the account, for groups whose names begin with one of ``prefixes``: all of them if there is none."""

    TABLE = "logs.account_index_policies"
    KEY = "name"

    name: str
    document: str
    updated: int
    criteria: str = ""
    prefixes: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether it applies to a group of this name."""
        return not self.prefixes or name.startswith(self.prefixes)


class IndexSpan(Record, frozen=True, kw_only=True):
    """Fields that a policy indexed from ``since`` to ``until`` (exclusive; None as long as it does)."""

    TABLE = "logs.index_spans"
    KEY = "id"
    INDEXES = ("owner",)

    id: str
    owner: str
    fields: tuple[str, ...]
    facets: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    since: int
    until: int | None = None
