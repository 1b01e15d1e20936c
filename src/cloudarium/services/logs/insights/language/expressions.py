"""Expressions: ``or`` < ``and`` < ``not`` < comparisons < ``+ -`` < ``* / %`` < ``^`` < sign."""

from __future__ import annotations

from collections.abc import Callable

from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import Lexer, QueryFault, Token
from cloudarium.services.logs.insights.language.periods import MILLISECONDS, capped, period
from cloudarium.services.logs.insights.language.tree import Expression

_DEEPEST = 60
"""Brackets within brackets; a query of 10,000 characters could have thousands and exhaust whoever walks the tree."""
_MOST_OPERATORS = 400
_TRUTHS = ("true", "false")
_DATETIME = frozenset({"bin", "datefloor", "dateceil"})
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
RESERVED = frozenset({"and", "or", "not", "like", "in", "as", "by", "asc", "desc", "into"})


class Expressions:
    """A parser of expressions, from a lexer's next token on."""

    def __init__(self, lexer: Lexer) -> None:
        self.lexer = lexer
        self.subquery: Callable[[], tree.Query] | None = None
        """How what comes in brackets after ``in`` is parsed; set by the parser of commands."""
        self._depth = 0
        self._operators = 0

    # -- tokens ----------------------------------------------------------------------------------------------------

    def at_word(self, *words: str) -> bool:
        """Whether one of these words comes next."""
        token = self.lexer.token
        return token.kind == "name" and token.text.lower() in words

    def take_word(self, *words: str) -> bool:
        """Step over one of these words if it comes next."""
        found = self.at_word(*words)
        if found:
            self.lexer.advance()
        return found

    def at_sign(self, *signs: str) -> bool:
        """Whether one of these signs comes next."""
        token = self.lexer.token
        return token.kind == "sign" and token.text in signs

    def take_sign(self, *signs: str) -> bool:
        """Step over one of these signs if it comes next."""
        found = self.at_sign(*signs)
        if found:
            self.lexer.advance()
        return found

    def expect_sign(self, sign: str) -> None:
        """Step over this sign or fail."""
        if not self.take_sign(sign):
            raise self.lexer.unexpected()

    # -- conditions ------------------------------------------------------------------------------------------------

    def expression(self) -> Expression:
        """Anything."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryFault("the query is nested too deeply", self.lexer.token.start, self.lexer.token.end)
        start = self.lexer.token.start
        found = [self._conjunction()]
        while self.take_word("or"):
            found.append(self._conjunction())
        self._depth -= 1
        return found[0] if len(found) == 1 else self._logic("or", found, start)

    def _conjunction(self) -> Expression:
        start = self.lexer.token.start
        found = [self._negation()]
        while self.take_word("and"):
            found.append(self._negation())
        return found[0] if len(found) == 1 else self._logic("and", found, start)

    def _logic(self, operator: str, found: list[Expression], start: int) -> Expression:
        return tree.Logic(operator, tuple(found), start=start, end=self.lexer.last_end)

    def _negation(self) -> Expression:
        start = self.lexer.token.start
        if not self.take_word("not") and not self.take_sign("!"):
            return self._comparison()
        self._count()
        operand = self._deeper(self._negation)
        return tree.Not(operand, start=start, end=self.lexer.last_end)

    def _comparison(self) -> Expression:
        start = self.lexer.token.start
        left = self._sum()
        token = self.lexer.token
        if token.kind == "sign" and token.text in _COMPARISONS:
            self.lexer.advance()
            right = self._sum()
            return tree.Comparison(token.text, left, right, start=start, end=self.lexer.last_end)
        if self.take_sign("=~"):
            return self._like(left, start, False)
        negated = self.take_word("not")
        if self.take_word("like"):
            return self._like(left, start, negated)
        if self.take_word("in"):
            return self._in(left, start, negated)
        if negated:
            raise self.lexer.unexpected()
        return left

    def _like(self, left: Expression, start: int, negated: bool) -> Expression:
        pattern, regex = self.pattern()
        end = self.lexer.last_end
        found = tree.Like(left, pattern, regex, start=start, end=end)
        return tree.Not(found, start=start, end=end) if negated else found

    def pattern(self) -> tuple[str, bool]:
        """A regular expression between slashes, or a text in quotes; whether it is the former."""
        if (found := self.lexer.regex()) is not None:
            return found[0], True
        token = self.lexer.token
        if token.kind != "string":
            raise self.lexer.unexpected()
        self.lexer.advance()
        return token.text, False

    def _in(self, left: Expression, start: int, negated: bool) -> Expression:
        if self.at_sign("("):
            return self._among(left, start, negated)
        self.expect_sign("[")
        options = [self._sum()]
        while self.take_sign(","):
            options.append(self._sum())
        self.expect_sign("]")
        end = self.lexer.last_end
        found = tree.In(left, tuple(options), start=start, end=end)
        return tree.Not(found, start=start, end=end) if negated else found

    def _among(self, left: Expression, start: int, negated: bool) -> Expression:
        if self.subquery is None or not isinstance(left, tree.Field):
            raise self.lexer.unexpected()
        query = self.subquery()
        end = self.lexer.last_end
        found = tree.Among(left, query, start=start, end=end)
        return tree.Not(found, start=start, end=end) if negated else found

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/", "%"), self._power))

    def _chain(self, signs: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        start = self.lexer.token.start
        left = operand()
        while self.at_sign(*signs):
            self._count()
            operator = self.lexer.advance().text
            right = operand()
            left = tree.Arithmetic(operator, left, right, start=start, end=self.lexer.last_end)
        return left

    def _power(self) -> Expression:
        start = self.lexer.token.start
        left = self._signed()
        if not self.take_sign("^"):
            return left
        self._count()
        right = self._deeper(self._power)
        return tree.Arithmetic("^", left, right, start=start, end=self.lexer.last_end)

    def _signed(self) -> Expression:
        start = self.lexer.token.start
        if not self.take_sign("-"):
            return self.primary()
        self._count()
        operand = self._deeper(self._signed)
        return tree.Minus(operand, start=start, end=self.lexer.last_end)

    def _count(self) -> None:
        self._operators += 1
        if self._operators > _MOST_OPERATORS:
            raise QueryFault("the query is too complex", self.lexer.token.start, self.lexer.token.end)

    def _deeper(self, inner: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryFault("the query is nested too deeply", self.lexer.token.start, self.lexer.token.end)
        found = inner()
        self._depth -= 1
        return found

    # -- primaries -------------------------------------------------------------------------------------------------

    def primary(self) -> Expression:
        """A constant, a field, a call, or anything in brackets."""
        token = self.lexer.token
        if self.take_sign("("):
            found = self.expression()
            self.expect_sign(")")
            return found
        if token.kind == "number":
            self.lexer.advance()
            return tree.Number(float(token.text), token.text, start=token.start, end=token.end)
        if token.kind == "string":
            self.lexer.advance()
            return tree.String(token.text, start=token.start, end=token.end)
        if token.kind == "period":
            self.lexer.advance()
            count, unit = period(token)
            return tree.Period(count, unit, start=token.start, end=token.end)
        if token.kind == "name" and token.text.lower() not in RESERVED:
            self.lexer.advance()
            if self.at_sign("(") and not token.text.startswith("@"):
                return self._call(token)
            found = self._field(token)
            word = found.name.lower()
            return tree.Truth(word == "true", start=token.start, end=token.end) if word in _TRUTHS else found
        if token.kind == "quoted":
            return self._field(self.lexer.advance())
        raise self.lexer.unexpected()

    def _call(self, name: Token) -> Expression:
        self.lexer.advance()
        arguments: list[Expression] = []
        star = False
        if self.take_sign("*"):
            star = True
        elif not self.at_sign(")"):
            arguments.append(self.expression())
            while self.take_sign(","):
                arguments.append(self.expression())
        self.expect_sign(")")
        if name.text.lower() in _DATETIME:
            arguments = [_capped(each) for each in arguments]
        return tree.Call(name.text.lower(), tuple(arguments), star, start=name.start, end=self.lexer.last_end)

    def _index(self) -> str:
        self.lexer.advance()
        token = self.lexer.token
        if token.kind != "number" or not token.text.isdigit():
            raise self.lexer.unexpected()
        self.lexer.advance()
        self.expect_sign("]")
        return token.text

    def length(self, what: str) -> int:
        """A period of a fixed length, in milliseconds; ``what`` it is for, where it is none."""
        token = self.lexer.token
        if token.kind != "period":
            raise self.lexer.unexpected()
        self.lexer.advance()
        count, unit = period(token)
        if unit not in MILLISECONDS:
            raise QueryFault(f"{what} must be of a fixed length", token.start, token.end)
        return count * MILLISECONDS[unit]

    def field(self) -> tree.Field:
        """A field's name, whatever words it is made of."""
        token = self.lexer.token
        if token.kind not in ("name", "quoted"):
            raise self.lexer.unexpected()
        return self._field(self.lexer.advance())

    def _field(self, first: Token) -> tree.Field:
        parts, lexer = [first.text], self.lexer
        # ``a.b.0``: after a name "." begins a part, also when the lexer took ".0" or "0.b" for a number.
        while lexer.token.start == lexer.last_end:
            token = lexer.token
            if token.kind in ("number", "period") and token.text.startswith("."):
                lexer.advance()
                parts += [part for part in token.text[1:].split(".") if part]
                continue
            if token.kind == "sign" and token.text == "[":
                parts.append(self._index())
                continue
            if token.kind != "sign" or token.text != ".":
                break
            lexer.advance()
            token = lexer.token
            if token.start != lexer.last_end or token.kind not in ("name", "quoted", "number", "period"):
                raise lexer.unexpected()
            lexer.advance()
            parts += [token.text] if token.kind in ("name", "quoted") else [p for p in token.text.split(".") if p]
        return tree.Field(tuple(parts), start=first.start, end=lexer.last_end)


def _capped(argument: Expression) -> Expression:
    if not isinstance(argument, tree.Period):
        return argument
    return tree.Period(capped(argument.count, argument.unit), argument.unit, start=argument.start, end=argument.end)
