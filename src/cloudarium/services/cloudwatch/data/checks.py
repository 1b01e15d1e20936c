"""What metric data queries must be before anything is read.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.errors import validation
from cloudarium.services.cloudwatch.periods import is_period
from cloudarium.services.cloudwatch.statistics import statistic

MOST_QUERIES = 500
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


def check(scope: Scope, queries: Sequence[Mapping[str, Any]]) -> None:
    """Raises AwsError for the first query that cannot be."""
    if not queries:
        raise validation("The parameter MetricDataQueries must contain at least one query.")
    if len(queries) > MOST_QUERIES:
        raise validation(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    seen: set[str] = set()
    for query in queries:
        name = query["Id"]
        if _ID.fullmatch(name) is None:
            raise validation(f'The value "{name}" for Id must match the expression "^[a-z][a-zA-Z0-9_]*$".')
        if name in seen:
            raise validation("The values for parameter id in MetricDataQueries are not unique.")
        seen.add(name)
        if ("Expression" in query) == ("MetricStat" in query):
            raise validation(f'Exactly one of MetricStat and Expression must be given for query "{name}".')
        if query.get("AccountId", scope.account) != scope.account:
            raise NotThere("metrics of linked accounts (AccountId in a metric data query)")
        if "MetricStat" in query:
            _check_metric(name, query)
        if "Period" in query and not is_period(query["Period"]):
            raise _bad_period(name)
    if not any(query.get("ReturnData", True) for query in queries):
        raise validation("At least one of the MetricDataQueries must have ReturnData true.")


def _check_metric(name: str, query: Mapping[str, Any]) -> None:
    stat = query["MetricStat"]
    if "Period" in query:
        raise validation(f'The Period of query "{name}" must be within its MetricStat.')
    if "Namespace" not in stat["Metric"] or "MetricName" not in stat["Metric"]:
        raise validation(f'The metric of query "{name}" must have a Namespace and a MetricName.')
    if not is_period(stat["Period"]):
        raise _bad_period(name)
    if statistic(stat["Stat"]) is None:
        raise validation(f'The value "{stat["Stat"]}" for Stat of query "{name}" is not a statistic.')


def _bad_period(name: str) -> Exception:
    return validation(f'The Period of query "{name}" must be 1, 5, 10, 20, 30 or a multiple of 60.')
