"""The query language, purely: text in, a tree out.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. ``lexer`` cuts the text into tokens when
the parser asks for them (a slash is a division or the beginning of a regular expression, which only the parser knows),
``expressions`` and ``commands`` are recursive descent over them, ``tree`` is what comes out. Whatever is wrong with a
query is a ``QueryFault`` with the place, in characters, as StartQuery reports it.
"""

from __future__ import annotations

from cloudarium.services.logs.insights.language.commands import parse
from cloudarium.services.logs.insights.language.lexer import QueryFault

__all__ = ["QueryFault", "parse"]
