"""The rule of a composite alarm: a small language of states, AND, OR, NOT and AT_LEAST; pure.

    ALARM("cpu") AND (NOT OK(disk) OR AT_LEAST(2, ALARM, (a, b, c)))

A rule is compiled into a function of a lookup. An alarm that is not there any more is in none of the states.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cloudarium.services.cloudwatch.alarms.resources import STATES

MOST_CHILDREN = 100
MOST_ELEMENTS = 500
_MOST_DEPTH = 100

StateOf = Callable[[str], str | None]
"""The state of an alarm by name or ARN, None when it is not there."""
Node = Callable[[StateOf], bool]

_TOKEN = re.compile(r"""\s*(?:([()*,])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s()*,"']+))""")


class RuleError(ValueError):
    """A rule that cannot be read."""


class Rule(NamedTuple):
    """A compiled rule: its decision, and the alarms it names in order."""

    holds: Node
    children: tuple[str, ...]


def parse(text: str) -> Rule:
    """Compile a rule. Raises RuleError, saying where it cannot be read."""
    reader = _Reader(text)
    node = reader.either(0)
    reader.end()
    children = tuple(dict.fromkeys(reader.children))
    if len(children) > MOST_CHILDREN:
        raise RuleError(f"the rule names more than {MOST_CHILDREN} alarms")
    return Rule(node, children)


class _Reader:
    """Recursive descent over tokens: OR binds loosest, then AND, then NOT."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self.children: list[str] = []
        if len(self._tokens) > MOST_ELEMENTS * 4:
            raise RuleError(f"the rule has more than {MOST_ELEMENTS} elements")

    def either(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise RuleError("the rule is nested too deeply")
        nodes = [self._both(depth)]
        while self._word() == "OR":
            self._at += 1
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else lambda state: any([node(state) for node in nodes])

    def _both(self, depth: int) -> Node:
        nodes = [self._not(depth)]
        while self._word() == "AND":
            self._at += 1
            nodes.append(self._not(depth))
        return nodes[0] if len(nodes) == 1 else lambda state: all([node(state) for node in nodes])

    def _not(self, depth: int) -> Node:
        negations = 0
        while self._word() == "NOT":
            self._at += 1
            negations += 1
        node = self._plain(depth)
        return (lambda state: not node(state)) if negations % 2 else node

    def _plain(self, depth: int) -> Node:
        if self._symbol() == "(":
            self._at += 1
            node = self.either(depth + 1)
            self._expect(")")
            return node
        word = self._word()
        if word in ("TRUE", "FALSE"):
            self._at += 1
            return (lambda state: True) if word == "TRUE" else (lambda state: False)
        if word == "AT_LEAST":
            self._at += 1
            return self._at_least()
        if word in STATES:
            self._at += 1
            self._expect("(")
            name = self._name()
            self._expect(")")
            return lambda state: state(name) == word
        raise RuleError(self._here("a condition such as ALARM(name) is expected"))

    def _at_least(self) -> Node:
        self._expect("(")
        count = self._name(child=False)
        least = int(count) if count.isdigit() else 0
        share = int(count[:-1]) if count.endswith("%") and count[:-1].isdigit() else 0
        if not least and not 0 < share <= 100:
            raise RuleError(self._here("AT_LEAST needs a number above 0, or a percentage"))
        self._expect(",")
        negated = self._word() == "NOT"
        if negated:
            self._at += 1
        wanted = self._word()
        if wanted not in STATES:
            raise RuleError(self._here("AT_LEAST needs a state"))
        self._at += 1
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while self._symbol() == ",":
            self._at += 1
            names.append(self._name())
        self._expect(")")
        self._expect(")")
        needed = least or -(-len(names) * share // 100)
        if needed > len(names):
            raise RuleError(f"AT_LEAST asks for {needed} of {len(names)} alarms")
        return lambda state: sum((state(name) == wanted) != negated for name in names) >= needed

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise RuleError(self._here("AND or OR is expected"))

    def _name(self, *, child: bool = True) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][1] == "symbol":
            raise RuleError(self._here("a name is expected"))
        name = self._tokens[self._at][0]
        self._at += 1
        if child:
            self.children.append(name)
        return name

    def _word(self) -> str:
        return self._kind("word")

    def _symbol(self) -> str:
        return self._kind("symbol")

    def _kind(self, kind: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][1] == kind:
            return self._tokens[self._at][0]
        return ""

    def _expect(self, symbol: str) -> None:
        if self._symbol() != symbol:
            raise RuleError(self._here(f"{symbol!r} is expected"))
        self._at += 1

    def _here(self, what: str) -> str:
        place = self._tokens[self._at][2] if self._at < len(self._tokens) else -1
        return f"{what} at the end" if place < 0 else f"{what} at position {place}"


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleError(f"the rule cannot be read at position {at}")
        symbol, double, single, word = match.groups()
        if symbol is not None:
            yield symbol, "symbol", match.start(1)
        elif word is not None:
            yield word, "word", match.start(4)
        else:
            quoted = double if double is not None else single
            yield re.sub(r"\\(.)", r"\1", quoted), "text", match.start() + 1
        at = match.end()
