"""What a query means: a list of commands over expressions."""

from __future__ import annotations

import msgspec

from cloudarium.services.logs.insights.language.xpaths import XPath


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Something from ``start`` to ``end`` (exclusive) in the query's text."""

    start: int = 0
    end: int = 0


class Number(Node, frozen=True):
    """A number; ``text`` as it was written."""

    value: float
    text: str


class String(Node, frozen=True):
    """A quoted text."""

    value: str


class Truth(Node, frozen=True):
    """``true`` or ``false``."""

    value: bool


class Period(Node, frozen=True):
    """``5m``: a count and a unit of ``periods.UNITS``."""

    count: int
    unit: str


class Field(Node, frozen=True):
    """A field: its parts between dots, as they are named (without backticks)."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The whole name."""
        return ".".join(self.parts)


class Call(Node, frozen=True):
    """A function's call; ``name`` in lower case. ``star`` for ``count(*)``."""

    name: str
    arguments: tuple[Expression, ...] = ()
    star: bool = False


class Minus(Node, frozen=True):
    """``-x``."""

    operand: Expression


class Arithmetic(Node, frozen=True):
    """``+ - * / % ^``."""

    operator: str
    left: Expression
    right: Expression


class Comparison(Node, frozen=True):
    """``= != < <= > >=``."""

    operator: str
    left: Expression
    right: Expression


class Logic(Node, frozen=True):
    """``and`` or ``or`` of two or more."""

    operator: str
    operands: tuple[Expression, ...]


class Not(Node, frozen=True):
    """``not x``."""

    operand: Expression


class Like(Node, frozen=True):
    """A text that contains another one, or matches a regular expression."""

    operand: Expression
    pattern: str
    regex: bool


class In(Node, frozen=True):
    """A value that is among others."""

    operand: Expression
    options: tuple[Expression, ...]


class Among(Node, frozen=True):
    """A field's value that is among those that a subquery finds for the field of that name."""

    operand: Field
    query: Query


Expression = (
    Number | String | Truth | Period | Field | Call | Minus | Arithmetic | Comparison | Logic | Not | Like | In
    | Among
)  # fmt: skip


class Item(Node, frozen=True):
    """An expression and the name under which it is known from then on."""

    expression: Expression
    name: str
    aliased: bool = False


class Fields(Node, frozen=True):
    """``fields``: computes, and shows."""

    items: tuple[Item, ...]


class Display(Node, frozen=True):
    """``display``: shows these and nothing else."""

    items: tuple[Item, ...]


class Filter(Node, frozen=True):
    """``filter``; ``indexed`` for ``filterIndex``."""

    condition: Expression
    indexed: bool = False


class Stats(Node, frozen=True):
    """``stats … by …``; ``offset`` in milliseconds."""

    items: tuple[Item, ...]
    keys: tuple[Item, ...]
    offset: int = 0


class Order(Node, frozen=True):
    """One key of ``sort``."""

    expression: Expression
    descending: bool


class Sort(Node, frozen=True):
    """``sort``."""

    orders: tuple[Order, ...]


class Limit(Node, frozen=True):
    """``limit``; ``any`` for whichever are found first."""

    count: int
    any: bool = False


class Parse(Node, frozen=True):
    """``parse``: ``names`` are one per ``*`` of a glob; a regular expression may name its groups itself.

    ``multi``: a row for each match, not only for the first.
    """

    operand: Expression
    pattern: str
    regex: bool
    names: tuple[str, ...]
    multi: bool = False


class ParseLine(Node, frozen=True):
    """``parse … logfmt as x`` or ``parse … csv as a, b``; ``format`` is logfmt or csv."""

    operand: Expression
    format: str
    names: tuple[str, ...]


class ParseXml(Node, frozen=True):
    """``parse … XML "path" as x``."""

    operand: Expression
    path: XPath
    name: str


class Json(Node, frozen=True):
    """``json field=x "a.b" as c``."""

    operand: Field
    path: tuple[str, ...]
    name: str


class Dedup(Node, frozen=True):
    """``dedup``."""

    fields: tuple[Expression, ...]


class Pattern(Node, frozen=True):
    """``pattern``."""

    operand: Expression


class Diff(Node, frozen=True):
    """``diff``; ``modifier`` is empty or previousDay, previousWeek, previousMonth. Milliseconds for ``logcompare``."""

    modifier: str | int


class Anomaly(Node, frozen=True):
    """``anomaly``."""


class Unnest(Node, frozen=True):
    """``unnest … into …``."""

    operand: Expression
    name: str


class Match(Node, frozen=True):
    """A column of a lookup table and the field that it is compared with."""

    column: str
    field: Field


class Lookup(Node, frozen=True):
    """``lookup``; ``fresh`` for OUTPUTNEW. ``outputs`` are columns, at their places in the query."""

    table: String
    matches: tuple[Match, ...]
    outputs: tuple[Field, ...]
    fresh: bool


class RelevantFields(Node, frozen=True):
    """``relevantfields … where …``; without fields it is all."""

    fields: tuple[Field, ...]
    condition: Expression


class CidrLookup(Node, frozen=True):
    """``cidrlookup``: ``column`` has ranges of addresses; ``outputs`` are columns and what they are called then."""

    table: String
    field: Field
    column: Field
    outputs: tuple[tuple[Field, str], ...]
    fresh: bool


class Expand(Node, frozen=True):
    """``expand``."""

    operand: Field


class Accum(Node, frozen=True):
    """``accum … as …``."""

    operand: Field
    name: str


class Autoregress(Node, frozen=True):
    """``autoregress``: the field as it was ``first`` to ``last`` rows before. ``name`` is empty without an alias."""

    operand: Field
    name: str
    first: int
    last: int
    several: bool


class Filldown(Node, frozen=True):
    """``filldown``: names, in which ``*`` stands for anything; none for all."""

    patterns: tuple[str, ...]


class Fillmissing(Node, frozen=True):
    """``fillmissing with … for …``."""

    values: tuple[tuple[Field, Number | String], ...]


class Addtotals(Node, frozen=True):
    """``addtotals``."""

    name: str
    row: bool
    column: bool
    fields: tuple[Field, ...]


class Outlier(Node, frozen=True):
    """``outlier``: ``factor`` times the interquartile range is what values may be away from the quartiles."""

    fields: tuple[Field, ...]
    remove: bool
    factor: float
    lower: bool
    mark: bool


class Sessionize(Node, frozen=True):
    """``sessionize``; ``gap`` in milliseconds."""

    fields: tuple[Field, ...]
    gap: int
    name: str


class CountFrequent(Node, frozen=True):
    """``countFrequent``."""

    fields: tuple[Field, ...]


class Join(Node, frozen=True):
    """``join``: ``keys`` are pairs of fields of the left and of the right side, without their aliases."""

    outer: bool
    left: str
    right: str
    keys: tuple[tuple[Field, Field], ...]
    query: Query


class Appendcols(Node, frozen=True):
    """``appendcols``."""

    override: bool
    most: int
    query: Query


Command = (
    Fields | Display | Filter | Stats | Sort | Limit | Parse | ParseLine | ParseXml | Json | Dedup | Pattern | Diff
    | Anomaly | Unnest | Expand | Accum | Autoregress | Filldown | Fillmissing | Addtotals | Outlier | Sessionize
    | CountFrequent | Join | Appendcols | Lookup
    | CidrLookup | RelevantFields
)  # fmt: skip


class Moment(Node, frozen=True):
    """A time by which a SOURCE narrows its range: so many milliseconds before the query's beginning."""

    before: int


class TagFilter(Node, frozen=True):
    """A tag that groups have, with one of these values if there are any (``tagging.tagged``)."""

    key: str
    values: tuple[str, ...]


class Source(Node, frozen=True):
    """``SOURCE``: groups by name, or those that ``logGroups(…)`` and ``logGroupTags(…)`` select (``selected``)."""

    names: tuple[str, ...] = ()
    selected: bool = False
    prefixes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    tags: tuple[TagFilter, ...] = ()
    first: Moment | None = None
    last: Moment | None = None


class Query(msgspec.Struct, frozen=True):
    """A whole query."""

    text: str
    source: Source | None
    commands: tuple[Command, ...]
