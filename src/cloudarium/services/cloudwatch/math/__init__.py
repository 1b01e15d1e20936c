"""Metric math: what an expression means, apart from where metrics come from.

An expression is parsed once into a tree (`parser`), whose values are numbers, time series and arrays of them
(`values`); `evaluator` walks it, `operators` and `functions` compute. The surroundings (`Environment`) find metrics and
know bands.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from cloudarium.services.cloudwatch.math.evaluator import evaluate
from cloudarium.services.cloudwatch.math.parser import Expression, parse
from cloudarium.services.cloudwatch.math.values import Environment, MathError, Origin, TimeSeries, Value

__all__ = ["Environment", "Expression", "MathError", "Origin", "TimeSeries", "Value", "evaluate", "parse"]
