"""What a request wants a stack to be: its template and settings, once everything in them is known to be possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.checking import (
    active,
    check_attributes,
    check_capabilities,
    check_kinds,
    check_recognized,
    check_types,
)
from cloudarium.services.cloudformation.engine.evaluation import values_of
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.resources import Settings
from cloudarium.services.cloudformation.settings import settings_of
from cloudarium.services.cloudformation.template import Template, TemplateError, check_rules, dependencies
from cloudarium.services.cloudformation.templates import template_of_text


async def checked(
    ctx: Context,
    request: Mapping[str, Any],
    text: str,
    stack: tuple[str, str],
    previous: Settings | None = None,
    *,
    reviewed: bool = False,
) -> tuple[Template, Settings]:
    """The template of a request and its settings, once everything in it is known to be possible.

    ``stack`` is its id and name. Who reviews it in a change set need not acknowledge that it is transformed. Raises
    AWS's errors, and ours for what cannot be made here.
    """
    template = await template_of_text(text)
    settings = await settings_of(ctx, request, template, previous)
    template = await template_of_text(text, settings.parameters | settings.found)
    check_recognized(template)
    check_capabilities(template, request.get("Capabilities", []), reviewed=reviewed)
    try:
        values = values_of(ctx, stack, template, settings)
        check_rules(template, values)
        dependencies(template, values.conditions)
    except TemplateError as error:
        raise invalid(str(error)) from None
    resources = active(template, values.conditions)
    check_attributes(template)
    check_types(resources, request.get("ResourceTypes", []))
    check_kinds(resources, values.conditions)
    return template, settings
