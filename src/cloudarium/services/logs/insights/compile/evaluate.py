"""Expressions as SQL, at a point of a query."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from functools import partial

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.aggregates import NAMES, aggregate, rate
from cloudarium.services.logs.insights.compile.compare import among, compared
from cloudarium.services.logs.insights.compile.dates import ceiled, floored
from cloudarium.services.logs.insights.compile.distributions import bucket
from cloudarium.services.logs.insights.compile.functions import FUNCTIONS, call
from cloudarium.services.logs.insights.compile.regexes import translated
from cloudarium.services.logs.insights.compile.scope import Scope
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.tree import Expression

_SPACES = re.compile(r"\s+")
_TIMESTAMP = ("@timestamp",)


class Evaluator:
    """Makes SQL of expressions. ``now`` is when the query began, in seconds since 1970."""

    def __init__(
        self, text: str, scope: Scope, now: float, window: tuple[int, int], among: Callable[[tree.Among], Value]
    ) -> None:
        """``window`` is the time range in milliseconds; ``among`` makes the test of ``in (…)``, which has a query of
        its own.
        """
        self.scope = scope
        self._among = among
        self._text = text
        self._now = now
        start, end = window
        # The last second, all of which is in the range, as it was given.
        end = end // 1000 * 1000
        self._window = {"querystarttime": start, "queryendtime": end, "querytimerange": end - start}
        self._unmasked = False
        self._offset: int | None = None
        """By how much ``bin`` is shifted; None where an expression is no key of ``stats``."""
        self._grouped: Mapping[str, Expression] | None = None
        self._keys: Container[str] = ()

    def value(self, node: Expression) -> Value:
        """An expression of single rows."""
        return self._made(node)

    def condition(self, node: Expression) -> str:
        """An expression as SQL BOOLEAN."""
        return sql.truth(self.value(node))

    def key(self, node: Expression, offset: int) -> Value:
        """An expression by which ``stats`` groups, with bins ``offset`` milliseconds later than they are."""
        self._offset = offset
        try:
            return self._made(node)
        finally:
            self._offset = None

    def grouped(self, node: Expression, aliases: Mapping[str, Expression], keys: Container[str]) -> Value:
        """An expression of ``stats``, of aggregates and ``keys``. ``aliases`` are those made earlier in the command."""
        self._grouped, self._keys = aliases, keys
        try:
            return self._made(node)
        finally:
            self._grouped = None

    def moment(self, node: tree.Node | None = None) -> str:
        """SQL for @timestamp in milliseconds; ``node`` is what needs it, where rows have none."""
        field = tree.Field(_TIMESTAMP, start=node.start, end=node.end) if node is not None else tree.Field(_TIMESTAMP)
        return sql.moment(self.scope.resolve(field))

    def _made(self, node: Expression) -> Value:
        match node:
            case tree.Number():
                return sql.number_constant(node.value)
            case tree.String():
                return sql.text_constant(node.value)
            case tree.Truth():
                return value("true" if node.value else "false", "bool")
            case tree.Field():
                return self._field(node)
            case tree.Call():
                return self._call(node)
            case tree.Minus():
                return value(f"(- {sql.number(self._made(node.operand))})", "number")
            case tree.Arithmetic():
                return self._arithmetic(node)
            case tree.Comparison():
                return compared(node.operator, self._made(node.left), self._made(node.right))
            case tree.Logic():
                tests = [sql.truth(self._made(each)) for each in node.operands]
                return value("(" + f" {node.operator.upper()} ".join(tests) + ")", "bool")
            case tree.Not():
                return value(f"(NOT COALESCE({sql.truth(self._made(node.operand))}, false))", "bool")
            case tree.Like():
                return self._like(node)
            case tree.In():
                return among(self._made(node.operand), [self._made(each) for each in node.options])
            case tree.Among():
                return self._among(node)
            case tree.Period():
                raise QueryFault("unexpected time period", node.start, node.end)

    def _field(self, node: tree.Field) -> Value:
        if self._grouped is not None and node.name in self._grouped:
            aliases = dict(self._grouped)
            # An alias means what it was made of; itself within that is the field of the events.
            return self._again(aliases.pop(node.name), aliases)
        if self._grouped is not None and node.name not in self._keys:
            raise QueryFault(f"Unknown symbols found in or after stats: {node.name[:100]}", node.start, node.end)
        return self.scope.resolve(node, self._unmasked)

    def _again(self, node: Expression, aliases: Mapping[str, Expression]) -> Value:
        before, self._grouped = self._grouped, aliases
        try:
            return self._made(node)
        finally:
            self._grouped = before

    def _arithmetic(self, node: tree.Arithmetic) -> Value:
        # Counts and the like are whole numbers of 64 bits, which must not overflow.
        left = f"CAST({sql.number(self._made(node.left))} AS DOUBLE)"
        right = f"CAST({sql.number(self._made(node.right))} AS DOUBLE)"
        match node.operator:
            case "/":
                made = f"({left} / NULLIF({right}, 0))"
            case "%":
                made = f"({left} % NULLIF({right}, 0))"
            case "^":
                made = f"pow({left}, {right})"
            case operator:
                made = f"({left} {operator} {right})"
        return value(made, "number")

    def _like(self, node: tree.Like) -> Value:
        shown = sql.scalar(self._made(node.operand))
        if not node.regex:
            return value(f"contains({shown}, {sql.literal(node.pattern)})", "bool")
        regex = translated(node.pattern, node.start, node.end)
        return value(f"regexp_matches({shown}, {sql.literal(regex.pattern)})", "bool")

    def _call(self, node: tree.Call) -> Value:
        written = _SPACES.sub(" ", self._text[node.start : node.end])
        named = not self.scope.events if self._grouped is None else written in self._keys
        if named and (known := self.scope.made.get(written)) is not None:
            # ``sort count(*)`` after ``stats count(*)``.
            return known
        match node.name:
            case "bin":
                return self._bin(node)
            case "datefloor" | "dateceil":
                period = node.arguments[1] if len(node.arguments) == 2 else None
                if not isinstance(period, tree.Period):
                    raise QueryFault(f"{node.name} needs a time and a period", node.start, node.end)
                moment = sql.moment(self._made(node.arguments[0]))
                rounded = floored if node.name == "datefloor" else ceiled
                return value(sql.once(moment, lambda it: rounded(it, period)), "time")
            case "histogram" if self._offset is not None:
                if len(node.arguments) != 2:
                    raise QueryFault("wrong number of arguments for function histogram", node.start, node.end)
                return bucket(node, [self._made(each) for each in node.arguments])
            case "now" if not node.arguments:
                return sql.number_constant(float(int(self._now)))
            case name if name in self._window and not node.arguments:
                return sql.number_constant(float(self._window[name]))
            case "unmask":
                return self._unmask(node)
        if node.name in NAMES:
            return self._aggregate(node)
        if node.name not in FUNCTIONS:
            raise QueryFault(f"unknown function: {node.name[:60]}", node.start, node.end)
        return call(node, [self._made(each) for each in node.arguments])

    def _aggregate(self, node: tree.Call) -> Value:
        if self._grouped is None:
            raise QueryFault(f"{node.name} may only be used in stats", node.start, node.end)
        before, self._grouped = self._grouped, None
        last = node.arguments[-1] if node.arguments else None
        if node.name == "rate" and len(node.arguments) == 2 and isinstance(last, tree.Period):
            made = rate(self._made(node.arguments[0]), last, self.moment(node))
        else:
            made = aggregate(node, [self._made(each) for each in node.arguments], partial(self._earlier, node))
        self._grouped = before
        return made

    def _earlier(self, node: tree.Node) -> str:
        moment = self.moment(node)
        return f"row({moment}, seq)" if self.scope.events else moment

    def _bin(self, node: tree.Call) -> Value:
        period = node.arguments[-1] if node.arguments else None
        if not isinstance(period, tree.Period) or len(node.arguments) > 2:
            raise QueryFault("bin needs a period", node.start, node.end)
        before, self._grouped = self._grouped, None
        moment = sql.moment(self._made(node.arguments[0])) if len(node.arguments) == 2 else self.moment(node)
        self._grouped = before
        if self._offset:
            moment = f"({moment} + {self._offset})"
        return value(sql.once(moment, lambda it: floored(it, period)), "time")

    def _unmask(self, node: tree.Call) -> Value:
        if len(node.arguments) != 1:
            raise QueryFault("unmask needs one field", node.start, node.end)
        before, self._unmasked = self._unmasked, True
        try:
            return self._made(node.arguments[0])
        finally:
            self._unmasked = before
