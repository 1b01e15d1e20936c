"""``{ $.a.b[0] = "x" && … }``: conditions on the properties of an event that is a JSON object.

A selector must lead to a text, number or boolean: where it leads to an object, an array or nowhere, a comparison does
not hold, and neither does its opposite. ``$.list[*].id`` and ``$.*`` lead to many values, of which one must do;
``$.['a.b']`` leads to a name that has more than letters and digits.

A message is decoded into a struct that has only the properties which the pattern names: what is under any other name
is checked to be JSON and passed over, which takes a third of the time that making objects of it would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple, TypeGuard

import msgspec

from cloudarium.services.logs.patterns import values
from cloudarium.services.logs.patterns.base import Pattern
from cloudarium.services.logs.patterns.syntax import MOST_REGEXES, Expressions, PatternError, tokens

_STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<index>\d{1,9})\]|\.?\['(?P<quoted>[^']+)'\]|(?P<every>\.\*|\[\*\])")
_SELECTOR = re.compile(rf"\$(?:{re.sub(r'[?]P<[a-z]+>', '?:', _STEP.pattern)})+")
_MOST_WILDCARDS = 3
"""Wildcards of a pattern; a selector may have one of them."""
_PLAIN = re.compile(r"[\w.\-:*]+")
_RENAMED = re.compile(r"[^\x00-\x1f\x7f\"\\\ud800-\udfff]+")
_MISSING = object()
_WHOLE = "whole"
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
Get = Callable[[Any], Any]
Holds = Callable[[Any], bool]


class Every(Enum):
    """A step of a selector that is taken in every possible way."""

    PROPERTY = ".*"
    ELEMENT = "[*]"


Step = str | int | Every


class Condition(NamedTuple):
    """A compiled condition, what a message must contain for it to hold, and what it is made of."""

    holds: Holds
    needles: tuple[bytes, ...]
    selectors: tuple[str, ...]
    regexes: int = 0


def compile_json(inner: str) -> Pattern:
    """Compile what is between the braces."""
    whole = Expressions(tokens(inner), _comparison, _both, _either).whole()
    if whole.regexes > MOST_REGEXES:
        raise PatternError(f"A filter pattern may have at most {MOST_REGEXES} regular expressions")
    if sum(map(_wildcards, whole.selectors)) > _MOST_WILDCARDS:
        raise PatternError(f"A filter pattern may have at most {_MOST_WILDCARDS} wildcard selectors")
    return JsonPattern(whole)


class JsonPattern(Pattern):
    """A pattern over JSON objects."""

    kind = "json"

    def __init__(self, condition: Condition) -> None:
        holds, decode = condition.holds, _decoder_of(condition.selectors)

        def matches(message: bytes) -> bool:
            try:
                document = decode(message)
            except (msgspec.MsgspecError, RecursionError, ValueError):
                return False
            return holds(document)

        super().__init__(matches, needles=condition.needles, escaped=True, regexes=condition.regexes)
        self._selectors = condition.selectors

    def extract(self, message: bytes) -> dict[str, str]:
        document = _document(message)
        found = {}
        for selector in dict.fromkeys(self._selectors):
            # Many values have no single text.
            if not _wildcards(selector) and (text := as_text(_walk(document, _steps(selector)))) is not None:
                found[selector] = text
        return found

    def value(self, message: bytes, name: str) -> str | None:
        return as_text(_walk(_document(message), _steps(name))) if self.defines(name) else None

    def defines(self, name: str) -> bool:
        return _SELECTOR.fullmatch(name) is not None and not _wildcards(name)


def _document(message: bytes) -> Any:
    try:
        document = _decode(message)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _MISSING
    return document if type(document) is dict else _MISSING


def as_text(value: Any) -> str | None:
    """A value node as text; None for null, objects, arrays and what is not there."""
    if type(value) is str:
        return value
    if type(value) in (int, float, bool):
        return _encode(value).decode()
    return None


# -- selectors ---------------------------------------------------------------------------------------------------------


def _steps(selector: str) -> list[Step]:
    steps: list[Step] = []
    for found in _STEP.finditer(selector, 1):
        name, index, quoted, every = found.group("name", "index", "quoted", "every")
        steps.append(Every(every) if every else int(index) if index else name or quoted)
    return steps


def _wildcards(selector: str) -> int:
    return sum(isinstance(step, Every) for step in _steps(selector))


def _walk(value: Any, steps: Iterable[Step]) -> Any:
    for step in steps:
        if type(step) is str:
            if type(value) is not dict:
                return _MISSING
            value = value.get(step, _MISSING)
        else:
            if type(value) is not list or not isinstance(step, int) or step >= len(value):
                return _MISSING
            value = value[step]
    return value


def _spread(value: Any, step: Every) -> Iterable[Any]:
    if step is Every.PROPERTY:
        return value.values() if type(value) is dict else ()
    return value if type(value) is list else ()


def _attribute(name: str) -> str:
    """What a property is called in the struct: any name as a Python identifier."""
    return f"p_{name.encode().hex()}"


def _decoder_of(selectors: Iterable[str]) -> Callable[[bytes], Any]:
    """A decoder of JSON objects that keeps only what the selectors begin with, or for some selectors all of it."""
    firsts = dict.fromkeys(_steps(selector)[0] for selector in selectors)
    names = {_attribute(name): name for name in firsts if _is_plain(name)}
    whole = len(names) < len(firsts)
    fields = [(name, Any, _MISSING) for name in (*names, *([_WHOLE] if whole else ()))]
    kept = msgspec.defstruct("Kept", fields, rename={**names, _WHOLE: "\x7f"}, gc=False)
    decode = msgspec.json.Decoder(kept).decode
    if not whole:
        return decode

    def decode_whole(message: bytes) -> Any:
        document = decode(message)
        setattr(document, _WHOLE, _decode(message))
        return document

    return decode_whole


def _is_plain(step: Step) -> TypeGuard[str]:
    """Whether a step is a name that a struct's field may be renamed to."""
    return isinstance(step, str) and _RENAMED.fullmatch(step) is not None


def _getter(steps: Sequence[Step]) -> Get:
    """How to follow a selector without wildcards from the struct."""
    if not steps or not _is_plain(steps[0]):
        whole = attrgetter(_WHOLE)
        return lambda document: _walk(whole(document), steps)
    get, others = attrgetter(_attribute(steps[0])), steps[1:]
    return (lambda document: _walk(get(document), others)) if others else get


def _values(steps: Sequence[Step], at: int) -> Callable[[Any], Iterator[Any]]:
    """How to find all values of a selector whose step ``at`` is a wildcard."""
    get, every, behind = _getter(steps[:at]), steps[at], steps[at + 1 :]
    assert isinstance(every, Every)
    return lambda document: (_walk(value, behind) for value in _spread(get(document), every))


# -- conditions --------------------------------------------------------------------------------------------------------


def _both(parts: list[Condition]) -> Condition:
    tests = [part.holds for part in parts]
    # One needle is enough where all must hold: the best is the longest that stands alone.
    alone = [part.needles for part in parts if part.needles]
    best = max(alone, key=lambda needles: (-len(needles), len(needles[0])), default=())
    if len(tests) == 2:
        first, second = tests
        return _together(lambda document: first(document) and second(document), best, parts)
    return _together(lambda document: all(test(document) for test in tests), best, parts)


def _either(parts: list[Condition]) -> Condition:
    tests = [part.holds for part in parts]
    known = all(part.needles for part in parts)
    needles = tuple(dict.fromkeys(needle for part in parts for needle in part.needles)) if known else ()
    return _together(lambda document: any(test(document) for test in tests), needles, parts)


def _together(holds: Holds, needles: tuple[bytes, ...], parts: list[Condition]) -> Condition:
    selectors = tuple(selector for part in parts for selector in part.selectors)
    return Condition(holds, needles, selectors, sum(part.regexes for part in parts))


def _comparison(parser: Expressions[Condition]) -> Condition:
    selector = parser.take()
    if selector.kind != "word" or not _SELECTOR.fullmatch(selector.text):
        parser.at -= 1
        raise parser.unexpected()
    steps = _steps(selector.text)
    name = next((step for step in reversed(steps) if isinstance(step, str)), "").encode(errors="replace")
    about = ((name,) if name else ()), (selector.text,)
    wildcards = [at for at, step in enumerate(steps) if isinstance(step, Every)]
    if not wildcards:
        return _condition(parser, _getter(steps), *about)
    if len(wildcards) > 1:
        raise PatternError(f"Invalid filter pattern: '{selector.text}' has more than one wildcard selector")
    values, absent = _values(steps, wildcards[0]), parser.peek("word", "NOT")
    made = _condition(parser, lambda value: value, *about)
    one = made.holds
    if absent:
        return made._replace(holds=lambda document: all(one(value) for value in values(document)))
    return made._replace(holds=lambda document: any(one(value) for value in values(document)))


def _condition(
    parser: Expressions[Condition], get: Get, needles: tuple[bytes, ...], selectors: tuple[str, ...]
) -> Condition:
    """What is said of a value, which ``get`` finds in an event."""
    if parser.peek("word", "IS"):
        parser.at += 1
        wanted = {"NULL": None, "TRUE": True, "FALSE": False}
        if not parser.peek("word", *wanted):
            raise parser.unexpected()
        value = wanted[parser.take().text.upper()]
        return Condition(lambda document: get(document) is value, needles, selectors)
    if parser.peek("word", "NOT"):
        parser.at += 1
        if not parser.peek("word", "EXISTS"):
            raise parser.unexpected()
        parser.at += 1
        return Condition(lambda document: get(document) is _MISSING, (), selectors)
    if not parser.peek("op"):
        raise parser.unexpected()
    sign, operand = parser.take().text, parser.take()
    if operand.kind not in ("string", "regex", "word"):
        parser.at -= 1
        raise parser.unexpected()
    if operand.kind == "regex":
        if sign not in ("=", "!="):
            raise PatternError(f"Invalid filter pattern: a regular expression cannot be compared with '{sign}'")
        return Condition(_text_test(get, values.regex(operand.text), sign == "="), needles, selectors, 1)
    if operand.kind == "word" and not _PLAIN.fullmatch(operand.text) and values.number(operand.text) is None:
        raise PatternError(f"Invalid character(s) in term '{operand.text}'")
    if sign in values.ORDERED:
        limit = values.number(operand.text) if operand.kind == "word" else None
        if limit is None:
            raise PatternError(f"Invalid filter pattern: '{operand.text}' is not a number")
        return Condition(_ordered(get, values.ORDERED[sign], limit), needles, selectors)
    if operand.kind == "word" and (limit := values.number(operand.text)) is not None:
        return Condition(_equal_number(get, limit, operand.text, sign == "="), needles, selectors)
    if sign == "=" and values.number(operand.text) is None and len(part := values.literal(operand.text)) > 1:
        # The value tells more than the name; whatever text JSON may spell otherwise is seen by its backslash. Numbers
        # are spelled in many ways.
        needles = (part.encode(errors="replace"),)
    return Condition(_text_test(get, values.wildcard(operand.text), sign == "="), needles, selectors)


def _text_test(get: Get, test: values.Test, wanted: bool) -> Holds:
    def holds(document: Any) -> bool:
        value = get(document)
        if type(value) is not str:
            text = as_text(value)
            return text is not None and test(text) is wanted
        return test(value) is wanted

    return holds


def _ordered(get: Get, compare: Callable[[float, float], bool], limit: float) -> Holds:
    def holds(document: Any) -> bool:
        value = get(document)
        return type(value) in (int, float) and compare(value, limit)

    return holds


def _equal_number(get: Get, limit: float, text: str, wanted: bool) -> Holds:
    def holds(document: Any) -> bool:
        value = get(document)
        if type(value) in (int, float):
            return (value == limit) is wanted
        other = as_text(value)
        return other is not None and (other == text) is wanted

    return holds
