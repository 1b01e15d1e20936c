"""Stacks of CloudFormation by boto3: what an operation leads to, in the cloud's time or as programs take it."""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError
from tests.support.aws import Account
from tests.support.cloud import until

_MOST = 200


class Deployed:
    """One stack of an account."""

    def __init__(self, account: Account, name: str) -> None:
        self.account = account
        self.name = name
        self.stack_id = ""

    def create(self, template: str, **parameters: str) -> str:
        """Create it; the status it comes to."""
        answer = self.account.cloudformation.create_stack(
            StackName=self.name, TemplateBody=template, Parameters=_given(parameters)
        )
        self.stack_id = answer["StackId"]
        return self.settled()

    def update(self, template: str, **parameters: str) -> str:
        """Update it; the status it comes to."""
        self.account.cloudformation.update_stack(
            StackName=self.name, TemplateBody=template, Parameters=_given(parameters)
        )
        return self.settled()

    def delete(self) -> str:
        """Delete it; the status it comes to."""
        self.account.cloudformation.delete_stack(StackName=self.name)
        return self.settled()

    def settled(self) -> str:
        """Let time pass until nothing is in progress any more; the status."""
        for _ in range(_MOST):
            if not (status := self.status()).endswith("_IN_PROGRESS"):
                return status
            self.account.cloud.advance("1s")
        raise AssertionError(f"still {status}: {self.reasons()}")

    def described(self) -> dict[str, Any]:
        """As DescribeStacks shows it."""
        (found,) = self.account.cloudformation.describe_stacks(StackName=self.stack_id)["Stacks"]
        return dict(found)

    def status(self) -> str:
        """Its status now."""
        return str(self.described()["StackStatus"])

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs."""
        return {each["OutputKey"]: each["OutputValue"] for each in self.described().get("Outputs", [])}

    def physical(self) -> dict[str, str]:
        """Physical ids of its resources, by logical id."""
        found = self.account.cloudformation.describe_stack_resources(StackName=self.stack_id)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def reasons(self) -> list[str]:
        """What its events tell of, the oldest first."""
        events = self.account.cloudformation.describe_stack_events(StackName=self.stack_id)["StackEvents"]
        return [
            f"{each['LogicalResourceId']} {each['ResourceStatus']}: {each['ResourceStatusReason']}"
            for each in reversed(events)
            if "ResourceStatusReason" in each
        ]


def _given(parameters: dict[str, str]) -> list[Any]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


class Stacks:
    """An account's stacks, each made and changed until its operation has come to the status that is expected."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._by_name: dict[str, _Slow] = {}

    def create(
        self, name: str, resources: dict[str, Any], expected: str = "CREATE_COMPLETE", outputs: Any = None
    ) -> None:
        """Make a stack of these resources."""
        stack = self._by_name[name] = _Slow(self._account, name)
        assert stack.create(template(resources, outputs)) == expected, stack.reasons()

    def update(
        self, name: str, resources: dict[str, Any], expected: str = "UPDATE_COMPLETE", outputs: Any = None
    ) -> None:
        """Change it to these."""
        stack = self._by_name[name]
        assert stack.update(template(resources, outputs)) == expected, stack.reasons()

    def delete(self, name: str, expected: str = "DELETE_COMPLETE") -> None:
        """Delete it."""
        stack = self._by_name[name]
        assert stack.delete() == expected, stack.reasons()

    def failures(self, name: str) -> list[str]:
        """Why resources failed, oldest first: ``Log CREATE_FAILED: …``."""
        return [each for each in self._by_name[name].reasons() if "_FAILED: " in each]

    def ids(self, name: str) -> dict[str, str]:
        """Physical ids by logical ids."""
        return self._by_name[name].physical()

    def outputs(self, name: str) -> dict[str, str]:
        """What the stack puts out."""
        return self._by_name[name].outputs


class _Slow(Deployed):
    def settled(self) -> str:
        """Let time pass until nothing is in progress any more; the status."""
        for _ in range(200):
            if not (status := self.status()).endswith("_IN_PROGRESS"):
                return status
            self.account.cloud.advance("3s")
            # Containers start in the machine's time, which the cloud's clock cannot hurry.
            time.sleep(0.1)
        raise AssertionError(f"still {status}: {self.reasons()}")


def template(resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> str:
    """A template of resources, and values to put out."""
    shown = {name: {"Value": value} for name, value in (outputs or {}).items()}
    return json.dumps({"Resources": resources, **({"Outputs": shown} if shown else {})})


def resource(type_: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A resource of a template: ``resource("ECS::Cluster", {…}, DependsOn=[…])``."""
    return {"Type": f"AWS::{type_}", "Properties": properties or {}, **more}


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
