"""Why tasks stop, in AWS's words.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
"""

from __future__ import annotations

FAILED_TO_START = "TaskFailedToStart"
ESSENTIAL_EXITED = "EssentialContainerExited"

ESSENTIAL_CONTAINER = "Essential container in task exited"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
UNHEALTHY = "Task failed container health checks"
VANISHED = "ContainerVanishedError: No container matching saved ID found"


class CannotRun(Exception):
    """A task or a container cannot be started. ``reason`` is the whole text with its error's name before the colon.

    ``container`` is the name of the container whose own fault it is, or empty.
    """

    def __init__(self, reason: str, container: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.container = container


def resource(message: str) -> CannotRun:
    """Something that must be there before the first container could not be had."""
    return CannotRun(f"ResourceInitializationError: {message}")


def pull_secrets(what: str, cause: str) -> CannotRun:
    """Secrets or the registry's authorization could not be fetched; ``what`` is e.g. ``secrets from ssm``."""
    return resource(
        "unable to pull secrets or registry auth: execution resource retrieval failed: "
        f"unable to retrieve {what}: {cause}"
    )


def no_connection(url: str, address: str, cause: str) -> str:
    """What an AWS call ends with that cannot reach its endpoint."""
    where = f"dial tcp {address}: {cause}" if address else cause
    return (
        f'service call has been retried 3 time(s): RequestError: send request failed caused by: Post "{url}": {where}. '
        "Please check your task network configuration."
    )


def cannot_pull(reference: str, cause: str, *, retried: int = 1) -> CannotRun:
    """An image cannot be had."""
    if cause.startswith(("failed to resolve ref", "image Manifest does not contain")):
        text = f"CannotPullContainerError: pull image manifest has been retried {retried} time(s): {cause}"
    else:
        text = f"CannotPullContainerError: pull image manifest has been retried {retried} time(s): failed to resolve ref {reference}: {cause}"  # noqa: E501
    return CannotRun(text)


def assume_role(arn: str) -> CannotRun:
    """A role of the task does not trust ECS."""
    return CannotRun(
        f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the role being "
        "passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this "
        "role."
    )


def logger_args(cause: str) -> CannotRun:
    """The log driver cannot begin."""
    return resource(f"failed to validate logger args: {cause}")
