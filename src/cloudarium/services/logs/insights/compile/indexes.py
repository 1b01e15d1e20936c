"""What ``filterIndex`` may ask for.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-FilterIndex.html: it looks only at groups in
which the field is indexed. Some fields are in every group; for others there would have to be index policies.
"""

from __future__ import annotations

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

INDEXED = frozenset({"@logStream", "@aws.region", "@aws.account"})
"""Fields that AWS indexes without a policy."""


def check_indexed(condition: tree.Expression) -> None:
    """Refuse conditions that an index is of no use for, and fields that have none."""
    match condition:
        case tree.Logic():
            for each in condition.operands:
                check_indexed(each)
        case tree.Comparison(operator="=", left=tree.Field()) | tree.In(operand=tree.Field()):
            field = condition.left if isinstance(condition, tree.Comparison) else condition.operand
            if isinstance(field, tree.Field) and field.name not in INDEXED:
                raise NotThere(f"filterIndex with {field.name[:60]}, a field without a default index,")
        case _:
            raise QueryFault("filterIndex takes = and in only", condition.start, condition.end)
