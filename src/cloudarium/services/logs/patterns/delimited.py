"""``[ip, user, ..., status = 4*, bytes > 1000]``: fields separated by spaces, with conditions on them.

What is between square brackets or double quotes in a message is one field. A message must have as many fields as the
pattern. Of a message with more of them ``...`` stands for those that are too many; without it they belong to the last
field, which is why ``[w1=ERROR, w2]`` finds every message whose first word is ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudarium.services.logs.patterns import values
from cloudarium.services.logs.patterns.base import Pattern
from cloudarium.services.logs.patterns.syntax import MOST_REGEXES, Expressions, PatternError, Token, tokens

_FIELD = re.compile(r'\[([^\]]*)\](?=\s|$)|"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)', re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_]+")
_MOST_FIELDS = 10_000
"""A message with more fields is not looked at beyond them."""
Row = dict[str, str]
Holds = Callable[[Row], bool]


def compile_delimited(inner: str) -> Pattern:
    """Compile what is between the brackets."""
    parts = _split(inner)
    names: list[str] = []
    conditions: list[Holds] = []
    spread: int | None = None
    regexes = 0
    for position, part in enumerate(parts):
        text = part.strip()
        if text in ("...", "…"):
            if spread is not None:
                raise PatternError("Invalid filter pattern: more than one ellipsis")
            spread = position
            continue
        words = tokens(text)
        regexes += sum(word.kind == "regex" for word in words)
        name = _name_in(words)
        names.append(name)
        if len(words) > 1:
            conditions.append(Expressions(words, _comparison, _both, _either).whole())
        elif words and words[0].kind != "word":
            raise PatternError(f"Invalid character(s) in term '{text}'")
    if regexes > MOST_REGEXES:
        raise PatternError(f"A filter pattern may have at most {MOST_REGEXES} regular expressions")
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise PatternError("Invalid filter pattern: a field name appears twice")
    return DelimitedPattern(names, spread, conditions, regexes)


class DelimitedPattern(Pattern):
    """A pattern over fields."""

    kind = "delimited"

    def __init__(self, names: list[str], spread: int | None, conditions: list[Holds], regexes: int) -> None:
        self._names = names
        self._spread = spread

        def matches(message: bytes) -> bool:
            row = self._row(message)
            return row is not None and all(holds(row) for holds in conditions)

        super().__init__(matches, regexes=regexes)
        if not conditions and not [name for name in names if name] and spread is not None and len(names) == 0:
            self.everything = True

    def _row(self, message: bytes) -> Row | None:
        """Values by field names, or by position (from 1) without one; None when there are more or fewer."""
        names, spread = self._names, self._spread
        found = fields(message.decode(errors="replace"), _MOST_FIELDS if spread is not None else len(names))
        if len(found) < len(names):
            return None
        behind = len(found) if spread is None else spread
        skipped = len(found) - len(names)
        row = {}
        for position, value in enumerate(found):
            if position < behind:
                name = names[position]
            elif position < behind + skipped:
                name = ""
            else:
                name = names[position - skipped]
            row[name or str(position + 1)] = value
        return row

    def extract(self, message: bytes) -> dict[str, str]:
        return {f"${name}": value for name, value in (self._row(message) or {}).items()}

    def defines(self, name: str) -> bool:
        return name.startswith("$") and (name[1:] in self._names or name[1:].isdecimal())


def fields(text: str, most: int = _MOST_FIELDS) -> list[str]:
    """The fields of a message; the last of ``most`` has all the rest."""
    if '"' not in text and "[" not in text:
        return text.rstrip().split(None, most - 1)
    found: list[str] = []
    for match in _FIELD.finditer(text):
        if len(found) == most - 1 and text[match.end() :].strip():
            return [*found, text[match.start() :].rstrip()]
        bracketed, quoted, word = match.groups()
        found.append(word if word is not None else quoted if quoted is not None else bracketed)
        if len(found) >= most:
            break
    return found


def _split(inner: str) -> list[str]:
    """The parts between commas that are not within quotes, regular expressions or parentheses."""
    parts, start, depth, quote, at = [], 0, 0, "", 0
    while at < len(inner):
        char = inner[at]
        if char == "\\" and quote:
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in '"%':
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and depth <= 0:
            parts.append(inner[start:at])
            start = at + 1
        at += 1
    return [*parts, inner[start:]]


def _name_in(words: list[Token]) -> str:
    """The field's name: the first word, which every condition of the part must be about."""
    first = next((word for word in words if word.kind == "word"), None)
    if first is None:
        return ""
    if not _NAME.fullmatch(first.text):
        raise PatternError(f"Invalid character(s) in term '{first.text}'")
    return first.text


def _both(parts: list[Holds]) -> Holds:
    return lambda row: all(holds(row) for holds in parts)


def _either(parts: list[Holds]) -> Holds:
    return lambda row: any(holds(row) for holds in parts)


def _comparison(parser: Expressions[Holds]) -> Holds:
    subject = parser.take()
    if subject.kind != "word" or not _NAME.fullmatch(subject.text) or not parser.peek("op"):
        parser.at -= 1
        raise parser.unexpected()
    name, sign, operand = subject.text, parser.take().text, parser.take()
    if operand.kind not in ("word", "string", "regex"):
        parser.at -= 1
        raise parser.unexpected()
    if sign in values.ORDERED:
        limit = values.number(operand.text) if operand.kind == "word" else None
        if limit is None:
            raise PatternError(f"Invalid filter pattern: '{operand.text}' is not a number")
        return _ordered(name, values.ORDERED[sign], limit)
    if operand.kind == "regex":
        return _text(name, values.regex(operand.text), sign == "=")
    if operand.kind == "word" and (limit := values.number(operand.text)) is not None:
        return _number(name, limit, operand.text, sign == "=")
    return _text(name, values.wildcard(operand.text), sign == "=")


def _text(name: str, test: values.Test, wanted: bool) -> Holds:
    return lambda row: name in row and test(row[name]) is wanted


def _ordered(name: str, compare: Callable[[float, float], bool], limit: float) -> Holds:
    def holds(row: Row) -> bool:
        value = values.number(row.get(name, ""))
        return value is not None and compare(value, limit)

    return holds


def _number(name: str, limit: float, text: str, wanted: bool) -> Holds:
    def holds(row: Row) -> bool:
        if name not in row:
            return False
        value = values.number(row[name])
        return (row[name] == text or value == limit) is wanted

    return holds
