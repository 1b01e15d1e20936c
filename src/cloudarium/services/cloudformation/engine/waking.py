"""The controllers by name, and who is to look again when something has happened.

They would find out by themselves, a second later. So a cloud whose clock stands still goes on too.
"""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.resources import Stack, StackResource

STACKS = "cloudformation.stacks"
ACTIONS = "cloudformation.actions"
NOTICES = "cloudformation.notices"


def wake_stack(ctx: Context, stack_id: str) -> None:
    """Let a stack's operation go on."""
    ctx.cloud.enqueue(STACKS, (ctx.scope, stack_id))


def wake_parent(ctx: Context, stack: Stack) -> None:
    """A nested stack has come to an end: the resource that it is of its parent waits for that."""
    for each in ctx.table(StackResource).find(ctx.scope, "physical_id", stack.id):
        if each.action:
            ctx.cloud.enqueue(ACTIONS, (ctx.scope, each.key))


def wake_waiting(cloud: Cloud, scope: Scope, stack_id: str, type_: str) -> None:
    """A stack's resources of a type that something is being done to: what they wait for may have come."""
    for each in cloud.store.table(StackResource).find(scope, "stack_id", stack_id):
        if each.action and each.type == type_:
            cloud.enqueue(ACTIONS, (scope, each.key))
