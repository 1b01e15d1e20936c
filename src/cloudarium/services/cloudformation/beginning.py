"""Beginning an operation on a stack: what CreateStack, UpdateStack, DeleteStack and ExecuteChangeSet write down.

The controllers do the rest. Nested stacks are begun here too, by their kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.ids import request_id
from cloudarium.services.cloudformation.engine.doom import doom_all
from cloudarium.services.cloudformation.engine.journal import stack_state
from cloudarium.services.cloudformation.engine.outcome import users_of
from cloudarium.services.cloudformation.engine.retention import forget_old_events, release_templates
from cloudarium.services.cloudformation.engine.waking import wake_stack
from cloudarium.services.cloudformation.errors import invalid, token_exists, wrong_state
from cloudarium.services.cloudformation.resources import Operation, Settings, Stack
from cloudarium.services.cloudformation.settings import check_token
from cloudarium.services.cloudformation.templates import keep

ROLE = "RoleARN is kept and shown, and the calls are made as CloudFormation's own principal"
"""What operations that take a role do not do yet."""
_MOST_REMEMBERED = 10
_UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_FAILED",
    }
)
_UNDELETABLE = frozenset(
    {
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    }
)
_TYPES = {"create": "CREATE_STACK", "update": "UPDATE_STACK", "delete": "DELETE_STACK", "rollback": "ROLLBACK"}
USER_INITIATED = "User Initiated"


def new_stack_id(ctx: Context, name: str) -> str:
    """A stack's ARN, unique for ever."""
    return ctx.arn("cloudformation", f"stack/{name}/{request_id()}")


def check_updatable(stack: Stack) -> None:
    """Raise unless the stack is in a state in which it can be updated."""
    if stack.operation is not None or stack.status not in _UPDATABLE:
        raise wrong_state(stack.id, stack.status)


def with_role(ctx: Context, stack: Stack, request: Mapping[str, Any]) -> Stack:
    """The stack with the request's role, which later operations have too, as on AWS."""
    if "RoleARN" in request:
        stack = stack.replace(settings=msgspec.structs.replace(stack.settings, role_arn=request["RoleARN"]))
        ctx.table(Stack).put(ctx.scope, stack)
    return stack


def repeated(stack: Stack | None, token: str, kind: str) -> bool:
    """Whether a request with this token was already served, so that only its answer is to be given again."""
    check_token(token)
    if not token or stack is None:
        return False
    for known, what in stack.tokens:
        if known == token:
            if what != kind:
                raise token_exists(token)
            return True
    return False


def begin(
    ctx: Context, stack: Stack, kind: str, status: str, *, reason: str = USER_INITIATED, token: str = "", **about: Any
) -> Stack:
    """Put an operation on a stack, and wake the controller. ``about`` are fields of the operation."""
    operation = Operation(id=request_id(), kind=kind, token=token, started=ctx.clock.now(), **about)
    changed = stack_state(
        ctx,
        stack,
        status,
        reason,
        operation=operation,
        tokens=(((token, kind), *stack.tokens) if token else stack.tokens)[:_MOST_REMEMBERED],
        operations=((_TYPES[kind], operation.id), *stack.operations)[:_MOST_REMEMBERED],
    )
    forget_old_events(ctx, changed)
    wake_stack(ctx, stack.id)
    return changed


def begin_create(
    ctx: Context,
    name: str,
    text: str,
    settings: Settings,
    *,
    stack: Stack | None = None,
    token: str = "",
    on_failure: str = "ROLLBACK",
    timeout_minutes: int = 0,
    **fields: Any,
) -> Stack:
    """Make a stack, or what a change set has reviewed (``stack``); ``fields`` are the record's."""
    now = ctx.clock.now()
    if stack is None:
        id_ = new_stack_id(ctx, name)
        stack = Stack(id=id_, name=name, name_in_use=name, status="", created=now, template="", settings=settings)
    else:
        fields["updated"] = now
    stack = stack.replace(
        template=keep(ctx, stack.id, text), settings=settings, timeout_minutes=timeout_minutes, **fields
    )
    ctx.table(Stack).put(ctx.scope, stack)
    deadline = now + timeout_minutes * 60 if timeout_minutes else 0.0
    return begin(
        ctx,
        stack,
        "create",
        "CREATE_IN_PROGRESS",
        token=token,
        on_failure=on_failure,
        deadline=deadline,
        retain_except_on_create=stack.retain_except_on_create,
    )


def begin_update(
    ctx: Context,
    stack: Stack,
    text: str,
    settings: Settings,
    *,
    token: str = "",
    disable_rollback: bool = False,
    policy: str = "",
    fields: Mapping[str, Any] = {},
) -> Stack:
    """Change a stack to a template and settings; ``fields`` are the record's that change too."""
    changed = stack.replace(template=keep(ctx, stack.id, text), settings=settings, updated=ctx.clock.now(), **fields)
    ctx.table(Stack).put(ctx.scope, changed)
    release_templates(ctx, stack, changed)
    return begin(
        ctx,
        changed,
        "update",
        "UPDATE_IN_PROGRESS",
        token=token,
        on_failure="DO_NOTHING" if disable_rollback else "ROLLBACK",
        policy=policy,
        retain_except_on_create=changed.retain_except_on_create,
    )


def begin_delete(ctx: Context, stack: Stack, *, token: str = "", retain: tuple[str, ...] = (), mode: str = "") -> Stack:
    """Delete a stack. One that is just being created is not waited for."""
    if stack.status in _UNDELETABLE:
        raise invalid(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
    if mode:
        ctx.table(Stack).put(ctx.scope, stack.replace(deletion_mode=mode))
    for output in stack.outputs:
        if output.export and (users := users_of(ctx, output.export)):
            # As on AWS the call succeeds, and the stack is what it was before, with the reason.
            reason = f"Export {output.export} cannot be deleted as it is in use by {' and '.join(users)}"
            stack_state(ctx, stack, "DELETE_IN_PROGRESS", USER_INITIATED)
            return stack_state(ctx, stack, stack.status, reason)
    doom_all(ctx, stack)
    return begin(
        ctx,
        stack,
        "delete",
        "DELETE_IN_PROGRESS",
        token=token,
        phase="cleanup",
        goal="DELETE_COMPLETE",
        retain=retain,
        force=mode == "FORCE_DELETE_STACK",
    )
