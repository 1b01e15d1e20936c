"""Stacks of small things: log groups and networks, which are there at once."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until


def settled(account: Account, name: str, seconds: float = 60.0) -> str:
    """The stack's status once nothing is done to it any more; ``gone`` when there is none of that name."""

    def over() -> str:
        found = status(account, name)
        return "" if found.endswith("_IN_PROGRESS") and found != "REVIEW_IN_PROGRESS" else found

    ended: str = until(over, f"the operation on {name} is over", seconds)
    return ended


def status(account: Account, name: str) -> str:
    """The stack's status now."""
    try:
        return str(account.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if error.response["Error"]["Message"] != f"Stack with id {name} does not exist":
            raise
        return "gone"


def events(account: Account, name: str) -> list[tuple[str, str, str]]:
    """Logical id, status and reason of every event, oldest first."""
    pages = account.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    found = [each for page in pages for each in page["StackEvents"]]
    return [
        (each["LogicalResourceId"], each["ResourceStatus"], each.get("ResourceStatusReason", ""))
        for each in reversed(found)
    ]


def outputs(account: Account, name: str) -> dict[str, str]:
    """Values by key."""
    (stack,) = account.cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def groups(account: Account) -> dict[str, Any]:
    """The account's log groups by name."""
    pages = account.logs.get_paginator("describe_log_groups").paginate()
    return {each["logGroupName"]: each for page in pages for each in page["logGroups"]}
