"""What is to be done for a query, in order."""

from __future__ import annotations

from typing import NamedTuple

from cloudarium.services.logs.insights.compile.sql import Kind
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.xpaths import XPath


class Table(NamedTuple):
    """Make a temporary table of a SELECT."""

    name: str
    select: str


class Clusters(NamedTuple):
    """Make a temporary table of the ``patterns.Cluster`` of what a SELECT of (template, current, previous) finds."""

    name: str
    select: str
    diff: bool


class Anomalies(NamedTuple):
    """Make a temporary table of the ``anomalies.Anomaly`` of what a SELECT of (text, form, time) finds.

    ``window`` is the time range in milliseconds.
    """

    name: str
    select: str
    window: tuple[int, int]


class Documents(NamedTuple):
    """Make a temporary table of what paths lead to in documents of XML, which a SELECT of (number, text) finds.

    It has a column ``place`` of the numbers, and for each of ``paths`` one of the name that is given with it.
    """

    name: str
    select: str
    paths: tuple[tuple[str, XPath], ...]


Step = Table | Clusters | Anomalies | Documents


class Input(NamedTuple):
    """The events of a nested query: relations are called as those of the outer one, with ``prefix`` before that.

    Without a ``source`` they are of the outer query's groups. ``window`` is their time range in milliseconds.
    """

    prefix: str
    query: tree.Query
    window: tuple[int, int]
    diff: str | int | None
    raw: bool
    indexed: tuple[tree.Expression, ...]


class Column(NamedTuple):
    """A field of the results."""

    name: str
    kind: Kind


class Lookup(NamedTuple):
    """Before the steps, make a table ``name`` of some columns of a lookup table, as texts ``v0``, ``v1`` and so on.

    The first ``keys`` of them are what rows are found by: of rows that are equal in those, the first one is kept.
    ``start`` and ``end`` are where the query names the lookup table, ``places`` where each column. With ``cidr`` the
    key is a range of addresses: then there are ``low`` and ``high`` (``addresses.key``) and ``length`` too.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    keys: int
    start: int
    end: int
    places: tuple[tuple[int, int], ...]
    cidr: bool = False


class Plan(NamedTuple):
    """Steps, then ``select``. ``matched`` counts the events that matched (empty: all that were scanned).

    The columns of ``select`` are ``columns``, then for results that are events (``pointers``) group, time and sequence
    number. ``diff`` is the modifier of a ``diff``, None when there is none. ``raw``: ``unmask`` is used. ``inputs`` are
    what nested queries read besides. ``indexed`` are the conditions of ``filterIndex``, which look at a table
    ``indexed`` (``indexes``). ``shift`` is how many milliseconds before the queried time range the events are.
    """

    steps: tuple[Step, ...]
    select: str
    columns: tuple[Column, ...]
    pointers: bool
    matched: str
    diff: str | int | None
    raw: bool
    lookups: tuple[Lookup, ...] = ()
    inputs: tuple[Input, ...] = ()
    indexed: tuple[tree.Expression, ...] = ()
    shift: int = 0
