"""What is next for a stack: the controller that brings its operation to its end, phase by phase.

Forward it makes what the template says, each resource once those are there that it depends on. What fails turns it
back: a new stack's resources are doomed, an old one's go back to what they were. In the end the doomed are deleted.
"""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.engine import back, cleanup, forward
from cloudarium.services.cloudformation.engine.actions import PRINCIPAL
from cloudarium.services.cloudformation.engine.evaluation import stored_resources
from cloudarium.services.cloudformation.engine.retention import KEPT, forget
from cloudarium.services.cloudformation.engine.waking import ACTIONS, STACKS
from cloudarium.services.cloudformation.resources import Stack

_PHASES = {"forward": forward.step, "back": back.step, "cleanup": cleanup.step}


class Stacks:
    """The controller; its keys are scope and id of a stack."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stacks = cloud.store.table(Stack)

    def keys(self) -> list[tuple[Scope, str]]:
        """Stacks with an operation under way, and deleted ones, which are to be forgotten one day."""
        return [(scope, each.id) for scope, each in self._stacks.everywhere() if each.operation or each.deleted]

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """The next step of a stack's operation."""
        scope, stack_id = key
        stack = self._stacks.get(scope, stack_id)
        if stack is None:
            return None
        ctx = self._cloud.context(scope, PRINCIPAL)
        if stack.operation is None:
            return self._retire(ctx, stack)
        try:
            after = await _PHASES[stack.operation.phase](ctx, stack)
        finally:
            # Also when one resource cannot be worked out just now: the others need not wait.
            self._wake(ctx, stack)
        if after == 0:
            # At once, not when the clock next moves: it may stand still.
            self._cloud.enqueue(STACKS, key)
            return None
        return after

    def _wake(self, ctx: Context, stack: Stack) -> None:
        """Let actions go on, or find out that they are not wanted any more."""
        now = self._stacks.get(ctx.scope, stack.id)
        operation = now.operation if now is not None else None
        stage = operation.stage if operation is not None and not operation.failing else ""
        for each in stored_resources(ctx, stack):
            started = each.begun or each.asked or each.attempts
            if each.action and (each.stage != stage or not started):
                self._cloud.enqueue(ACTIONS, (ctx.scope, each.key))

    def _retire(self, ctx: Context, stack: Stack) -> float | None:
        if not stack.deleted:
            return None
        left = stack.deleted + KEPT - ctx.clock.now()
        if left <= 0:
            forget(ctx, stack)
            return None
        return left
