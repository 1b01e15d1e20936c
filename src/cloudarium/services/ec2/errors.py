"""EC2's errors in its own words (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)."""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError, NotThere


def invalid(message: str) -> AwsError:
    """A value that AWS would not take."""
    return AwsError("InvalidParameterValue", message)


def combination(message: str) -> AwsError:
    """Parameters that exclude each other, or that need each other."""
    return AwsError("InvalidParameterCombination", message)


def missing(parameter: str) -> AwsError:
    """A parameter that this call needs."""
    return AwsError("MissingParameter", f"The request must contain the parameter {parameter}")


def dependency(noun: str, resource_id: str) -> AwsError:
    """A resource that others still use."""
    return AwsError("DependencyViolation", f"The {noun} '{resource_id}' has dependencies and cannot be deleted.")


def refuse(request: object, *parameters: str) -> None:
    """Raise for the first of ``parameters`` that the request sets: options that would have no effect yet."""
    for parameter in parameters:
        if isinstance(request, dict) and request.get(parameter) not in (None, False, [], 0, ""):
            raise NotThere(f"The parameter {parameter}")
