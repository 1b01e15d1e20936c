"""CloudWatch's errors, as it words them."""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def invalid_value(message: str) -> AwsError:
    """A parameter has a value that it may not have."""
    return AwsError("InvalidParameterValue", message, 400)


def invalid_combination(message: str) -> AwsError:
    """Parameters that do not go together."""
    return AwsError("InvalidParameterCombination", message, 400)


def missing(message: str) -> AwsError:
    """A parameter that must be there."""
    return AwsError("MissingParameter", message, 400)


def validation(message: str) -> AwsError:
    """What GetMetricData says of all of these."""
    return AwsError("ValidationError", message, 400)
