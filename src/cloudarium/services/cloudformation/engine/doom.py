"""Which resources are to be deleted."""

from __future__ import annotations

from collections.abc import Callable

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.engine.evaluation import stored_resources
from cloudarium.services.cloudformation.engine.leftovers import leave
from cloudarium.services.cloudformation.resources import Stack, StackResource


def doom_all(ctx: Context, stack: Stack) -> None:
    """Every resource of the stack that is not deleted yet, what was replaced and not deleted yet too."""
    for each in stored_resources(ctx, stack):
        if each.former is not None and each.made is not None and each.former.physical_id != each.made.physical_id:
            leave(ctx, each, each.former)
            ctx.table(StackResource).put(ctx.scope, each.replace(former=None))
    doom(ctx, stack, lambda each: each.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED"))


def doom(ctx: Context, stack: Stack, chosen: Callable[[StackResource], bool]) -> None:
    """The chosen ones."""
    for each in stored_resources(ctx, stack):
        if chosen(each):
            ctx.table(StackResource).put(ctx.scope, each.replace(doomed=True, settled="", failed=False))
