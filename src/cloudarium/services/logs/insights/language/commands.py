"""Commands, and the query that they make."""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import Lexer, QueryFault
from cloudarium.services.logs.insights.language.lookups import cidr_lookup, lookup
from cloudarium.services.logs.insights.language.nested import Nesting
from cloudarium.services.logs.insights.language.parsing import json, parse_command
from cloudarium.services.logs.insights.language.rows import PARSERS
from cloudarium.services.logs.insights.language.sources import source
from cloudarium.services.logs.insights.language.tree import Command, Item

MOST_CHARACTERS = 10_000
MOST_COMMANDS = 100
MOST_STATS = 10
MOST_LIMIT = 100_000
_MODIFIERS = {each.lower(): each for each in ("previousDay", "previousWeek", "previousMonth")}
_NOT_BUILT = frozenset({"eventstats", "tail", "search"})
_SPACES = re.compile(r"\s+")


def parse(text: str) -> tree.Query:
    """A query's tree; raises ``QueryFault``, or ``NotThere`` for commands that are not built."""
    if len(text) > MOST_CHARACTERS:
        raise QueryFault(f"the query is longer than {MOST_CHARACTERS} characters", MOST_CHARACTERS, len(text))
    if (place := text.find("\0")) >= 0:
        raise QueryFault("unexpected symbol found", place, place + 1)
    return _Commands(text).query()


class _Commands:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lexer = Lexer(text)
        self.expressions = Expressions(self.lexer)
        self.nesting = Nesting(self.expressions, self.query)
        self.expressions.subquery = self.nesting.subquery
        self.count = 0
        self.known: dict[str, Callable[[int], Command]] = {
            "fields": lambda start: tree.Fields(self.items(), start=start, end=self.lexer.last_end),
            "display": lambda start: tree.Display(self.items(), start=start, end=self.lexer.last_end),
            "filter": self.filter,
            "where": self.filter,
            "filterindex": self.filter_index,
            "stats": self.stats,
            "sort": self.sort,
            "order": self.sort,
            "limit": self.limit,
            "head": self.limit,
            "parse": lambda start: parse_command(self.expressions, start),
            "json": lambda start: json(self.expressions, start),
            "dedup": self.dedup,
            "pattern": self.pattern,
            "diff": self.diff,
            "logcompare": self.logcompare,
            "anomaly": lambda start: tree.Anomaly(start=start, end=self.lexer.last_end),
            "unnest": self.unnest,
            "lookup": lambda start: lookup(self.expressions, start),
            "cidrlookup": lambda start: cidr_lookup(self.expressions, start),
            "expand": lambda start: tree.Expand(self.expressions.field(), start=start, end=self.lexer.last_end),
            "join": self.nesting.join,
            "appendcols": self.nesting.appendcols,
        }

    def query(self, nested: bool = False) -> tree.Query:
        """A query up to its end: that of the text, or of the brackets that a nested one is in."""
        selected = None
        commands: list[Command] = []
        first = True
        while first or self.expressions.take_sign("|"):
            first = False
            token = self.lexer.token
            if token.kind == "name" and token.text.lower() == "source" and not commands:
                self.lexer.advance()
                selected = source(self.expressions, token.start, selected)
            else:
                commands.append(self.command())
                self.count += 1
            if sum(isinstance(each, tree.Stats) for each in commands) > MOST_STATS:
                raise QueryFault(f"a query may have at most {MOST_STATS} stats commands", token.start, token.end)
            if self.count > MOST_COMMANDS:
                raise QueryFault(f"a query may have at most {MOST_COMMANDS} commands", token.start, token.end)
            if self.expressions.at_sign(")") if nested else self.lexer.token.kind == "end":
                return tree.Query(self.text, selected, tuple(commands))
        raise self.lexer.unexpected()

    def command(self) -> Command:
        token = self.lexer.token
        word = token.text.lower()
        if token.kind != "name":
            raise self.lexer.unexpected()
        if word in _NOT_BUILT:
            raise NotThere(f"The command {token.text} of CloudWatch Logs Insights")
        if word not in self.known and word not in PARSERS:
            raise self.lexer.unexpected()
        self.lexer.advance()
        return self.known[word](token.start) if word in self.known else PARSERS[word](self.expressions, token.start)

    # -- what commands are made of ---------------------------------------------------------------------------------

    def items(self) -> tuple[Item, ...]:
        found = [self.item()]
        while self.expressions.take_sign(","):
            found.append(self.item())
        return tuple(found)

    def item(self) -> Item:
        start = self.lexer.token.start
        expression = self.expressions.expression()
        end = self.lexer.last_end
        if self.expressions.take_word("as"):
            alias = self.expressions.field()
            return Item(expression, alias.name, True, start=start, end=self.lexer.last_end)
        if isinstance(expression, tree.Field):
            return Item(expression, expression.name, start=start, end=end)
        return Item(expression, _SPACES.sub(" ", self.text[start:end]), start=start, end=end)

    def filter(self, start: int) -> Command:
        return tree.Filter(self.expressions.expression(), start=start, end=self.lexer.last_end)

    def filter_index(self, start: int) -> Command:
        return tree.Filter(self.expressions.expression(), True, start=start, end=self.lexer.last_end)

    def stats(self, start: int) -> Command:
        items = self.items()
        keys = self.items() if self.expressions.take_word("by") else ()
        offset, token = 0, self.lexer.token
        if keys and self.expressions.take_word("offset"):
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-timeseries-functions.html
            if not any(isinstance(key.expression, tree.Call) and key.expression.name == "bin" for key in keys):
                raise QueryFault("offset must come after by bin()", token.start, token.end)
            offset = self.expressions.length("offset")
        return tree.Stats(items, keys, offset, start=start, end=self.lexer.last_end)

    def sort(self, start: int) -> Command:
        self.expressions.take_word("by")
        orders: list[tree.Order] = []
        while not orders or self.expressions.take_sign(","):
            at = self.lexer.token.start
            expression = self.expressions.expression()
            descending = self.expressions.take_word("desc")
            if not descending:
                self.expressions.take_word("asc")
            orders.append(tree.Order(expression, descending, start=at, end=self.lexer.last_end))
        return tree.Sort(tuple(orders), start=start, end=self.lexer.last_end)

    def limit(self, start: int) -> Command:
        whichever = self.expressions.take_word("any")
        token = self.lexer.token
        if token.kind != "number" or not token.text.isdigit():
            raise self.lexer.unexpected()
        if len(token.text) > 9 or not 1 <= int(token.text) <= MOST_LIMIT:
            raise QueryFault(f"limit must be between 1 and {MOST_LIMIT}", token.start, token.end)
        self.lexer.advance()
        return tree.Limit(int(token.text), whichever, start=start, end=token.end)

    def dedup(self, start: int) -> Command:
        found: list[tree.Expression] = [self.expressions.field()]
        while self.expressions.take_sign(","):
            found.append(self.expressions.field())
        return tree.Dedup(tuple(found), start=start, end=self.lexer.last_end)

    def pattern(self, start: int) -> Command:
        return tree.Pattern(self.expressions.expression(), start=start, end=self.lexer.last_end)

    def diff(self, start: int) -> Command:
        modifier = ""
        if self.lexer.token.kind == "name":
            token = self.lexer.advance()
            if token.text.lower() not in _MODIFIERS:
                raise self.lexer.unexpected(token)
            modifier = _MODIFIERS[token.text.lower()]
        return tree.Diff(modifier, start=start, end=self.lexer.last_end)

    def logcompare(self, start: int) -> Command:
        if not self.expressions.take_word("timeshift"):
            raise self.lexer.unexpected()
        shift = self.expressions.length("timeshift")
        return tree.Diff(shift, start=start, end=self.lexer.last_end)

    def unnest(self, start: int) -> Command:
        operand = self.expressions.expression()
        if not self.expressions.take_word("into"):
            raise self.lexer.unexpected()
        name = self.expressions.field().name
        return tree.Unnest(operand, name, start=start, end=self.lexer.last_end)
