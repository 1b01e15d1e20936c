"""Deleting what is doomed, each resource once nothing is left that depends on it, and the end of an operation."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.engine.evaluation import stored_resources
from cloudarium.services.cloudformation.engine.journal import resource_state, stack_state
from cloudarium.services.cloudformation.engine.outcome import put_exports
from cloudarium.services.cloudformation.engine.planning import MOST_AT_ONCE, deletable
from cloudarium.services.cloudformation.engine.retention import forget_change_sets, forget_first_deleted
from cloudarium.services.cloudformation.resources import Operation, Stack, StackResource

_FAILS = {"ROLLBACK_COMPLETE": "ROLLBACK_FAILED", "DELETE_COMPLETE": "DELETE_FAILED"}
"""Goals that are not reached when something cannot be deleted. An update is complete all the same, as on AWS."""


async def step(ctx: Context, stack: Stack) -> float | None:
    """Start what can be deleted; once nothing is left to delete, the operation is over."""
    operation = stack.operation
    if operation is None:
        return None
    while _start_some(ctx, stack, operation):
        pass
    rows = stored_resources(ctx, stack)
    if any(each.action for each in rows):
        return None
    failed = [each for each in rows if each.doomed and each.status == "DELETE_FAILED"]
    stuck = [each for each in rows if each.doomed and each.settled != operation.stage]
    with ctx.store.begin():
        if failed and operation.goal in _FAILS:
            _stop(ctx, stack, operation, [*failed, *stuck], [each.logical_id for each in failed])
        else:
            _end(ctx, stack, operation)
    return 0.0


def _start_some(ctx: Context, stack: Stack, operation: Operation) -> bool:
    """Whether some came to their end at once, so that there may be more to start."""
    rows = stored_resources(ctx, stack)
    if operation.kind == "delete" and any(each.action in ("create", "update") for each in rows):
        return False
    doomed = [each for each in rows if each.doomed and each.status != "DELETE_COMPLETE"]
    waiting = [each for each in doomed if not each.action and each.settled != operation.stage]
    alive = [each for each in doomed if each.settled != operation.stage or each.failed]
    busy = sum(bool(each.action) for each in rows)
    settled = False
    for each in deletable(waiting, alive)[: max(0, MOST_AT_ONCE - busy)]:
        if isinstance(each, StackResource):
            settled |= _start(ctx, operation, each)
    return settled


def _start(ctx: Context, operation: Operation, row: StackResource) -> bool:
    """Delete one, or leave it where its template says so; whether that was the end of it."""
    with ctx.store.begin():
        if row.made is None:
            resource_state(ctx, row, "DELETE_COMPLETE", settled=operation.stage)
            return True
        if _is_retained(operation, row):
            resource_state(ctx, row, "DELETE_SKIPPED", settled=operation.stage, made=None)
            return True
        resource_state(ctx, row, "DELETE_IN_PROGRESS", action="delete", stage=operation.stage)
    return False


def _is_retained(operation: Operation, row: StackResource) -> bool:
    made = row.made
    if made is None or row.logical_id in operation.retain:
        return True
    if operation.force and row.status == "DELETE_FAILED":
        return True
    replaced = row.left and operation.goal == "UPDATE_COMPLETE"
    policy = made.update_replace_policy if replaced else made.deletion_policy
    undone = "ROLLBACK" in operation.goal and (row.left or row.changed or operation.goal == "ROLLBACK_COMPLETE")
    if undone and (policy == "RetainExceptOnCreate" or operation.retain_except_on_create):
        return False
    return policy in ("Retain", "RetainExceptOnCreate")


def _stop(ctx: Context, stack: Stack, operation: Operation, left: list[StackResource], failed: list[str]) -> None:
    reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
    for each in left:
        ctx.table(StackResource).put(ctx.scope, each.replace(doomed=False))
    stack_state(ctx, stack, _FAILS[operation.goal], reason, operation=None)


def _end(ctx: Context, stack: Stack, operation: Operation) -> None:
    table, deletes = ctx.table(StackResource), operation.goal == "DELETE_COMPLETE"
    undone = deletes or operation.goal == "ROLLBACK_COMPLETE"
    for each in stored_resources(ctx, stack):
        if each.left or (each.doomed and not undone):
            table.delete(ctx.scope, each.key)
        elif each.doomed:
            table.put(ctx.scope, each.replace(doomed=False, changed=False, former=None))
    if not deletes:
        used = {"UPDATE_ROLLBACK_COMPLETE": stack.stable_imports, "ROLLBACK_COMPLETE": ()}
        stack_state(ctx, stack, operation.goal, operation=None, imports=used.get(operation.goal, stack.imports))
        return
    put_exports(ctx, stack, ())
    forget_change_sets(ctx, stack)
    gone: dict[str, Any] = {"name_in_use": "", "imports": (), "deleted": ctx.clock.now()}
    stack_state(ctx, stack, "DELETE_COMPLETE", operation=None, **gone)
    forget_first_deleted(ctx)
