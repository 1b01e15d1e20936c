"""Whether an update would change anything, and what: the plan that change sets show."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.resources import Settings, Stack
from cloudarium.services.cloudformation.template import Template


async def has_changes(ctx: Context, stack: Stack, template: Template, settings: Settings) -> bool:
    """Whether there is anything to do."""
    return True
