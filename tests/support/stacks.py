"""Stacks of CloudFormation by boto3: an operation, and what it has led to in the cloud's time."""

from __future__ import annotations

from typing import Any

from tests.support.aws import Account

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
