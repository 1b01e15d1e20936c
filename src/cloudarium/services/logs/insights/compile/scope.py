"""What names mean at a point of a query: what earlier commands made, and the fields of the events themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cloudarium.services.logs.insights.compile import discovery, sql
from cloudarium.services.logs.insights.compile.sql import Kind, Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

MOST_FIELDS = 200


class Sides(NamedTuple):
    """What a ``join`` calls its sides, and how fields of the right one are found."""

    left: str
    right: str
    resolve: Callable[[tree.Field, bool], Value]


class Scope:
    """Names. ``events`` is true as long as rows are events; ``prefix`` is before the names of their relations."""

    def __init__(self, prefix: str = "") -> None:
        self.made: dict[str, Value] = {}
        self.events = True
        self.raw = False
        self.sides: Sides | None = None
        self._entity = False
        self._prefix = prefix
        self._columns: dict[tuple[str, bool], tuple[str, str]] = {}
        self._pointers: dict[bool, list[str]] = {False: [], True: []}

    def resolve(self, field: tree.Field, unmasked: bool = False) -> Value:
        """What a field is; raises ``QueryFault`` once rows are no events any more and nothing has that name."""
        if (known := self.made.get(field.name)) is not None:
            return known
        if self.sides is not None and len(field.parts) > 1 and field.parts[0] in self.sides[:2]:
            inner = tree.Field(field.parts[1:], start=field.start, end=field.end)
            is_left = field.parts[0] == self.sides.left
            return self.resolve(inner, unmasked) if is_left else self.sides.resolve(inner, unmasked)
        for length in range(len(field.parts) - 1, 0, -1):
            outer = self.made.get(".".join(field.parts[:length]))
            if outer is not None and outer.kind == "json":
                (path,) = discovery.pointers(field.parts[length:])[:1]
                return value(f"json_extract({outer.sql}, {sql.literal(path)})", "json")
        if not self.events:
            raise QueryFault(f"Unknown symbols found in or after stats: {field.name[:100]}", field.start, field.end)
        return self._discovered(field, unmasked)

    def _discovered(self, field: tree.Field, unmasked: bool) -> Value:
        self.raw = self.raw or unmasked
        system = discovery.SYSTEM.get(field.name)
        if system is not None:
            column, kind = system
            return Value("raw" if unmasked and column == "message" else column, kind)
        key = (field.name, unmasked)
        if key not in self._columns:
            if len(self._columns) >= MOST_FIELDS:
                raise QueryFault(f"a query may name at most {MOST_FIELDS} fields", field.start, field.end)
            message = "raw" if unmasked else "message"
            options = []
            if not field.name.startswith("@") or field.name.startswith("@@"):
                found, listed = self._pointers[unmasked], f"json_{message}"
                for pointer in discovery.pointers(field.parts):
                    found.append(pointer)
                    options.append(f"{listed}[{len(found)}]")
            if field.parts[0] == "@entity":
                self._entity = True
                options.append(discovery.of_entity(field.parts[1:]))
            options += discovery.lines(field.name, message)
            self._columns[key] = f"b{len(self._columns)}", f"COALESCE({', '.join(options)})" if options else "NULL"
        return Value(self._columns[key][0], "text")

    def columns(self) -> list[str]:
        """The columns of fields that were found in events."""
        return [column for column, _ in self._columns.values()]

    def base(self, diff: bool) -> list[tuple[str, str]]:
        """The first relations, by name: events with the fields that were asked for."""
        raw = ", raw" if self.raw else ""
        columns = f"time, ingested, seq, message{raw}, stream_name, log, uid, is_lambda, account, region"
        if self._entity:
            columns += ", entity"
        prefix = self._prefix
        joined = (
            f"AS events JOIN {prefix}streams AS streams ON streams.id = events.stream "
            f"JOIN {prefix}groups AS groups ON groups.number = streams.number"
        )
        if self._entity:
            joined += (
                f" ASOF LEFT JOIN {prefix}entities AS entities "
                "ON entities.stream = events.stream AND events.seq >= entities.since"
            )
        first = f"SELECT {columns}, false AS previous FROM {prefix}events {joined}"
        if diff:
            first += f" UNION ALL SELECT {columns}, true AS previous FROM {prefix}earlier {joined}"
        parts = [("r0", first)]
        for unmasked, paths in self._pointers.items():
            if paths:
                message = "raw" if unmasked else "message"
                place = discovery.document(message)
                listed = ", ".join(sql.literal(path) for path in paths)
                found = f"CASE WHEN json_valid({place}) THEN json_extract_string({place}, [{listed}]) END"
                parts.append((f"r{len(parts)}", f"SELECT *, {found} AS json_{message} FROM r{len(parts) - 1}"))
        if self._columns:
            made = ", ".join(f"CAST({text} AS VARCHAR) AS {column}" for column, text in self._columns.values())
            parts.append((f"r{len(parts)}", f"SELECT *, {made} FROM r{len(parts) - 1}"))
        return parts

    def clear(self) -> None:
        """Rows are no events any more: nothing but what is made from now on has a name."""
        self.made = {}
        self.events = False
        self.sides = None

    def make(self, name: str, column: str, kind: Kind) -> None:
        """A name's meaning from now on."""
        self.made[name] = Value(column, kind)
