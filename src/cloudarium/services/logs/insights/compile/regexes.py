"""Regular expressions: what users write for Java, as RE2 has it. RE2 takes linear time whatever the expression is."""

from __future__ import annotations

import re
from typing import NamedTuple

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language.lexer import QueryFault

_LOOKS = {"?=": "lookahead", "?!": "lookahead", "?<=": "lookbehind", "?<!": "lookbehind", "?>": "atomic group"}
_ESCAPES = {"h": r"[ \t]", "Z": r"\z", "/": "/", "e": r"\x1b", "R": r"(?:\r\n|[\n\r])"}
_NAMED = re.compile(r"\?P?<([A-Za-z_]\w*)>")


class Regex(NamedTuple):
    """An expression that RE2 takes, and the names of its capturing groups in order (empty without a name)."""

    pattern: str
    groups: tuple[str, ...]


def translated(pattern: str, start: int, end: int) -> Regex:
    """An expression for RE2. ``QueryFault`` when it is none; ``NotThere`` for what takes more than linear time."""
    import re2

    out: list[str] = []
    groups: list[str] = []
    at, in_class = 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern):
            following = pattern[at + 1]
            if (following.isdigit() and following != "0" and not in_class) or following == "k":
                raise NotThere("A backreference in a regular expression of CloudWatch Logs Insights")
            if following == "u" and re.fullmatch(r"[0-9A-Fa-f]{4}", pattern[at + 2 : at + 6]):
                out.append(rf"\x{{{pattern[at + 2 : at + 6]}}}")
                at += 6
                continue
            out.append(char + following if in_class and following != "/" else _ESCAPES.get(following, char + following))
            at += 2
            continue
        if in_class:
            if pattern.startswith("&&", at):
                raise NotThere("An intersection in a character class of CloudWatch Logs Insights")
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            rest = pattern[at + 1 : at + 4]
            for sign, what in _LOOKS.items():
                if rest.startswith(sign):
                    raise NotThere(f"A {what} in a regular expression of CloudWatch Logs Insights")
            if (named := _NAMED.match(pattern, at + 1)) is not None:
                groups.append(named[1])
                out.append(f"(?P<{named[1]}>")
                at = named.end()
                continue
            if not rest.startswith("?"):
                groups.append("")
        out.append(char)
        at += 1
    made = "".join(out)
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(made, options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        shown = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        raise QueryFault(f"invalid regular expression: {shown}", start, end) from error
    if compiled.groups != len(groups):
        # Quoted brackets (\Q…\E) and the like: RE2's own count is right, the names are only needed by parse.
        groups = [""] * compiled.groups
        for name, index in compiled.groupindex.items():
            groups[index - 1] = name
    return Regex(made, tuple(groups))


def of_glob(glob: str) -> str:
    """A glob expression of ``parse`` as a regular expression with a group for each ``*``."""
    parts = glob.split("*")
    out = [re2_quoted(parts[0])]
    for index, part in enumerate(parts[1:], 1):
        last = index == len(parts) - 1 and not part
        out += ["(.*)" if last else "(.*?)", re2_quoted(part)]
    return "(?s)" + "".join(out)


def re2_quoted(text: str) -> str:
    """A text as an expression that matches it."""
    return re.sub(r"([^\w\s\u0080-\U0010ffff])", r"\\\1", text)
