"""Making, changing and deleting stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.beginning import (
    ROLE,
    begin_create,
    begin_delete,
    begin_update,
    check_updatable,
    repeated,
    with_role,
)
from cloudarium.services.cloudformation.engine.changing import has_changes
from cloudarium.services.cloudformation.engine.evaluation import Unresolved
from cloudarium.services.cloudformation.errors import already_exists, invalid
from cloudarium.services.cloudformation.lookup import find_stack, stack_to_change
from cloudarium.services.cloudformation.operations.steering import policy_of
from cloudarium.services.cloudformation.requests import checked
from cloudarium.services.cloudformation.resources import Stack
from cloudarium.services.cloudformation.settings import check_name, check_token, refuse_unbuilt, triggers_of
from cloudarium.services.cloudformation.template import TemplateError
from cloudarium.services.cloudformation.templates import template_text, text_of

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import (
        CreateStackInputTypeDef,
        DeleteStackInputTypeDef,
        UpdateStackInputTypeDef,
        UpdateTerminationProtectionInputTypeDef,
    )


@operation(partial=ROLE)
async def create_stack(ctx: Context, request: CreateStackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""
    name, token = request["StackName"], request.get("ClientRequestToken", "")
    check_name(name)
    check_token(token)
    refuse_unbuilt(request, "CreateStack")
    existing = find_stack(ctx, name)
    if existing is not None:
        if repeated(existing, token, "create"):
            return _answer(existing)
        raise already_exists(name)
    if "OnFailure" in request and "DisableRollback" in request:
        raise invalid("Either OnFailure or DisableRollback can be specified, not both.")
    timeout = request.get("TimeoutInMinutes", 0)
    if "TimeoutInMinutes" in request and timeout < 1:
        raise invalid("TimeoutInMinutes must be at least 1.")
    text = await template_text(ctx, request)
    _, settings = await checked(ctx, request, text, ("", name))
    existing = find_stack(ctx, name)
    if existing is not None:
        if repeated(existing, token, "create"):
            return _answer(existing)
        raise already_exists(name)
    keeps = request.get("DisableRollback", False)
    triggers, minutes = triggers_of(request) or ((), -1)
    stack = begin_create(
        ctx,
        name,
        text,
        settings,
        token=token,
        on_failure="DO_NOTHING" if keeps else request.get("OnFailure", "ROLLBACK"),
        timeout_minutes=timeout,
        disable_rollback=keeps or request.get("OnFailure") == "DO_NOTHING",
        retain_except_on_create=request.get("RetainExceptOnCreate", False),
        termination_protection=request.get("EnableTerminationProtection", False),
        triggers=triggers,
        monitoring_minutes=minutes,
        policy=policy_of(request["StackPolicyBody"]) if "StackPolicyBody" in request else "",
    )
    return _answer(stack)


@operation(partial=ROLE)
async def update_stack(ctx: Context, request: UpdateStackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html"""
    stack, token = stack_to_change(ctx, request["StackName"]), request.get("ClientRequestToken", "")
    if repeated(stack, token, "update"):
        return _answer(stack)
    refuse_unbuilt(request, "UpdateStack")
    check_updatable(stack)
    text = await template_text(ctx, request, text_of(ctx, stack.template))
    template, settings = await checked(ctx, request, text, (stack.id, stack.name), stack.settings)
    fields: dict[str, Any] = {}
    if (triggers := triggers_of(request)) is not None:
        fields |= {"triggers": triggers[0], "monitoring_minutes": triggers[1]}
    if "DisableRollback" in request:
        fields["disable_rollback"] = request["DisableRollback"]
    if "RetainExceptOnCreate" in request:
        fields["retain_except_on_create"] = request["RetainExceptOnCreate"]
    if "StackPolicyBody" in request:
        fields["policy"] = policy_of(request["StackPolicyBody"])
    during = policy_of(request["StackPolicyDuringUpdateBody"]) if "StackPolicyDuringUpdateBody" in request else ""
    try:
        if not await has_changes(ctx, stack, template, settings):
            raise invalid("No updates are to be performed.")
    except (TemplateError, Unresolved) as error:
        raise invalid(str(error)) from None
    # Much was awaited: another request may have changed the stack.
    stack = stack_to_change(ctx, stack.id)
    if repeated(stack, token, "update"):
        return _answer(stack)
    check_updatable(stack)
    disable = request.get("DisableRollback", False)
    return _answer(
        begin_update(ctx, stack, text, settings, token=token, disable_rollback=disable, policy=during, fields=fields)
    )


@operation(partial=ROLE)
def delete_stack(ctx: Context, request: DeleteStackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html"""
    stack, token = find_stack(ctx, request["StackName"]), request.get("ClientRequestToken", "")
    refuse_unbuilt(request, "DeleteStack")
    if stack is None or stack.deleted or repeated(stack, token, "delete"):
        return {}
    if stack.termination_protection:
        raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if stack.operation is not None and stack.operation.kind == "delete":
        return {}
    retain, mode = tuple(request.get("RetainResources", ())), request.get("DeletionMode", "")
    if (retain or mode == "FORCE_DELETE_STACK") and stack.status != "DELETE_FAILED":
        what = "The DeletionMode FORCE_DELETE_STACK" if mode == "FORCE_DELETE_STACK" else "RetainResources"
        raise invalid(f"{what} can only be specified when the stack is in the DELETE_FAILED state.")
    begin_delete(ctx, with_role(ctx, stack, request), token=token, retain=retain, mode=mode)
    return {}


@operation
def update_termination_protection(ctx: Context, request: UpdateTerminationProtectionInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html"""
    stack = stack_to_change(ctx, request["StackName"])
    if stack.parent_id:
        raise invalid("Termination protection cannot be changed on nested stacks; change it on the root stack.")
    ctx.table(Stack).put(ctx.scope, stack.replace(termination_protection=request["EnableTerminationProtection"]))
    return {"StackId": stack.id}


def _answer(stack: Stack) -> Answer:
    operation_ = stack.operation
    return {"StackId": stack.id} | ({"OperationId": operation_.id} if operation_ is not None else {})
