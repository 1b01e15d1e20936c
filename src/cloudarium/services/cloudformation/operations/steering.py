"""Steering an operation under way, or one that failed: cancel, continue, roll back, signal; and stack policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.beginning import ROLE, begin, repeated, with_role
from cloudarium.services.cloudformation.engine import policy, turning
from cloudarium.services.cloudformation.engine.doom import doom_all
from cloudarium.services.cloudformation.engine.journal import resource_state
from cloudarium.services.cloudformation.engine.waking import ACTIONS
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.lookup import find_stack, resources_of, stack_to_change
from cloudarium.services.cloudformation.resources import Stack
from cloudarium.services.cloudformation.settings import refuse_unbuilt

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import (
        CancelUpdateStackInputTypeDef,
        ContinueUpdateRollbackInputTypeDef,
        GetStackPolicyInputTypeDef,
        RollbackStackInputTypeDef,
        SetStackPolicyInputTypeDef,
        SignalResourceInputTypeDef,
    )


@operation
def cancel_update_stack(ctx: Context, request: CancelUpdateStackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html"""
    stack = stack_to_change(ctx, request["StackName"])
    if stack.status != "UPDATE_IN_PROGRESS":
        raise invalid("CancelUpdateStack cannot be called from current stack status")
    turning.give_up(ctx, stack, "User Initiated")
    return {}


@operation(partial=f"{ROLE}; resources of nested stacks cannot be named in ResourcesToSkip")
def continue_update_rollback(ctx: Context, request: ContinueUpdateRollbackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html"""
    stack, token = stack_to_change(ctx, request["StackName"]), request.get("ClientRequestToken", "")
    if repeated(stack, token, "rollback"):
        return {}
    if request.get("ForceRollback"):
        raise NotThere("ForceRollback in cloudformation:ContinueUpdateRollback")
    if stack.operation is not None or stack.status != "UPDATE_ROLLBACK_FAILED":
        raise invalid(
            f"Stack:{stack.id} is in {stack.status} state and can not continue rollback: it must be in "
            "UPDATE_ROLLBACK_FAILED state."
        )
    skipped = tuple(request.get("ResourcesToSkip", ()))
    known = {each.logical_id: each for each in resources_of(ctx, stack)}
    for name in skipped:
        if "." in name:
            raise NotThere("Resources of nested stacks in ResourcesToSkip of cloudformation:ContinueUpdateRollback")
        if name not in known or known[name].status != "UPDATE_FAILED":
            raise invalid(f"Resources to skip must be in UPDATE_FAILED state: [{name}]")
    stack = with_role(ctx, stack, request)
    begin(ctx, stack, "rollback", "UPDATE_ROLLBACK_IN_PROGRESS", token=token, phase="back", retain=skipped)
    return {}


@operation(partial=ROLE)
def rollback_stack(ctx: Context, request: RollbackStackInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html"""
    stack, token = stack_to_change(ctx, request["StackName"]), request.get("ClientRequestToken", "")
    refuse_unbuilt(request, "RollbackStack")
    if repeated(stack, token, "rollback"):
        return {"StackId": stack.id}
    if stack.operation is not None or stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be rolled back.")
    stack = with_role(ctx, stack, request)
    keep = request.get("RetainExceptOnCreate", stack.retain_except_on_create)
    if stack.stable_template:
        status, about = "UPDATE_ROLLBACK_IN_PROGRESS", {"phase": "back"}
    else:
        doom_all(ctx, stack)
        status, about = "ROLLBACK_IN_PROGRESS", {"phase": "cleanup", "goal": "ROLLBACK_COMPLETE"}
    begun = begin(ctx, stack, "rollback", status, token=token, retain_except_on_create=keep, **about)
    return {"StackId": stack.id} | ({"OperationId": begun.operation.id} if begun.operation is not None else {})


@operation
def signal_resource(ctx: Context, request: SignalResourceInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html"""
    name, logical_id = request["StackName"], request["LogicalResourceId"]
    stack = find_stack(ctx, name)
    if stack is None or stack.deleted:
        raise invalid(f"Stack '{name}' does not exist")
    for resource in resources_of(ctx, stack):
        if resource.logical_id == logical_id:
            break
    else:
        raise invalid(f"Resource {logical_id} does not exist for stack {stack.name}")
    target = resource.target
    if target is None or resource.action != "create" or not target.signals_wanted:
        raise invalid(f"Resource {logical_id} is in {resource.status} state and cannot be signaled")
    unique, success = request["UniqueId"], request["Status"] == "SUCCESS"
    if unique in resource.signals:
        return {}
    said = f"Received {request['Status']} signal with UniqueId {unique}"
    resource_state(ctx, resource, resource.status, said, signals=resource.signals | {unique: success})
    ctx.cloud.enqueue(ACTIONS, (ctx.scope, resource.key))
    return {}


@operation
def set_stack_policy(ctx: Context, request: SetStackPolicyInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SetStackPolicy.html"""
    stack = stack_to_change(ctx, request["StackName"])
    refuse_unbuilt(request, "SetStackPolicy")
    text = policy_of(request.get("StackPolicyBody", ""))
    ctx.table(Stack).put(ctx.scope, stack.replace(policy=text))
    return {}


@operation
def get_stack_policy(ctx: Context, request: GetStackPolicyInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetStackPolicy.html"""
    stack = stack_to_change(ctx, request["StackName"])
    return {"StackPolicyBody": stack.policy} if stack.policy else {}


def policy_of(text: str) -> str:
    """A stack policy of a request; AWS's error when it is none."""
    try:
        policy.checked(text)
    except policy.BadPolicy as error:
        raise invalid(str(error)) from None
    return text
