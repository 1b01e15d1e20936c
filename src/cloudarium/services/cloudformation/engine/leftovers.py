"""What was replaced, or made in vain, and stays until the operation cleans up: records of its own."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.resources import Made, StackResource, resource_key


def leave(ctx: Context, resource: StackResource, made: Made) -> None:
    """Keep something that a resource was, beside what it is now, to be deleted later."""
    left = StackResource(
        key=f"{resource_key(resource.stack_id, resource.logical_id)}/{made.generation}",
        stack_id=resource.stack_id,
        logical_id=resource.logical_id,
        type=made.type,
        updated=ctx.clock.now(),
        physical_id=made.physical_id,
        made=made,
        left=True,
    )
    ctx.table(StackResource).put(ctx.scope, left)


def leave_unless_former(ctx: Context, resource: StackResource) -> None:
    """Before a resource is replaced: keep what it is, unless that is what it was when the stack was last stable."""
    made, former = resource.made, resource.former
    if made is not None and (former is None or former.physical_id != made.physical_id):
        leave(ctx, resource, made)
