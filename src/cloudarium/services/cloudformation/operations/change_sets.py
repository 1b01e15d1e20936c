"""Change sets: what an update, or the creation of a stack, would do, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.beginning import (
    ROLE,
    begin_create,
    begin_update,
    check_updatable,
    new_stack_id,
    repeated,
)
from cloudarium.services.cloudformation.engine.changes import without_values
from cloudarium.services.cloudformation.engine.changing import has_changes, plan
from cloudarium.services.cloudformation.engine.evaluation import Unresolved
from cloudarium.services.cloudformation.engine.journal import stack_state
from cloudarium.services.cloudformation.engine.retention import forget_change_set, make_room
from cloudarium.services.cloudformation.errors import change_set_state, invalid, no_stack, wrong_state
from cloudarium.services.cloudformation.lookup import change_set_of, find_stack, stack_to_change
from cloudarium.services.cloudformation.paging import page
from cloudarium.services.cloudformation.requests import checked
from cloudarium.services.cloudformation.resources import STACK_TYPE, ChangeSet, Settings, Stack
from cloudarium.services.cloudformation.settings import check_name, check_token, refuse_unbuilt, triggers_of
from cloudarium.services.cloudformation.template import Template, TemplateError
from cloudarium.services.cloudformation.templates import keep, template_text, text_of
from cloudarium.services.cloudformation.views import (
    rollback_configuration,
    shown_change_set,
    shown_parameters,
    shown_tags,
)

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import (
        CreateChangeSetInputTypeDef,
        DeleteChangeSetInputTypeDef,
        DescribeChangeSetInputTypeDef,
        ExecuteChangeSetInputTypeDef,
        ListChangeSetsInputTypeDef,
    )

_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@operation(
    partial="no imports: with ImportExistingResources what exists already fails, as without; no drift-aware change "
    "sets; nested stacks are not looked into (IncludeNestedStacks)"
)
async def create_change_set(ctx: Context, request: CreateChangeSetInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html"""
    name, stack_name = request["ChangeSetName"], request["StackName"]
    _refuse(request)
    check_name(name, "changeSetName")
    check_token(request.get("ClientToken", ""))
    if (answer := _answered(ctx, request)) is not None:
        return answer
    stack = _stack_for(ctx, request)
    text = await template_text(ctx, request, text_of(ctx, stack.template) if stack is not None else "")
    id_, previous = (stack.id, stack.settings) if stack is not None else ("", None)
    template, settings = await checked(ctx, request, text, (id_, stack_name), previous, reviewed=True)
    if request.get("IncludeNestedStacks") and any(each.type == STACK_TYPE for each in template.resources.values()):
        raise NotThere("IncludeNestedStacks in cloudformation:CreateChangeSet for a template with nested stacks")
    about = _stack_for(ctx, request) or _reviewed(ctx, stack_name, settings)
    planned = await _planned(ctx, about, template, settings, creates=request.get("ChangeSetType") == "CREATE")
    # Much was awaited. From here on all is written down at once.
    if (answer := _answered(ctx, request)) is not None:
        return answer
    stack = _stack_for(ctx, request)
    make_room(ctx, about)
    if stack is None:
        stack = stack_state(ctx, about, "REVIEW_IN_PROGRESS", "User Initiated")
    change_set = _new(ctx, request, stack, text, settings).replace(**planned)
    ctx.table(ChangeSet).put(ctx.scope, change_set)
    return {"Id": change_set.id, "StackId": stack.id}


def _refuse(request: Mapping[str, Any]) -> None:
    refuse_unbuilt(request, "CreateChangeSet")
    if request.get("ChangeSetType") == "IMPORT" or "ResourcesToImport" in request:
        raise NotThere("Importing resources with cloudformation:CreateChangeSet")
    if "DeploymentMode" in request:
        raise NotThere("DeploymentMode in cloudformation:CreateChangeSet")


def _stack_for(ctx: Context, request: Mapping[str, Any]) -> Stack | None:
    """The stack that a change set is for; None when it is the first of a stack that is not there yet."""
    name, stack = request["StackName"], find_stack(ctx, request["StackName"])
    if stack is not None and stack.deleted:
        stack = None
    if request.get("ChangeSetType", "UPDATE") == "CREATE":
        if stack is None:
            check_name(name)
        elif stack.status != "REVIEW_IN_PROGRESS":
            again = f"already exists and cannot be created again with the changeSet [{request['ChangeSetName']}]."
            raise invalid(f"Stack [{name}] {again}")
        return stack
    if stack is None:
        raise no_stack(name)
    check_updatable(stack)
    return stack


def _answered(ctx: Context, request: Mapping[str, Any]) -> Answer | None:
    """The answer that a request with the same token had; raises when there is another change set of that name."""
    name, stack = request["ChangeSetName"], _stack_for(ctx, request)
    found = ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id) if stack is not None else []
    for each in found:
        if each.name == name:
            if each.token and each.token == request.get("ClientToken"):
                return {"Id": each.id, "StackId": each.stack_id}
            raise AwsError("AlreadyExistsException", f"ChangeSet {name} already exists", 400)
    return None


def _reviewed(ctx: Context, name: str, settings: Settings) -> Stack:
    """A stack that is nothing but reviewed; not stored yet."""
    return Stack(
        id=new_stack_id(ctx, name),
        name=name,
        name_in_use=name,
        status="",
        created=ctx.clock.now(),
        template="",
        settings=Settings(description=settings.description),
    )


def _new(ctx: Context, request: Mapping[str, Any], stack: Stack, text: str, settings: Settings) -> ChangeSet:
    name = request["ChangeSetName"]
    id_ = ctx.arn("cloudformation", f"changeSet/{name}/{request_id()}")
    triggers, minutes = triggers_of(request) or (stack.triggers, stack.monitoring_minutes)
    return ChangeSet(
        id=id_,
        name=name,
        stack_id=stack.id,
        stack_name=stack.name,
        type=request.get("ChangeSetType", "UPDATE"),
        created=ctx.clock.now(),
        description=request.get("Description", ""),
        token=request.get("ClientToken", ""),
        template=keep(ctx, id_, text),
        settings=settings,
        triggers=triggers,
        monitoring_minutes=minutes,
        on_failure=request.get("OnStackFailure", ""),
        import_existing=request.get("ImportExistingResources", False),
    )


async def _planned(
    ctx: Context, stack: Stack, template: Template, settings: Settings, *, creates: bool
) -> dict[str, Any]:
    """The changes, and the state that follows: a change set that has none, or cannot be, is there and has failed."""
    try:
        anything = creates or await has_changes(ctx, stack, template, settings)
        changes = await plan(ctx, stack, template, settings)
        why = "" if anything else _NO_CHANGES
    except (TemplateError, Unresolved) as error:
        changes, why = [], str(error)
    state = {"status": "FAILED", "reason": why} if why else {"status": "CREATE_COMPLETE", "execution": "AVAILABLE"}
    return {"changes": tuple(changes), **state}


@operation
def describe_change_set(ctx: Context, request: DescribeChangeSetInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html"""
    found = change_set_of(ctx, request["ChangeSetName"], request.get("StackName", ""))
    settings = found.settings
    changes, more = page(found.changes, request)
    shown = shown_change_set(found) | {
        "NotificationARNs": list(settings.notification_arns),
        "RollbackConfiguration": rollback_configuration(found.triggers, found.monitoring_minutes),
        "Capabilities": list(settings.capabilities),
        "Tags": shown_tags(settings.tags),
        "Parameters": shown_parameters(settings),
        "Changes": [each if request.get("IncludePropertyValues") else without_values(each) for each in changes],
    }
    if found.on_failure:
        shown["OnStackFailure"] = found.on_failure
    return shown | more


@operation
def list_change_sets(ctx: Context, request: ListChangeSetsInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html"""
    stack = stack_to_change(ctx, request["StackName"])
    found = sorted(ctx.table(ChangeSet).find(ctx.scope, "stack_id", stack.id), key=lambda each: each.created)
    shown, more = page(found, request)
    return {"Summaries": [shown_change_set(each) for each in shown], **more}


@operation
def delete_change_set(ctx: Context, request: DeleteChangeSetInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html"""
    try:
        found = change_set_of(ctx, request["ChangeSetName"], request.get("StackName", ""))
    except AwsError as error:
        if error.code != "ChangeSetNotFound":
            raise
        return {}
    if found.execution == "EXECUTE_IN_PROGRESS":
        raise change_set_state(
            f"ChangeSet [{found.id}] cannot be deleted in its current execution status of [{found.execution}]"
        )
    forget_change_set(ctx, found)
    return {}


@operation(partial=ROLE)
def execute_change_set(ctx: Context, request: ExecuteChangeSetInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html"""
    found = change_set_of(ctx, request["ChangeSetName"], request.get("StackName", ""))
    stack = stack_to_change(ctx, found.stack_id)
    token = request.get("ClientRequestToken", "")
    if repeated(stack, token, found.type.lower()):
        return {}
    if found.status != "CREATE_COMPLETE":
        raise change_set_state(f"ChangeSet [{found.id}] cannot be executed in its current status of [{found.status}]")
    if found.execution != "AVAILABLE":
        state = f"cannot be executed in its current execution status of [{found.execution}]"
        raise change_set_state(f"ChangeSet [{found.id}] {state}")
    disable = request.get("DisableRollback")
    if disable is not None and found.on_failure:
        raise invalid("DisableRollback cannot be specified for a change set that has OnStackFailure.")
    text = text_of(ctx, found.template)
    fields: dict[str, Any] = {
        "change_set_id": found.id,
        "triggers": found.triggers,
        "monitoring_minutes": found.monitoring_minutes,
    }
    if "RetainExceptOnCreate" in request:
        fields["retain_except_on_create"] = request["RetainExceptOnCreate"]
    if found.type == "CREATE":
        if stack.status != "REVIEW_IN_PROGRESS":
            raise wrong_state(stack.id, stack.status)
        failing = "DO_NOTHING" if disable else found.on_failure or "ROLLBACK"
        fields["disable_rollback"] = failing == "DO_NOTHING"
        begin_create(ctx, stack.name, text, found.settings, stack=stack, token=token, on_failure=failing, **fields)
    else:
        check_updatable(stack)
        keeps = disable if disable is not None else found.on_failure == "DO_NOTHING"
        fields["disable_rollback"] = keeps
        begin_update(ctx, stack, text, found.settings, token=token, disable_rollback=keeps, fields=fields)
    _others_gone(ctx, found)
    return {}


def _others_gone(ctx: Context, executed: ChangeSet) -> None:
    """The other change sets of the stack were made for what it was, and go, as on AWS."""
    table = ctx.table(ChangeSet)
    for each in table.find(ctx.scope, "stack_id", executed.stack_id):
        if each.id != executed.id:
            forget_change_set(ctx, each)
    table.put(ctx.scope, executed.replace(execution="EXECUTE_IN_PROGRESS"))
