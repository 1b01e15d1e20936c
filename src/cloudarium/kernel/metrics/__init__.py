"""Metric points: recorded by data planes and PutMetricData, kept in tiers as CloudWatch keeps them, read in periods.

`buckets` is what is known of the points of an interval, `recorder` where they come in and go out, `archive` the file.
"""

from cloudarium.kernel.metrics.buckets import Bucket
from cloudarium.kernel.metrics.recorder import TIERS, Dimensions, MetricKey, Metrics, Point, TooManyMetrics

__all__ = ["TIERS", "Bucket", "Dimensions", "MetricKey", "Metrics", "Point", "TooManyMetrics"]
