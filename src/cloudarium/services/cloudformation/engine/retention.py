"""Deleted stacks: still there for those who know their id, for 90 days.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
"""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.resources import ChangeSet, Stack, StackEvent, StackResource, StackTemplate

KEPT = 90 * 86_400.0
"""Cloud seconds for which a deleted stack can be described."""


def forget(ctx: Context, stack: Stack) -> None:
    """Remove every record of a stack."""
    with ctx.store.begin():
        for resource in ctx.table(StackResource).find(ctx.scope, "stack_id", stack.id):
            ctx.table(StackResource).delete(ctx.scope, resource.key)
        for event in ctx.table(StackEvent).find(ctx.scope, "stack_id", stack.id):
            ctx.table(StackEvent).delete(ctx.scope, event.key)
        forget_change_sets(ctx, stack)
        for key in {stack.template, stack.stable_template}:
            ctx.table(StackTemplate).delete(ctx.scope, key)
        ctx.table(Stack).delete(ctx.scope, stack.id)


def forget_change_sets(ctx: Context, stack: Stack) -> None:
    """Remove the change sets of a stack."""
    for each in ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id):
        ctx.table(ChangeSet).delete(ctx.scope, each.id)
