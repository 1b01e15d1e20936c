"""The errors of Cloud Map."""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def invalid_input(message: str) -> AwsError:
    """A request that contradicts itself or the service's settings."""
    return AwsError("InvalidInput", message, 400)


def no_namespace(id_: str) -> AwsError:
    """No such namespace."""
    return AwsError("NamespaceNotFound", f"Namespace not found: {id_}", 400)


def no_service(id_: str) -> AwsError:
    """No such service."""
    return AwsError("ServiceNotFound", f"Service not found: {id_}", 400)


def no_instance(id_: str) -> AwsError:
    """No such instance."""
    return AwsError("InstanceNotFound", f"Instance not found: {id_}", 400)


def in_use(message: str) -> AwsError:
    """Something is still in it."""
    return AwsError("ResourceInUse", message, 400)
