"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudarium.services.cloudformation.engine.evaluation import HIDDEN
from cloudarium.services.cloudformation.resources import ChangeSet, Settings, Stack, StackEvent, StackResource

_NOT_CHECKED = {"StackDriftStatus": "NOT_CHECKED"}
_RESOURCE_NOT_CHECKED = {"StackResourceDriftStatus": "NOT_CHECKED"}


def shown_stack(stack: Stack) -> dict[str, Any]:
    """``Stack``."""
    shown: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": moment(stack.created),
        "StackStatus": stack.status,
        "RollbackConfiguration": rollback_configuration(stack.triggers, stack.monitoring_minutes),
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": list(stack.settings.notification_arns),
        "Tags": shown_tags(stack.settings.tags),
        "EnableTerminationProtection": stack.termination_protection,
        "DriftInformation": _NOT_CHECKED,
        "LastOperations": [{"OperationType": type_, "OperationId": id_} for type_, id_ in stack.operations],
    }
    shown |= _filled(
        ChangeSetId=stack.change_set_id,
        Description=stack.settings.description,
        StackStatusReason=stack.reason,
        TimeoutInMinutes=stack.timeout_minutes,
        Capabilities=list(stack.settings.capabilities),
        RoleARN=stack.settings.role_arn,
        ParentId=stack.parent_id,
        RootId=stack.root_id,
        DeletionMode=stack.deletion_mode,
        RetainExceptOnCreate=stack.retain_except_on_create,
        Parameters=shown_parameters(stack.settings),
        Outputs=[
            {"OutputKey": each.name, "OutputValue": each.value}
            | _filled(Description=each.description, ExportName=each.export)
            for each in stack.outputs
        ],
    )
    return shown | _times(stack)


def shown_summary(stack: Stack) -> dict[str, Any]:
    """``StackSummary``."""
    shown: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": moment(stack.created),
        "StackStatus": stack.status,
        "DriftInformation": _NOT_CHECKED,
        "LastOperations": [{"OperationType": type_, "OperationId": id_} for type_, id_ in stack.operations],
    }
    shown |= _filled(
        TemplateDescription=stack.settings.description,
        StackStatusReason=stack.reason,
        ParentId=stack.parent_id,
        RootId=stack.root_id,
    )
    return shown | _times(stack)


def shown_parameters(settings: Settings) -> list[dict[str, Any]]:
    """``Parameters``, those of NoEcho hidden."""
    shown = []
    for name, value in settings.parameters.items():
        hidden = name in settings.hidden
        each = {"ParameterKey": name, "ParameterValue": HIDDEN if hidden else value}
        if name in settings.found:
            each["ResolvedValue"] = HIDDEN if hidden else settings.found[name]
        shown.append(each)
    return shown


def shown_resource(stack: Stack, resource: StackResource, *, kind: str = "StackResource") -> dict[str, Any]:
    """``StackResource``, ``StackResourceDetail`` or ``StackResourceSummary``."""
    shown: dict[str, Any] = {
        "LogicalResourceId": resource.logical_id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "DriftInformation": _RESOURCE_NOT_CHECKED,
    }
    shown["Timestamp" if kind == "StackResource" else "LastUpdatedTimestamp"] = moment(resource.updated)
    if kind != "StackResourceSummary":
        shown |= {"StackName": stack.name, "StackId": stack.id}
    return shown | _filled(PhysicalResourceId=resource.physical_id, ResourceStatusReason=resource.reason)


def shown_event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    """``StackEvent``."""
    shown: dict[str, Any] = {
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": moment(event.at),
        "ResourceStatus": event.status,
    }
    return shown | _filled(
        ResourceStatusReason=event.reason,
        ResourceProperties=event.properties,
        ClientRequestToken=event.token,
        OperationId=event.operation,
    )


def shown_change_set(change_set: ChangeSet) -> dict[str, Any]:
    """``ChangeSetSummary``."""
    shown: dict[str, Any] = {
        "StackId": change_set.stack_id,
        "StackName": change_set.stack_name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution,
        "Status": change_set.status,
        "CreationTime": moment(change_set.created),
        "IncludeNestedStacks": False,
        "ImportExistingResources": change_set.import_existing,
    }
    return shown | _filled(StatusReason=change_set.reason, Description=change_set.description)


def rollback_configuration(triggers: tuple[tuple[str, str], ...], minutes: int) -> dict[str, Any]:
    """``RollbackConfiguration``; minutes below zero were never given."""
    shown: dict[str, Any] = {}
    if triggers:
        shown["RollbackTriggers"] = [{"Arn": arn, "Type": type_} for arn, type_ in triggers]
    if minutes >= 0:
        shown["MonitoringTimeInMinutes"] = minutes
    return shown


def shown_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """``Tags``."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def moment(at: float) -> datetime:
    """A time as the API gives it: to the millisecond."""
    return datetime.fromtimestamp(int(at * 1000 + 0.01) / 1000, UTC)


def _times(stack: Stack) -> dict[str, Any]:
    times = {"LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted}
    return {name: moment(at) for name, at in times.items() if at}


def _filled(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}
