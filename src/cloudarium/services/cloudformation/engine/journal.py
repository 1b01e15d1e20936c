"""What happens to stacks and resources: their states, and one event for each change of them.

A state and its event are written in one transaction, so that after any interruption both are there or neither.
"""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.ids import request_id
from cloudarium.services.cloudformation.engine.retention import release_templates
from cloudarium.services.cloudformation.engine.waking import NOTICES, wake_parent
from cloudarium.services.cloudformation.resources import (
    STACK_TYPE,
    ChangeSet,
    Operation,
    Stack,
    StackEvent,
    StackResource,
)
from cloudarium.services.cloudformation.views import moment


def stack_state(ctx: Context, stack: Stack, status: str, reason: str = "", **changes: Any) -> Stack:
    """Put a stack into a state, together with other changes, and tell of it; the stack as it is then.

    ``stack`` only says which, once it is stored: each event counts in the record, so that an older copy must not win.
    """
    current = ctx.table(Stack).get(ctx.scope, stack.id) or stack
    changed = current.replace(status=status, reason=reason, **changes)
    # The event that ends an operation is one of it.
    operation = changed.operation or current.operation
    release_templates(ctx, current, changed)
    if changed.operation is None and changed.change_set_id:
        _end_change_set(ctx, changed)
    if changed.operation is None and changed.parent_id:
        wake_parent(ctx, changed)
    return _tell(ctx, changed, operation, changed.name, changed.id, STACK_TYPE, status, reason)


def _end_change_set(ctx: Context, stack: Stack) -> None:
    """The change set whose execution has just ended, if that was what ended, says how it did."""
    found = ctx.table(ChangeSet).get(ctx.scope, stack.change_set_id)
    if found is not None and found.execution == "EXECUTE_IN_PROGRESS":
        well = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        ended = found.replace(execution="EXECUTE_COMPLETE" if well else "EXECUTE_FAILED")
        ctx.table(ChangeSet).put(ctx.scope, ended)


def resource_state(
    ctx: Context, resource: StackResource, status: str, reason: str = "", **changes: Any
) -> StackResource:
    """Put a resource into a state, together with other changes, and tell of it; the resource as it is then."""
    changed = resource.replace(status=status, reason=reason, updated=ctx.clock.now(), **changes)
    with ctx.store.begin():
        ctx.table(StackResource).put(ctx.scope, changed)
        stack = ctx.table(Stack).get(ctx.scope, resource.stack_id)
        if stack is not None:
            name, physical_id = changed.logical_id, changed.physical_id
            _tell(ctx, stack, stack.operation, name, physical_id, changed.type, status, reason, changed.shown)
    return changed


def _tell(
    ctx: Context,
    stack: Stack,
    operation: Operation | None,
    logical_id: str,
    physical_id: str,
    type_: str,
    status: str,
    reason: str,
    properties: str = "",
) -> Stack:
    # Clients order events by their times: two of a stack never have the same.
    number, now = stack.next_event, max(ctx.clock.now(), stack.last_event + 0.001)
    token = operation.token if operation is not None else ""
    of_stack = type_ == STACK_TYPE and physical_id == stack.id
    stamp = moment(now).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    event = StackEvent(
        key=f"{stack.id}/{number}",
        id=request_id() if of_stack else f"{logical_id}-{status}-{stamp}",
        stack_id=stack.id,
        number=number,
        at=now,
        operation=operation.id if operation is not None else "",
        token=token,
        logical_id=logical_id,
        physical_id=physical_id,
        type=type_,
        status=status,
        reason=reason,
        properties=properties,
        topics=stack.settings.notification_arns,
    )
    stack = stack.replace(next_event=number + 1, last_event=now)
    with ctx.store.begin():
        ctx.table(Stack).put(ctx.scope, stack)
        ctx.table(StackEvent).put(ctx.scope, event)
    if event.topics:
        ctx.cloud.enqueue(NOTICES, (ctx.scope, stack.id))
    _emit(ctx, stack, event, of_stack)
    return stack


def _emit(ctx: Context, stack: Stack, event: StackEvent, of_stack: bool) -> None:
    """EventBridge's event.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
    """
    details = {"status": event.status, "status-reason": event.reason}
    detail: dict[str, Any] = {"stack-id": stack.id, "status-details": details, "client-request-token": event.token}
    if not of_stack:
        detail |= {
            "logical-resource-id": event.logical_id,
            "physical-resource-id": event.physical_id,
            "resource-type": event.type,
        }
    kind = "Stack" if of_stack else "Resource"
    ctx.events.emit(ctx.scope, "aws.cloudformation", f"CloudFormation {kind} Status Change", detail, [stack.id])
