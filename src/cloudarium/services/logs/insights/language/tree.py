"""What a query means: a list of commands over expressions."""

from __future__ import annotations

import msgspec


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


Expression = (
    Number | String | Period | Field | Call | Minus | Arithmetic | Comparison | Logic | Not | Like | In
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
    """``stats … by …``."""

    items: tuple[Item, ...]
    keys: tuple[Item, ...]


class Order(Node, frozen=True):
    """One key of ``sort``."""

    expression: Expression
    descending: bool


class Sort(Node, frozen=True):
    """``sort``."""

    orders: tuple[Order, ...]


class Limit(Node, frozen=True):
    """``limit``."""

    count: int


class Parse(Node, frozen=True):
    """``parse``: ``names`` are one per ``*`` of a glob; a regular expression names its groups itself."""

    operand: Expression
    pattern: str
    regex: bool
    names: tuple[str, ...]


class Dedup(Node, frozen=True):
    """``dedup``."""

    fields: tuple[Expression, ...]


class Pattern(Node, frozen=True):
    """``pattern``."""

    operand: Expression


class Diff(Node, frozen=True):
    """``diff``; ``modifier`` is empty or previousDay, previousWeek, previousMonth."""

    modifier: str


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


Command = Fields | Display | Filter | Stats | Sort | Limit | Parse | Dedup | Pattern | Diff | Unnest | Lookup


class Source(Node, frozen=True):
    """``SOURCE``: groups by name, or those that ``logGroups(…)`` selects (``selected``)."""

    names: tuple[str, ...] = ()
    selected: bool = False
    prefixes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """A whole query."""

    text: str
    source: Source | None
    commands: tuple[Command, ...]
