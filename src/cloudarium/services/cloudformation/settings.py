"""What a request says about a stack beside its template: parameters, tags, capabilities and so on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.engine.evaluation import Unresolved, ssm_values
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.resources import Settings
from cloudarium.services.cloudformation.template import Template, TemplateError, parameter_values

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
_TOKEN = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}")
_MOST_TAGS = 50
_MOST_TOPICS = 5
_MOST_TRIGGERS = 5
_MOST_MONITORING = 180


def check_name(name: str, what: str = "stackName") -> None:
    """Raise unless a stack or change set can be called so."""
    if _NAME.fullmatch(name) is None:
        raise invalid(
            f"1 validation error detected: Value '{name[:200]}' at '{what}' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def check_token(token: str) -> None:
    """Raise unless it can be a ClientRequestToken."""
    if token and _TOKEN.fullmatch(token) is None:
        raise invalid(
            f"1 validation error detected: Value '{token[:200]}' at 'clientRequestToken' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*"
        )


async def settings_of(
    ctx: Context, request: Mapping[str, Any], template: Template, previous: Settings | None = None
) -> Settings:
    """The settings that a request gives a stack; ``previous`` are those it has, if it is there."""
    old = previous or Settings()
    given, kept = _parameters(request, template, old)
    try:
        texts = parameter_values(template, given, kept)
    except TemplateError as error:
        raise invalid(str(error)) from None
    names = {name: texts[name] for name, declared in template.parameters.items() if declared.from_ssm}
    try:
        values = await ssm_values(ctx, names.values()) if names else {}
    except Unresolved as error:
        raise invalid(str(error)) from None
    topics = request.get("NotificationARNs")
    if topics is not None and len(topics) > _MOST_TOPICS:
        raise invalid(f"You may not specify more than {_MOST_TOPICS} notification ARNs.")
    return Settings(
        parameters=texts,
        found={name: values[where] for name, where in names.items()},
        hidden=frozenset(name for name, declared in template.parameters.items() if declared.no_echo),
        tags=tags_of(request["Tags"]) if "Tags" in request else old.tags,
        capabilities=tuple(request["Capabilities"]) if "Capabilities" in request else old.capabilities,
        notification_arns=tuple(topics) if topics is not None else old.notification_arns,
        role_arn=request.get("RoleARN", old.role_arn),
        description=template.description,
    )


def _parameters(request: Mapping[str, Any], template: Template, old: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """Texts that are given, and those that stay as they were."""
    given: dict[str, str] = {}
    kept: dict[str, str] = {}
    for each in request.get("Parameters", []):
        name = str(each.get("ParameterKey", ""))
        if name in given or name in kept:
            raise invalid(f"Duplicate parameter key: {name}")
        if each.get("UsePreviousValue"):
            if "ParameterValue" in each:
                raise invalid(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and "
                              "non empty value for a parameter")  # fmt: skip
            if name not in old.parameters:
                raise invalid(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a "
                              "parameter key not in the previous template")  # fmt: skip
            if name in template.parameters:
                kept[name] = old.parameters[name]
        else:
            given[name] = str(each.get("ParameterValue", ""))
    return given, kept


def tags_of(request_tags: list[Mapping[str, str]]) -> dict[str, str]:
    """Tags of a request."""
    tags = {each["Key"]: each["Value"] for each in request_tags}
    if len(tags) > _MOST_TAGS or len(request_tags) > _MOST_TAGS:
        raise invalid(
            f"1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less "
            f"than or equal to {_MOST_TAGS}"
        )
    if len(tags) != len(request_tags):
        raise invalid("Duplicate tag keys are not allowed.")
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid("Tag keys can have 1 to 128 characters, and tag values at most 256.")
    return tags


def triggers_of(request: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], int] | None:
    """Alarms that turn an operation back, and for how many minutes they are still watched; None: not in the request."""
    configuration = request.get("RollbackConfiguration")
    if configuration is None:
        return None
    minutes = configuration.get("MonitoringTimeInMinutes", 0)
    triggers = configuration.get("RollbackTriggers", [])
    if not 0 <= minutes <= _MOST_MONITORING:
        raise invalid(f"MonitoringTimeInMinutes must be between 0 and {_MOST_MONITORING}.")
    if len(triggers) > _MOST_TRIGGERS:
        raise invalid(f"You may not specify more than {_MOST_TRIGGERS} rollback triggers.")
    for each in triggers:
        if each["Type"] not in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            raise invalid(f"Rollback triggers of type {each['Type']} are not supported.")
    return tuple((each["Arn"], each["Type"]) for each in triggers), minutes


def refuse_unbuilt(request: Mapping[str, Any], operation: str) -> None:
    """Refuse by name what has no effect yet."""
    config = request.get("DeploymentConfig")
    if config is not None and (config.get("Mode", "STANDARD") != "STANDARD" or "DisableRollback" in config):
        raise NotThere(f"DeploymentConfig in cloudformation:{operation}")
    for name in ("StackPolicyURL", "StackPolicyDuringUpdateURL"):
        if name in request:
            raise NotThere(f"{name} in cloudformation:{operation}")
