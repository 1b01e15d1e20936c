"""When the way forward ends before its goal: giving up, and what comes then."""

from __future__ import annotations

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.engine.doom import doom_all
from cloudarium.services.cloudformation.engine.evaluation import stored_resources
from cloudarium.services.cloudformation.engine.journal import stack_state
from cloudarium.services.cloudformation.engine.waking import wake_stack
from cloudarium.services.cloudformation.resources import Operation, Stack, StackResource


def give_up(ctx: Context, stack: Stack, cause: str = "") -> None:
    """Go forward no more with the operation that ``stack`` has, if that is still under way."""
    now = ctx.table(Stack).get(ctx.scope, stack.id)
    if now is None or now.operation is None or stack.operation is None or now.operation.failing:
        return
    if now.operation.stage == stack.operation.stage:
        operation = msgspec.structs.replace(now.operation, failing=True, cause=cause)
        ctx.table(Stack).put(ctx.scope, now.replace(operation=operation))
        wake_stack(ctx, stack.id)


def turn(ctx: Context, stack: Stack) -> float:
    """Turn back, or stay where it is, as the operation was told; nothing is under way any more."""
    operation = stack.operation
    if operation is None:
        return 0.0
    reason = _reason(operation, stored_resources(ctx, stack))
    with ctx.store.begin():
        if operation.on_failure == "DO_NOTHING":
            status = "CREATE_FAILED" if not stack.stable_template else "UPDATE_FAILED"
            stack_state(ctx, stack, status, reason, operation=None)
        elif stack.stable_template:
            going = msgspec.structs.replace(operation, phase="back", failing=False)
            stack_state(ctx, stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason, operation=going)
        else:
            deletes = operation.on_failure == "DELETE"
            goal = "DELETE_COMPLETE" if deletes else "ROLLBACK_COMPLETE"
            going = msgspec.structs.replace(operation, phase="cleanup", goal=goal, failing=False)
            then = "Delete requested by user." if deletes else "Rollback requested by user."
            doom_all(ctx, stack)
            status = "DELETE_IN_PROGRESS" if deletes else "ROLLBACK_IN_PROGRESS"
            stack_state(ctx, stack, status, f"{reason.rstrip()} {then}", operation=going)
    return 0.0


def _reason(operation: Operation, resources: list[StackResource]) -> str:
    if operation.cause:
        return operation.cause
    failed = [each for each in resources if each.failed and each.settled == operation.stage and not each.left]
    reason = ""
    for what, status in (("create", "CREATE_FAILED"), ("update", "UPDATE_FAILED")):
        if names := [each.logical_id for each in failed if each.status == status]:
            reason += f"The following resource(s) failed to {what}: [{', '.join(names)}]. "
    return reason
