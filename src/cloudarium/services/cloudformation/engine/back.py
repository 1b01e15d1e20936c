"""The way back: what an update has changed becomes again what it was when the stack was last stable."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.engine.doom import doom
from cloudarium.services.cloudformation.engine.evaluation import stored_resources
from cloudarium.services.cloudformation.engine.journal import resource_state, stack_state
from cloudarium.services.cloudformation.engine.leftovers import leave
from cloudarium.services.cloudformation.engine.planning import startable
from cloudarium.services.cloudformation.engine.waking import ACTIONS
from cloudarium.services.cloudformation.resources import STACK_TYPE, Made, Operation, Stack, StackResource


async def step(ctx: Context, stack: Stack) -> float | None:
    """Start what can go back; once everything has, clean up."""
    operation = stack.operation
    if operation is None:
        return None
    while _start_some(ctx, stack, operation):
        pass
    rows = [each for each in stored_resources(ctx, stack) if not each.left]
    if any(each.action for each in rows):
        return None
    if failed := [each.logical_id for each in rows if each.failed and each.settled == operation.stage]:
        reason = f"The following resource(s) failed to update: [{', '.join(failed)}]. "
        stack_state(ctx, stack, "UPDATE_ROLLBACK_FAILED", reason, operation=None)
        return None
    with ctx.store.begin():
        doom(ctx, stack, lambda each: each.left or (each.changed and each.former is None))
        going = msgspec.structs.replace(operation, phase="cleanup", goal="UPDATE_ROLLBACK_COMPLETE")
        was: dict[str, Any] = {"template": stack.stable_template, "settings": stack.stable_settings}
        stack_state(ctx, stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", operation=going, **was)
    return 0.0


def _start_some(ctx: Context, stack: Stack, operation: Operation) -> bool:
    """Whether some came to their end at once, so that there may be more to start."""
    rows = {each.logical_id: each for each in stored_resources(ctx, stack) if not each.left}
    going = {name: row for name, row in rows.items() if row.changed and row.former is not None}
    begun = {name for name, row in going.items() if row.action or row.settled == operation.stage}
    needs = {
        name: [need for need in row.former.depends_on if need in going]
        for name, row in going.items()
        if row.former is not None
    }
    settled = False
    for name in startable(needs, (), begun):
        settled |= _start(ctx, operation, going[name], skip=name in operation.retain)
    return settled


def _start(ctx: Context, operation: Operation, row: StackResource, *, skip: bool) -> bool:
    former, made, stage = row.former, row.made, operation.stage
    if former is None:
        return False
    over: dict[str, Any] = {"made": former, "changed": False, "former": None, "settled": stage, "failed": False}
    over |= {"type": former.type, "physical_id": former.physical_id}
    with ctx.store.begin():
        if made is not None and made.physical_id != former.physical_id:
            leave(ctx, row, made)
            if _took_over(former.type) and not skip:
                _make_again(ctx, row, former, made, stage)
                return False
            resource_state(ctx, row, "UPDATE_COMPLETE", **over)
            return True
        same = made is not None and made.properties == former.properties and made.tags == former.tags
        # A nested stack may have changed by the template at its address alone.
        same = same and former.type != STACK_TYPE
        if same and row.status not in ("UPDATE_FAILED", "UPDATE_IN_PROGRESS"):
            ctx.table(StackResource).put(ctx.scope, row.replace(**over))
            return True
        if same or skip:
            resource_state(ctx, row, "UPDATE_COMPLETE", **over)
            return True
        changes: dict[str, Any] = {"action": "update", "stage": stage, "settled": "", "failed": False}
        changes["target"] = former
        resource_state(ctx, row, "UPDATE_IN_PROGRESS", **changes)
    return False


def _took_over(type_: str) -> bool:
    """Whether what replaced a resource of this type may have taken its place."""
    kind = kinds.find(type_)
    return kind is not None and kind.takes_over


def _make_again(ctx: Context, row: StackResource, former: Made, made: Made, stage: str) -> None:
    """Make what was replaced once more; ``begun`` lets the kind see first whether it is still there."""
    generation = row.generation + 1
    resource_state(
        ctx,
        row,
        "UPDATE_IN_PROGRESS",
        action="create",
        stage=stage,
        settled="",
        failed=False,
        begun=True,
        generation=generation,
        replaces=made.physical_id,
        target=msgspec.structs.replace(former, physical_id="", attributes={}, generation=generation),
    )
    # What has begun is not woken by its stack.
    ctx.cloud.enqueue(ACTIONS, (ctx.scope, row.key))
