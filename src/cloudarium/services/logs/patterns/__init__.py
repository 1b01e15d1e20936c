"""Filter patterns: one grammar, compiled once, for searches, metric filters, subscriptions and live tails.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

A pattern is one of three kinds, told apart by its first character: ``{ … }`` looks into JSON, ``[ … ]`` into fields
separated by spaces, anything else are terms to be contained. Each kind compiles to closures over the bytes of a
message. A pattern also knows a *needle*: bytes without which no message can match. A batch is searched for the needle
as a whole, so that most messages are never looked at, let alone parsed. Regular expressions run on RE2, whose time
is linear in the text whatever the expression.
"""

from __future__ import annotations

from functools import lru_cache

from cloudarium.services.logs.patterns.base import Pattern
from cloudarium.services.logs.patterns.delimited import compile_delimited
from cloudarium.services.logs.patterns.json_pattern import compile_json
from cloudarium.services.logs.patterns.syntax import PatternError
from cloudarium.services.logs.patterns.terms import compile_terms

__all__ = ["Pattern", "PatternError", "compiled"]

LONGEST = 1024


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """Compile a pattern; raises ``PatternError`` in AWS's words."""
    if len(text) > LONGEST:
        raise PatternError(f"Filter patterns may have at most {LONGEST} characters")
    stripped = text.strip()
    if stripped.startswith("{"):
        if not stripped.endswith("}"):
            raise PatternError("If a filter pattern starts with '{' it must end with '}'")
        return compile_json(stripped[1:-1])
    if stripped.startswith("["):
        if not stripped.endswith("]"):
            raise PatternError("If a filter pattern starts with '[' it must end with ']'")
        return compile_delimited(stripped[1:-1])
    return compile_terms(stripped)
