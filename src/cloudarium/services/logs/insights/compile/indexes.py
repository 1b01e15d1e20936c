"""``filterIndex``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-FilterIndex.html: it finds events only in
groups in which the field is indexed, and of those only events that came in since. Some fields are indexed in every
group; for others there are index policies, of which a query has the table ``indexed`` (uid, field, since, until).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.evaluate import Evaluator
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

INDEXED = frozenset(
    {"@logStream", "@aws.region", "@aws.account", "traceId", "severityText", "attributes.session.id"}
)  # fmt: skip
"""Fields that are indexed without a policy."""
_OF_SOURCES = frozenset({"@source.log", "@data_source_name", "@data_source_type", "@data_format"})
"""They would be too, if there were data sources and centralization."""


def condition(node: tree.Expression, evaluator: Evaluator, last: str, indexed: str) -> str:
    """A condition over the relation ``last`` as SQL; ``indexed`` is the name of that table.

    Raises ``QueryFault`` for what no index helps with.
    """
    if not evaluator.scope.events:
        raise QueryFault("filterIndex needs log events", node.start, node.end)
    if isinstance(node, tree.Logic):
        parts = [condition(each, evaluator, last, indexed) for each in node.operands]
        return "(" + f" {node.operator.upper()} ".join(parts) + ")"
    field = _field(node)
    if field.name in evaluator.scope.made:
        raise QueryFault("filterIndex needs a field of the log events", field.start, field.end)
    made = evaluator.condition(node)
    if field.name in INDEXED:
        return made
    return (
        f"({made} AND EXISTS (SELECT 1 FROM {indexed} AS i WHERE i.field = {sql.literal(field.name)} "
        f"AND i.uid = {last}.uid AND {last}.ingested >= i.since AND {last}.ingested < i.until))"
    )


def _field(node: tree.Expression) -> tree.Field:
    match node:
        case tree.Comparison(operator="=", left=tree.Field() as field) | tree.In(operand=tree.Field() as field):
            if field.name in _OF_SOURCES:
                raise NotThere(f"filterIndex with {field.name}")
            return field
        case _:
            raise QueryFault("filterIndex takes = and in only", node.start, node.end)


def since(nodes: Sequence[tree.Expression], starts: Mapping[str, int]) -> int | None:
    """From which time of ingestion on events may be found in a group; None: not at all.

    ``starts`` are the times from which on the group's fields are indexed.
    """
    found = [_since(node, starts) for node in nodes]
    known = [each for each in found if each is not None]
    return max(known, default=0) if len(known) == len(found) else None


def _since(node: tree.Expression, starts: Mapping[str, int]) -> int | None:
    if isinstance(node, tree.Logic):
        if node.operator == "and":
            return since(node.operands, starts)
        known = [each for each in (_since(operand, starts) for operand in node.operands) if each is not None]
        return min(known, default=None)
    name = _field(node).name
    return 0 if name in INDEXED else starts.get(name)
