"""Stacks, resources and events as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.engine.evaluation import stored_template
from cloudarium.services.cloudformation.errors import invalid, no_stack
from cloudarium.services.cloudformation.lookup import find_stack, resources_of, stack_to_show
from cloudarium.services.cloudformation.paging import page
from cloudarium.services.cloudformation.resources import Stack, StackEvent, StackResource
from cloudarium.services.cloudformation.views import shown_event, shown_resource, shown_stack, shown_summary

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import (
        DescribeStackEventsInputTypeDef,
        DescribeStackResourceInputTypeDef,
        DescribeStackResourcesInputTypeDef,
        DescribeStacksInputTypeDef,
        ListStackResourcesInputTypeDef,
        ListStacksInputTypeDef,
    )


@operation
def describe_stacks(ctx: Context, request: DescribeStacksInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html"""
    if name := request.get("StackName"):
        stack = stack_to_show(ctx, name)
        return {"Stacks": [shown_stack(stack)]}
    stacks = sorted((each for each in ctx.table(Stack).all(ctx.scope) if not each.deleted), key=_newest)
    shown, more = page(stacks, request)
    return {"Stacks": [shown_stack(each) for each in shown], **more}


@operation
def list_stacks(ctx: Context, request: ListStacksInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html"""
    wanted = request.get("StackStatusFilter")
    stacks = sorted(ctx.table(Stack).all(ctx.scope), key=_newest)
    shown, more = page([each for each in stacks if not wanted or each.status in wanted], request)
    return {"StackSummaries": [shown_summary(each) for each in shown], **more}


@operation
def describe_stack_events(ctx: Context, request: DescribeStackEventsInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html"""
    name = request.get("StackName", "")
    stack = find_stack(ctx, name)
    if stack is None:
        raise no_stack(name)
    events = sorted(ctx.table(StackEvent).find(ctx.scope, "stack_id", stack.id), key=lambda each: -each.number)
    shown, more = page(events, request)
    return {"StackEvents": [shown_event(stack, each) for each in shown], **more}


@operation
def describe_stack_resources(ctx: Context, request: DescribeStackResourcesInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html"""
    name, physical_id = request.get("StackName"), request.get("PhysicalResourceId")
    if (name is None) == (physical_id is None):
        raise invalid("Either StackName or PhysicalResourceId must be specified, but not both.")
    stack = stack_to_show(ctx, name) if name is not None else _stack_with(ctx, str(physical_id))
    found = resources_of(ctx, stack)
    if (logical_id := request.get("LogicalResourceId")) is not None:
        found = [each for each in found if each.logical_id == logical_id]
        if not found:
            raise invalid(f"Resource {logical_id} does not exist for stack {stack.name}")
    # At most a hundred, without pages: ListStackResources has the rest.
    return {"StackResources": [shown_resource(stack, each) for each in _sorted(found)[:100]]}


@operation
async def describe_stack_resource(ctx: Context, request: DescribeStackResourceInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html"""
    name, logical_id = request["StackName"], request["LogicalResourceId"]
    stack = find_stack(ctx, name)
    if stack is None:
        raise invalid(f"Stack '{name}' does not exist")
    for each in resources_of(ctx, stack):
        if each.logical_id == logical_id:
            shown = shown_resource(stack, each, kind="StackResourceDetail")
            known = await stored_template(ctx, stack.template, stack.settings)
            resource = known.template.resources.get(logical_id)
            metadata = resource.metadata if resource is not None else {}
            return {"StackResourceDetail": shown | {"Metadata": msgspec.json.encode(metadata).decode()}}
    raise invalid(f"Resource {logical_id} does not exist for stack {stack.name}")


@operation
def list_stack_resources(ctx: Context, request: ListStackResourcesInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html"""
    stack = stack_to_show(ctx, request["StackName"])
    shown, more = page(_sorted(resources_of(ctx, stack)), request)
    return {"StackResourceSummaries": [shown_resource(stack, each, kind="StackResourceSummary") for each in shown],
            **more}  # fmt: skip


def _sorted(resources: list[StackResource]) -> list[StackResource]:
    return sorted(resources, key=lambda each: each.logical_id)


def _newest(stack: Stack) -> tuple[float, str]:
    return -stack.created, stack.id


def _stack_with(ctx: Context, physical_id: str) -> Stack:
    for each in ctx.table(StackResource).find(ctx.scope, "physical_id", physical_id):
        stack = ctx.table(Stack).get(ctx.scope, each.stack_id)
        if stack is not None and not stack.deleted:
            return stack
    raise invalid(f"Stack for {physical_id} does not exist")
