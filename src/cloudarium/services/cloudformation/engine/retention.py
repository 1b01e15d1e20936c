"""How long records stay: deleted stacks, for those who know their id, for 90 days; and events.

AWS has room for every stack that was deleted in 90 days, a machine has not: of those that are too many, or had too many
events, the first deleted are forgotten before their time.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
"""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.errors import too_many_change_sets
from cloudarium.services.cloudformation.resources import ChangeSet, Stack, StackEvent, StackResource, StackTemplate

KEPT = 90 * 86_400.0
"""Cloud seconds for which a deleted stack can be described."""
MOST_DELETED = 100
MOST_DELETED_EVENTS = 20_000
"""Deleted stacks of an account and region that are kept, and events of them all."""
MOST_CHANGE_SETS = 100
"""Change sets of a stack. AWS does not say how many it lets be."""
MOST_EVENTS = 10_000
"""Events of a stack that are kept, beside those of the operation under way."""


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


def forget_first_deleted(ctx: Context) -> None:
    """Forget deleted stacks that are too many, the first deleted first."""
    events = 0
    deleted = sorted((each for each in ctx.table(Stack).all(ctx.scope) if each.deleted), key=lambda each: -each.deleted)
    for place, each in enumerate(deleted):
        events += len(ctx.table(StackEvent).find(ctx.scope, "stack_id", each.id))
        if place >= MOST_DELETED or (place and events > MOST_DELETED_EVENTS):
            forget(ctx, each)


def forget_change_sets(ctx: Context, stack: Stack) -> None:
    """Remove the change sets of a stack."""
    for each in ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id):
        forget_change_set(ctx, each)


def make_room(ctx: Context, stack: Stack) -> None:
    """Room for one more change set. AWS has none for a user who leaves behind one that failed with every deployment
    that changes nothing; here the first of those goes.
    """
    found = sorted(ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id), key=lambda each: each.created)
    if len(found) < MOST_CHANGE_SETS:
        return
    failed = next((each for each in found if each.status == "FAILED"), None)
    if failed is None:
        raise too_many_change_sets(stack.name)
    forget_change_set(ctx, failed)


def forget_change_set(ctx: Context, change_set: ChangeSet) -> None:
    """Remove a change set and its template."""
    ctx.table(StackTemplate).delete(ctx.scope, change_set.template)
    ctx.table(ChangeSet).delete(ctx.scope, change_set.id)


def forget_old_events(ctx: Context, stack: Stack) -> None:
    """Remove events that are so old that AWS would not show them any more, and what is too much."""
    oldest, first = ctx.clock.now() - KEPT, stack.next_event - MOST_EVENTS
    for event in ctx.table(StackEvent).find(ctx.scope, "stack_id", stack.id):
        if event.at < oldest or event.number < first:
            ctx.table(StackEvent).delete(ctx.scope, event.key)


def release_templates(ctx: Context, before: Stack, after: Stack | None) -> None:
    """Remove the templates that a stack had, and does not have nor go back to any more."""
    for key in _templates(before) - (_templates(after) if after is not None else set()):
        ctx.table(StackTemplate).delete(ctx.scope, key)


def _templates(stack: Stack) -> set[str]:
    return {stack.template, stack.stable_template, stack.former_template}
