"""The errors of the service, by the codes of its API, with AWS's texts.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def client(message: str) -> AwsError:
    """A request that cannot be done as it is: ClientException."""
    return AwsError("ClientException", message)


def invalid(message: str) -> AwsError:
    """A parameter that is wrong for this API request: InvalidParameterException."""
    return AwsError("InvalidParameterException", message)


def cluster_not_found(message: str = "Cluster not found.") -> AwsError:
    """No such cluster, or one that was deleted."""
    return AwsError("ClusterNotFoundException", message)


def service_not_found() -> AwsError:
    """No such service."""
    return AwsError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> AwsError:
    """A service that is being deleted."""
    return AwsError("ServiceNotActiveException", "Service was not ACTIVE.")


def task_set_not_found() -> AwsError:
    """No such task set."""
    return AwsError("TaskSetNotFoundException", "The specified task set does not exist.")


def unsupported(message: str) -> AwsError:
    """A feature that these resources do not support."""
    return AwsError("UnsupportedFeatureException", message)


def platform_unknown() -> AwsError:
    """A platform version of Fargate that does not exist."""
    return AwsError("PlatformUnknownException", "The specified platform does not exist.")


def incompatible(message: str) -> AwsError:
    """A platform version that does not have what the task definition needs."""
    return AwsError("PlatformTaskDefinitionIncompatibilityException", message)
