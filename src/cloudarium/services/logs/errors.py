"""CloudWatch Logs' errors, as it words them."""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    """A parameter has a value that it may not have."""
    return AwsError("InvalidParameterException", message, 400)


def not_found(message: str) -> AwsError:
    """Something that is meant is not there."""
    return AwsError("ResourceNotFoundException", message, 400)


def no_group() -> AwsError:
    """The log group is not there."""
    return not_found("The specified log group does not exist.")


def no_stream() -> AwsError:
    """The log stream is not there."""
    return not_found("The specified log stream does not exist.")


def exists(message: str) -> AwsError:
    """Something of this name is there already."""
    return AwsError("ResourceAlreadyExistsException", message, 400)


def too_many(message: str = "Resource limit exceeded.") -> AwsError:
    """A quota has been reached."""
    return AwsError("LimitExceededException", message, 400)


def not_possible(message: str) -> AwsError:
    """The operation cannot be done to this resource."""
    return AwsError("InvalidOperationException", message, 400)


def unavailable(error: OSError) -> AwsError:
    """The disk refuses."""
    return AwsError("ServiceUnavailableException", f"The request could not be stored: {error}", 503)


def failed_validation(name: str, value: object, constraint: str) -> AwsError:
    """What a violated constraint of the model is answered with."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    )
