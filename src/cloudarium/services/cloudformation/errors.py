"""The errors of CloudFormation, in its words."""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    """A request, or a template, that cannot be done."""
    return AwsError("ValidationError", message, 400)


def no_stack(name: str) -> AwsError:
    """No such stack, as those say it that change one."""
    return invalid(f"Stack [{name}] does not exist")


def no_stack_with_id(name: str) -> AwsError:
    """No such stack, as those say it that describe one."""
    return invalid(f"Stack with id {name} does not exist")


def already_exists(name: str) -> AwsError:
    """A living stack has that name."""
    return AwsError("AlreadyExistsException", f"Stack [{name}] already exists", 400)


def wrong_state(stack_id: str, status: str, what: str = "updated") -> AwsError:
    """The stack is not in a state in which that can be done to it."""
    return invalid(f"Stack:{stack_id} is in {status} state and can not be {what}.")


def no_change_set(name: str) -> AwsError:
    """No such change set."""
    return AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def change_set_state(message: str) -> AwsError:
    """The change set is not in a state in which that can be done to it."""
    return AwsError("InvalidChangeSetStatus", message, 400)


def too_many_change_sets(stack_name: str) -> AwsError:
    """The stack has as many change sets as it may."""
    return AwsError("LimitExceededException", f"ChangeSet limit exceeded for stack {stack_name}", 400)


def insufficient_capabilities(needed: str) -> AwsError:
    """The template makes what the caller has to acknowledge."""
    return AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]", 400)


def token_exists(token: str) -> AwsError:
    """The ClientRequestToken was used for another operation."""
    message = f"The specified ClientRequestToken [{token}] was already used for another operation"
    return AwsError("TokenAlreadyExistsException", message, 400)
