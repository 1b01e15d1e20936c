"""Search expressions: which metrics a text describes.

`tokens` cuts names into words, `query` understands the text, `finding` looks through the metrics.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from cloudarium.services.cloudwatch.search.finding import MOST_LOOKED_AT, find
from cloudarium.services.cloudwatch.search.query import parse_query

__all__ = ["MOST_LOOKED_AT", "find", "parse_query"]
