"""From a query's tree to SQL for DuckDB.

Every command makes a relation out of the one before it; ``pipeline`` strings them together as common table
expressions, whose columns have names of ours (``c7``): nothing that a user wrote gets into SQL but as a quoted literal
(``sql.literal``) or as a number that was parsed. Fields are untyped texts unless an expression gave them a type
(``sql.Value``), and are compared as numbers where both sides are such, as on AWS.
"""

from __future__ import annotations

from cloudarium.services.logs.insights.compile.pipeline import compiled
from cloudarium.services.logs.insights.compile.plan import Plan

__all__ = ["Plan", "compiled"]
