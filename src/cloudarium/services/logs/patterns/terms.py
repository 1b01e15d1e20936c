"""Terms: all plain ones must be contained, no excluded one may be, and without plain ones any optional one.

Terms with ``?`` are ignored where there is any other term, as AWS documents. Nothing but white space between quotes is
no term: ``" "`` matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudarium.services.logs.patterns import values
from cloudarium.services.logs.patterns.base import Pattern
from cloudarium.services.logs.patterns.syntax import MOST_REGEXES, PatternError

_TERM = re.compile(
    r"""\s*(?P<sign>[?-]?)\s*(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)+)%|(?P<word>[^\s"]+))(?=\s|$|"|\?|-)""",
    re.DOTALL,
)
_WORD = re.compile(r"[\w.]+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_Contains = Callable[[bytes], bool]


def compile_terms(text: str) -> Pattern:
    """Compile ``ERROR "a phrase" -excluded ?optional %regex%``."""
    plain: list[_Contains] = []
    without: list[_Contains] = []
    optional: list[_Contains] = []
    needles: dict[str, list[bytes]] = {"": [], "-": [], "?": []}
    at, end, regexes = 0, len(text), 0
    while at < end:
        found = _TERM.match(text, at)
        if found is None:
            raise _invalid(text[at:])
        at = found.end()
        kind = {"": plain, "-": without, "?": optional}[found["sign"]]
        if found["regex"] is not None:
            regexes += 1
            kind.append(_decoded(values.regex(found["regex"])))
            continue
        term = found["word"] if found["phrase"] is None else _ESCAPE.sub(r"\1", found["phrase"])
        if not term.strip() and not found["sign"]:
            continue
        if not term or (found["word"] is not None and not _WORD.fullmatch(term)):
            raise _invalid(found.group().strip())
        needle = term.encode(errors="replace")
        kind.append(_contains(needle))
        needles[found["sign"]].append(needle)
    if regexes > MOST_REGEXES:
        raise PatternError(f"A filter pattern may have at most {MOST_REGEXES} regular expressions")
    return _pattern(plain, without, optional, needles, regexes)


def _pattern(
    plain: list[_Contains],
    without: list[_Contains],
    optional: list[_Contains],
    needles: dict[str, list[bytes]],
    regexes: int,
) -> Pattern:
    if not plain and not without:
        if not optional:
            pattern = Pattern(lambda message: True)
            pattern.everything = True
            return pattern
        only_words = len(needles["?"]) == len(optional)
        return Pattern(
            lambda message: any(has(message) for has in optional),
            needles=needles["?"] if only_words else (),
            regexes=regexes,
        )
    longest = max(needles[""], key=len, default=None)

    def matches(message: bytes) -> bool:
        for has in plain:
            if not has(message):
                return False
        return not without or not any(has(message) for has in without)

    return Pattern(matches, needles=(longest,) if longest else (), regexes=regexes)


def _contains(needle: bytes) -> _Contains:
    return lambda message: needle in message


def _decoded(test: values.Test) -> _Contains:
    return lambda message: test(message.decode(errors="replace"))


def _invalid(rest: str) -> PatternError:
    word = rest.split()[0] if rest.split() else rest
    return PatternError(f"Invalid character(s) in term '{word}'")
