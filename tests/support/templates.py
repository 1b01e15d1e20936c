"""Templates of a few resources, and stacks of real programs, which are waited for as long as those take."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.support.aws import Account
from tests.support.stacks import Deployed


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
