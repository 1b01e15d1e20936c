"""Commands, and the query that they make."""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import Lexer, QueryFault
from cloudarium.services.logs.insights.language.lookups import lookup
from cloudarium.services.logs.insights.language.tree import Command, Item

MOST_CHARACTERS = 10_000
MOST_COMMANDS = 100
MOST_LIMIT = 100_000
_MODIFIERS = {each.lower(): each for each in ("previousDay", "previousWeek", "previousMonth")}
_NOT_BUILT = frozenset(
    {"anomaly", "addtotals", "eventstats", "join", "logcompare", "subquery", "subqueries", "tail", "search"}
)
_SPACES = re.compile(r"\s+")
_KEYWORDS = {
    "nameprefix": "prefixes",
    "nameprefixes": "prefixes",
    "accountidentifier": "accounts",
    "accountidentifiers": "accounts",
    "class": "classes",
    "loggroupclass": "classes",
}
MOST_PREFIXES = 5
MOST_ACCOUNTS = 20


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
        self.known: dict[str, Callable[[int], Command]] = {
            "fields": lambda start: tree.Fields(self.items(), start=start, end=self.lexer.last_end),
            "display": lambda start: tree.Display(self.items(), start=start, end=self.lexer.last_end),
            "filter": self.filter,
            "filterindex": self.filter_index,
            "stats": self.stats,
            "sort": self.sort,
            "order": self.sort,
            "limit": self.limit,
            "head": self.limit,
            "parse": self.parse,
            "dedup": self.dedup,
            "pattern": self.pattern,
            "diff": self.diff,
            "unnest": self.unnest,
            "lookup": lambda start: lookup(self.expressions, start),
        }

    def query(self) -> tree.Query:
        source = None
        commands: list[Command] = []
        first = True
        while first or self.expressions.take_sign("|"):
            first = False
            token = self.lexer.token
            if token.kind == "name" and token.text.lower() == "source" and not commands:
                self.lexer.advance()
                source = self.source(token.start, source)
            else:
                commands.append(self.command())
            if len(commands) > MOST_COMMANDS:
                raise QueryFault(f"a query may have at most {MOST_COMMANDS} commands", token.start, token.end)
            if self.lexer.token.kind == "end":
                return tree.Query(self.text, source, tuple(commands))
        raise self.lexer.unexpected()

    def command(self) -> Command:
        token = self.lexer.token
        word = token.text.lower()
        if token.kind != "name":
            raise self.lexer.unexpected()
        if word in _NOT_BUILT:
            raise NotThere(f"The command {token.text} of CloudWatch Logs Insights")
        if word not in self.known:
            raise self.lexer.unexpected()
        self.lexer.advance()
        return self.known[word](token.start)

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
        return tree.Stats(items, keys, start=start, end=self.lexer.last_end)

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
        token = self.lexer.token
        if token.kind != "number" or not token.text.isdigit():
            raise self.lexer.unexpected()
        if len(token.text) > 9 or not 1 <= int(token.text) <= MOST_LIMIT:
            raise QueryFault(f"limit must be between 1 and {MOST_LIMIT}", token.start, token.end)
        self.lexer.advance()
        return tree.Limit(int(token.text), start=start, end=token.end)

    def parse(self, start: int) -> Command:
        # Without a field it is @message that is parsed.
        place = self.lexer.token.start
        message = tree.Field(("@message",), start=place, end=place)
        at_pattern = self.lexer.token.kind == "string" or self.text.startswith("/", place)
        # No whole expression: a slash after the field begins the pattern.
        operand = message if at_pattern else self.expressions.primary()
        begin = self.lexer.token.start
        pattern, regex = self.expressions.pattern()
        end = self.lexer.last_end
        names: list[str] = []
        if self.expressions.take_word("as"):
            names.append(self.expressions.field().name)
            while self.expressions.take_sign(","):
                names.append(self.expressions.field().name)
        if not regex and len(names) != pattern.count("*"):
            raise QueryFault(
                f"the glob expression has {pattern.count('*')} wildcards but {len(names)} fields are named", begin, end
            )
        return tree.Parse(operand, pattern, regex, tuple(names), start=begin, end=end)

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

    def unnest(self, start: int) -> Command:
        operand = self.expressions.expression()
        if not self.expressions.take_word("into"):
            raise self.lexer.unexpected()
        name = self.expressions.field().name
        return tree.Unnest(operand, name, start=start, end=self.lexer.last_end)

    # -- SOURCE ----------------------------------------------------------------------------------------------------

    def source(self, start: int, before: tree.Source | None) -> tree.Source:
        token = self.lexer.token
        if token.kind == "string":
            names = list(before.names) if before is not None and not before.selected else []
            names.append(self.lexer.advance().text)
            while self.expressions.take_sign(","):
                if self.lexer.token.kind != "string":
                    raise self.lexer.unexpected()
                names.append(self.lexer.advance().text)
            return tree.Source(tuple(names), start=start, end=self.lexer.last_end)
        if token.kind != "name" or before is not None:
            raise self.lexer.unexpected()
        self.lexer.advance()
        if token.text.lower() != "loggroups":
            raise NotThere(f"SOURCE {token.text[:60]} of CloudWatch Logs Insights")
        self.expressions.expect_sign("(")
        given: dict[str, tuple[str, ...]] = {}
        while not self.expressions.at_sign(")"):
            keyword = self.lexer.token
            if keyword.kind != "name":
                raise self.lexer.unexpected()
            self.lexer.advance()
            if keyword.text.lower() not in _KEYWORDS:
                raise NotThere(f"SOURCE logGroups({keyword.text[:60]}: …) of CloudWatch Logs Insights")
            self.expressions.expect_sign(":")
            given[_KEYWORDS[keyword.text.lower()]] = self._strings()
            if not self.expressions.take_sign(",") and not self.expressions.at_sign(")"):
                raise self.lexer.unexpected()
        self.expressions.expect_sign(")")
        end = self.lexer.last_end
        for kind, most in (("prefixes", MOST_PREFIXES), ("accounts", MOST_ACCOUNTS)):
            if len(given.get(kind, ())) > most:
                raise QueryFault(f"SOURCE may name at most {most} {kind}", start, end)
        return tree.Source(
            selected=True, prefixes=given.get("prefixes", ()), accounts=given.get("accounts", ()),
            classes=given.get("classes", ()), start=start, end=end,
        )  # fmt: skip

    def _strings(self) -> tuple[str, ...]:
        self.expressions.expect_sign("[")
        found: list[str] = []
        while not found or self.expressions.take_sign(","):
            if self.lexer.token.kind != "string":
                raise self.lexer.unexpected()
            found.append(self.lexer.advance().text)
        self.expressions.expect_sign("]")
        return tuple(found)
