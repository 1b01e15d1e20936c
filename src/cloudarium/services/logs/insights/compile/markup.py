"""``parse … XML``: what a path leads to in documents of XML.

DuckDB reads no XML. So the rows so far become a table, whose documents are read beside it (``insights.markup``); rows
and values come together by the rows' numbers. Commands that look into the same documents are one step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.plan import Documents
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.markup import LARGEST

if TYPE_CHECKING:
    from cloudarium.services.logs.insights.compile.pipeline import Pipeline

_WORD = re.compile(r"\w+")


class Read(NamedTuple):
    """Documents that were looked into: the step's number, the column that they are in, and the relation with both."""

    step: int
    operand: str
    select: str


def parse_xml(pipeline: Pipeline, command: tree.ParseXml) -> None:
    """A value as a field."""
    made = Value(sql.text(pipeline.evaluator.value(command.operand)), "text")
    operand = made.sql if _WORD.fullmatch(made.sql) else pipeline.computed(made).sql
    before, column = pipeline.read, pipeline.column()
    if before is None or before[:2] != (len(pipeline.steps) - 1, operand):
        before = pipeline.read = _read(pipeline, operand)
    step = pipeline.steps[before.step]
    assert isinstance(step, Documents)
    pipeline.steps[before.step] = step._replace(paths=(*step.paths, (column, command.path)))
    pipeline.columns_of[before.select].append(column)
    pipeline.scope.make(command.name, column, "text")
    pipeline.show(command.name)


def _read(pipeline: Pipeline, operand: str) -> Read:
    kept = [column for _, body in pipeline.relations for column in pipeline.columns_of.get(body, ())]
    matched = pipeline.matched
    pipeline.materialize(f"SELECT * FROM {pipeline.last}")
    # What matched so far; a filter that comes later says more.
    pipeline.counted, pipeline.matched = pipeline.matched or pipeline.counted, matched
    rows, values = pipeline.last, pipeline.table()
    documents = f"SELECT rowid, {operand} FROM {rows} WHERE contains({operand}, '<') AND strlen({operand}) <= {LARGEST}"
    pipeline.steps.append(Documents(values, documents, ()))
    joined = f"{rows} LEFT JOIN {values} ON {values}.place = {rows}.rowid"
    select = f"SELECT {rows}.*, {values}.* EXCLUDE (place) FROM {joined}"
    pipeline.relation(select, *kept)
    return Read(len(pipeline.steps) - 1, operand, select)
