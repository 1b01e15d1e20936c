"""Finding the stacks and change sets that a request names."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.errors import no_change_set, no_stack, no_stack_with_id
from cloudarium.services.cloudformation.resources import ChangeSet, Stack, StackResource


def find_stack(ctx: Context, name: str) -> Stack | None:
    """The living stack of that name, or the one, even deleted, with that id."""
    if name.startswith("arn:"):
        return ctx.table(Stack).get(ctx.scope, name)
    found = ctx.table(Stack).find(ctx.scope, "name_in_use", name) if name else []
    return found[0] if found else None


def stack_to_change(ctx: Context, name: str) -> Stack:
    """The living stack that a request would change."""
    stack = find_stack(ctx, name)
    if stack is None or stack.deleted:
        raise no_stack(name)
    return stack


def stack_to_show(ctx: Context, name: str) -> Stack:
    """The stack that a request describes; a deleted one only by its id."""
    stack = find_stack(ctx, name)
    if stack is None:
        raise no_stack_with_id(name)
    return stack


def change_set_of(ctx: Context, name: str, stack_name: str) -> ChangeSet:
    """The change set with this ARN, or with this name of a stack."""
    if name.startswith("arn:"):
        found = ctx.table(ChangeSet).get(ctx.scope, name)
        if found is None:
            raise no_change_set(name)
        return found
    stack = stack_to_change(ctx, stack_name)
    for each in ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id):
        if each.name == name:
            return each
    raise no_change_set(name)


def resources_of(ctx: Context, stack: Stack) -> list[StackResource]:
    """A stack's resources as they are shown, without those that only wait to be deleted."""
    return [each for each in ctx.table(StackResource).find(ctx.scope, "stack_id", stack.id) if not each.left]
