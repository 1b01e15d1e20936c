"""Nested stacks: a stack as a resource of another one, which makes, changes and deletes it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
"""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation import beginning
from cloudarium.services.cloudformation.engine import turning
from cloudarium.services.cloudformation.engine.changing import has_changes
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work
from cloudarium.services.cloudformation.lookup import find_stack
from cloudarium.services.cloudformation.requests import checked
from cloudarium.services.cloudformation.resources import STACK_TYPE, Stack, StackEvent
from cloudarium.services.cloudformation.templates import template_text, text_of

_LONGEST_NAME = 128
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class NestedStack(Kind):
    """A stack within a stack. Its physical id is its ARN, and its outputs are its attributes."""

    type = STACK_TYPE

    async def create(self, work: Work) -> str:
        """Begin to create it. When it fails it stays as it is: its parent deletes it, or keeps it."""
        ctx, parent, name = work.ctx, _parent(work), work.short_name(_LONGEST_NAME)
        request = _request(work, parent)
        text = await template_text(ctx, request)
        _, settings = await checked(ctx, request, text, ("", name))
        async with ctx.store.transaction():
            stack = beginning.begin_create(
                ctx,
                name,
                text,
                settings,
                token=work.token,
                on_failure="DO_NOTHING",
                timeout_minutes=int(work.properties.get("TimeoutInMinutes", 0)),
                disable_rollback=True,
                parent_id=parent.id,
                root_id=parent.root_id or parent.id,
            )
        return stack.id

    async def found(self, work: Work) -> str:
        """Looked for by name."""
        stack = find_stack(work.ctx, work.short_name(_LONGEST_NAME))
        return stack.id if stack is not None and stack.parent_id == work.stack_id else ""

    async def ready(self, work: Work) -> bool:
        """Once it is complete."""
        stack = _nested(work)
        if stack is None or stack.deleted:
            raise Failed(f"Embedded stack {work.physical_id} does not exist any more.")
        if stack.operation is not None:
            return False
        if stack.status in _COMPLETE or (_goes_back(work) and stack.status == "UPDATE_ROLLBACK_COMPLETE"):
            return True
        if work.before:
            status, reason = _failure(work, stack)
            raise Failed(
                f"Embedded stack {stack.id} was not successfully updated. Currently in {status} with reason: {reason}"
            )
        raise Failed(f"Embedded stack {stack.id} was not successfully created: {stack.reason}")

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Outputs.Name``."""
        stack = _nested(work)
        return {f"Outputs.{each.name}": each.value for each in stack.outputs} if stack is not None else {}

    async def update(self, work: Work) -> None:
        """Begin to update it, if its template or anything else is not what it was."""
        ctx, parent, stack = work.ctx, _parent(work), _nested(work)
        if stack is None or stack.deleted:
            raise Failed(f"Embedded stack {work.physical_id} does not exist any more.")
        if beginning.repeated(stack, work.token, "update"):
            return
        if stack.operation is not None:
            # Its parent has turned back while it was still going forward.
            turning.give_up(ctx, stack, "Parent stack is rolling back")
            raise AwsError("PriorRequestNotComplete", f"Embedded stack {stack.id} is in {stack.status} state.", 400)
        if _goes_back(work):
            await self._go_back(ctx, work, parent, stack)
            return
        request = _request(work, parent)
        text = await template_text(ctx, request)
        template, settings = await checked(ctx, request, text, (stack.id, stack.name), stack.settings)
        beginning.check_updatable(stack)
        if not await has_changes(ctx, stack, template, settings):
            return
        fields = {
            "parent_operation": parent.operation.id if parent.operation is not None else "",
            "former_template": stack.stable_template,
            "former_settings": stack.stable_settings,
        }
        async with ctx.store.transaction():
            beginning.begin_update(ctx, stack, text, settings, token=work.token, fields=fields)

    async def _go_back(self, ctx: Context, work: Work, parent: Stack, stack: Stack) -> None:
        """To the template it had before its parent's operation, whatever is at the template's address now."""
        mine = parent.operation is not None and stack.parent_operation == parent.operation.id
        if not mine or stack.status == "UPDATE_ROLLBACK_COMPLETE":
            return
        beginning.check_updatable(stack)
        text = text_of(ctx, stack.former_template)
        async with ctx.store.transaction():
            beginning.begin_update(
                ctx, stack, text, stack.former_settings, token=work.token, fields={"parent_operation": ""}
            )

    async def delete(self, work: Work) -> None:
        """Begin to delete it."""
        stack = _nested(work)
        if stack is None or stack.deleted or (stack.operation is not None and stack.operation.kind == "delete"):
            return
        if stack.operation is not None and stack.operation.kind != "create":
            turning.give_up(work.ctx, stack, "Parent stack is being deleted")
            raise AwsError("PriorRequestNotComplete", f"Embedded stack {stack.id} is in {stack.status} state.", 400)
        async with work.ctx.store.transaction():
            beginning.begin_delete(work.ctx, stack, token=work.token)

    async def gone(self, work: Work) -> bool:
        """Once it is deleted."""
        stack = _nested(work)
        if stack is None or stack.deleted:
            return True
        if stack.operation is None:
            raise Failed(f"Embedded stack {stack.id} was not successfully deleted: {stack.reason}")
        return False


def _nested(work: Work) -> Stack | None:
    return work.ctx.table(Stack).get(work.ctx.scope, work.physical_id)


def _failure(work: Work, stack: Stack) -> tuple[str, str]:
    """The last state that has a reason: what is through with going back does not say any more why it did."""
    events = work.ctx.table(StackEvent).find(work.ctx.scope, "stack_id", stack.id)
    for each in sorted(events, key=lambda each: -each.number):
        if each.physical_id == stack.id and each.reason:
            return each.status, each.reason
    return stack.status, stack.reason


def _parent(work: Work) -> Stack:
    parent = work.ctx.table(Stack).get(work.ctx.scope, work.stack_id)
    if parent is None:
        raise Failed(f"Stack {work.stack_id} does not exist any more.")
    return parent


def _goes_back(work: Work) -> bool:
    operation = _parent(work).operation
    return operation is not None and operation.phase == "back"


def _request(work: Work, parent: Stack) -> dict[str, Any]:
    """What a CreateStack of it would be given. The parent's caller has acknowledged what both make."""
    properties = work.properties
    given: dict[str, Any] = {
        "TemplateURL": properties.get("TemplateURL", ""),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": _text(value)}
            for name, value in properties.get("Parameters", {}).items()
        ],
        "Tags": [
            {"Key": key, "Value": value} for key, value in work.tags.items() if not key.lower().startswith("aws:")
        ],
        "Capabilities": sorted({*parent.settings.capabilities, "CAPABILITY_AUTO_EXPAND"}),
        "NotificationARNs": properties.get("NotificationARNs", list(parent.settings.notification_arns)),
    }
    if parent.settings.role_arn:
        given["RoleARN"] = parent.settings.role_arn
    return given


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
