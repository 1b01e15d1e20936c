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
        release_templates(ctx, stack, None)
        ctx.table(Stack).delete(ctx.scope, stack.id)


def forget_change_sets(ctx: Context, stack: Stack) -> None:
    """Remove the change sets of a stack."""
    for each in ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id):
        forget_change_set(ctx, each)


def forget_change_set(ctx: Context, change_set: ChangeSet) -> None:
    """Remove a change set and its template."""
    ctx.table(StackTemplate).delete(ctx.scope, change_set.template)
    ctx.table(ChangeSet).delete(ctx.scope, change_set.id)


def forget_old_events(ctx: Context, stack: Stack) -> None:
    """Remove events that are so old that AWS would not show them any more."""
    oldest = ctx.clock.now() - KEPT
    for event in ctx.table(StackEvent).find(ctx.scope, "stack_id", stack.id):
        if event.at < oldest:
            ctx.table(StackEvent).delete(ctx.scope, event.key)


def release_templates(ctx: Context, before: Stack, after: Stack | None) -> None:
    """Remove the templates that a stack had, and does not have nor go back to any more."""
    for key in _templates(before) - (_templates(after) if after is not None else set()):
        ctx.table(StackTemplate).delete(ctx.scope, key)


def _templates(stack: Stack) -> set[str]:
    return {stack.template, stack.stable_template, stack.former_template}
