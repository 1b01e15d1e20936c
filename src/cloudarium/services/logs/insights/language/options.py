"""Options such as ``action=remove`` that some commands take before their fields."""

from __future__ import annotations

from collections.abc import Collection

from cloudarium.services.logs.insights.language.expressions import Expressions
from cloudarium.services.logs.insights.language.lexer import QueryFault, Token


class Options:
    """The options that come next, by name in lower case; those that are not among ``known`` are no options."""

    def __init__(self, expressions: Expressions, known: Collection[str]) -> None:
        self._given: dict[str, Token] = {}
        lexer = expressions.lexer
        while lexer.token.kind == "name" and lexer.token.text.lower() in known:
            name = lexer.token
            if not lexer.text[name.end :].lstrip().startswith("="):
                # A field of the same name.
                return
            lexer.advance()
            lexer.advance()
            if lexer.token.kind not in ("name", "quoted", "number", "string") or name.text.lower() in self._given:
                raise lexer.unexpected()
            self._given[name.text.lower()] = lexer.advance()

    def text(self, name: str, default: str = "") -> str:
        """What was given, as it is written."""
        return self._given[name].text if name in self._given else default

    def one_of(self, name: str, allowed: Collection[str], default: str) -> str:
        """A word of those allowed, in lower case."""
        token = self._given.get(name)
        if token is None:
            return default
        if token.text.lower() not in allowed:
            raise QueryFault(f"{name} must be one of {', '.join(allowed)}", token.start, token.end)
        return token.text.lower()

    def truth(self, name: str, default: bool) -> bool:
        """``true`` or ``false``."""
        return self.one_of(name, ("true", "false"), "true" if default else "false") == "true"

    def number(self, name: str, default: float, least: float, most: float, whole: bool = False) -> float:
        """A number within bounds."""
        token = self._given.get(name)
        if token is None:
            return default
        if token.kind != "number" or (whole and not token.text.isdigit()) or not least <= float(token.text) <= most:
            raise QueryFault(f"{name} must be a number between {least:g} and {most:g}", token.start, token.end)
        return float(token.text)
