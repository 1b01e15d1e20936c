"""Metric points: recorded by data planes and PutMetricData, kept in tiers as CloudWatch keeps them, read in periods.

`buckets` is what is known of the points of an interval, `series` which metrics there are, `recorder` where points come
in and go out, `archive` the file, `rolling` what moves from memory into it.
"""

from cloudarium.kernel.metrics.buckets import Bucket
from cloudarium.kernel.metrics.recorder import Metrics, Point, TooManyMetrics
from cloudarium.kernel.metrics.rolling import TIERS
from cloudarium.kernel.metrics.series import Dimensions, MetricKey

__all__ = ["TIERS", "Bucket", "Dimensions", "MetricKey", "Metrics", "Point", "TooManyMetrics"]
