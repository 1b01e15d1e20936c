"""Metrics Insights: SQL over metrics.

`grammar` understands a query, `running` aggregates what it matches.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
"""

from cloudarium.services.cloudwatch.sql.grammar import Select, SqlError, parse_select
from cloudarium.services.cloudwatch.sql.running import select

__all__ = ["Select", "SqlError", "parse_select", "select"]
