"""Arriving: outputs and exports of a stack whose resources are as its template says."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.engine import turning
from cloudarium.services.cloudformation.engine.doom import doom
from cloudarium.services.cloudformation.engine.evaluation import (
    Unresolved,
    imports,
    resolved,
    stored_resources,
    values_of,
)
from cloudarium.services.cloudformation.engine.failures import passes
from cloudarium.services.cloudformation.engine.journal import stack_state
from cloudarium.services.cloudformation.engine.leftovers import leave
from cloudarium.services.cloudformation.resources import Export, Output, Stack, StackResource
from cloudarium.services.cloudformation.template import Template, TemplateError, Values


async def arrive(ctx: Context, stack: Stack, template: Template) -> None:
    """Bring the stack into its next state: complete, or cleaning up, or on the way back."""
    try:
        outputs, used = await _outputs(ctx, stack, template)
    except (Unresolved, TemplateError) as error:
        turning.give_up(ctx, stack, str(error))
        return
    except AwsError as error:
        if passes(error):
            raise
        turning.give_up(ctx, stack, error.message)
        return
    current = ctx.table(Stack).get(ctx.scope, stack.id)
    operation = current.operation if current is not None else None
    if current is None or operation is None or operation.failing or operation.phase != "forward":
        return
    stack = current
    with ctx.store.begin():
        if problem := export_problem(ctx, stack, outputs):
            turning.give_up(ctx, stack, problem)
            return
        put_exports(ctx, stack, outputs)
        changes: dict[str, Any] = {
            "outputs": outputs,
            "imports": tuple(sorted(used)),
            "stable_imports": tuple(sorted(used)),
            "stable_template": stack.template,
            "stable_settings": stack.settings,
        }
        if operation.kind == "create":
            for each in stored_resources(ctx, stack):
                _settle(ctx, each)
            stack_state(ctx, stack, "CREATE_COMPLETE", operation=None, **changes)
            return
        _clean_up(ctx, stack, operation.stage)
        going = msgspec.structs.replace(operation, phase="cleanup", goal="UPDATE_COMPLETE")
        stack_state(ctx, stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", operation=going, **changes)


def _clean_up(ctx: Context, stack: Stack, stage: str) -> None:
    """Doom what was replaced, and what the template does not have any more."""
    doom(ctx, stack, lambda each: each.left or each.settled != stage)
    for each in stored_resources(ctx, stack):
        if each.doomed:
            continue
        if each.former is not None and each.made is not None and each.former.physical_id != each.made.physical_id:
            leave(ctx, each, each.former)
        _settle(ctx, each)
    doom(ctx, stack, lambda each: each.left)


def _settle(ctx: Context, resource: StackResource) -> None:
    """What it is now is what it goes back to from now on."""
    ctx.table(StackResource).put(ctx.scope, resource.replace(changed=False, former=None))


async def _outputs(ctx: Context, stack: Stack, template: Template) -> tuple[tuple[Output, ...], frozenset[str]]:
    """The outputs, and the names of all exports of other stacks that the whole template uses."""
    name, resources = (stack.id, stack.name), stored_resources(ctx, stack)
    values = values_of(ctx, name, template, stack.settings, resources)
    outputs = []
    for output in template.outputs.values():
        if output.condition and not values.conditions[output.condition]:
            continue
        value = await _text(ctx, output.value, values, output.name)
        export = "" if output.export_name is None else await _text(ctx, output.export_name, values, output.name)
        outputs.append(Output(output.name, value, output.description, export))
    for resource in template.resources.values():
        if not resource.condition or values.conditions[resource.condition]:
            await resolved(ctx, resource.properties, values)
    return tuple(outputs), imports(values)


async def _text(ctx: Context, node: Any, values: Values, name: str) -> str:
    value = await resolved(ctx, node, values)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Unresolved(
        f"Template format error: The Value field of every Outputs member must evaluate to a String. [{name}]"
    )


def export_problem(ctx: Context, stack: Stack, outputs: tuple[Output, ...]) -> str:
    """Why these outputs cannot be exported, if so."""
    exports = {output.export: output.value for output in outputs if output.export}
    for name in exports:
        other = ctx.table(Export).get(ctx.scope, name)
        if other is not None and other.stack_id != stack.id:
            return f"Export with name {name} is already exported by stack {_name(other.stack_id)}."
    if len(exports) != sum(bool(output.export) for output in outputs):
        return "Duplicate Export names in the outputs of the template."
    for old in ctx.table(Export).find(ctx.scope, "stack_id", stack.id):
        what = "deleted" if old.name not in exports else "updated"
        if exports.get(old.name) != old.value and (users := users_of(ctx, old.name)):
            return f"Export {old.name} cannot be {what} as it is in use by {' and '.join(users)}"
    return ""


def users_of(ctx: Context, export: str) -> list[str]:
    """The names of the stacks that import it."""
    return [each.name for each in ctx.table(Stack).find(ctx.scope, "imports", export)]


def put_exports(ctx: Context, stack: Stack, outputs: tuple[Output, ...]) -> None:
    """Make the stack's exports those of its outputs."""
    table = ctx.table(Export)
    exports = {output.export: output.value for output in outputs if output.export}
    for old in table.find(ctx.scope, "stack_id", stack.id):
        if old.name not in exports:
            table.delete(ctx.scope, old.name)
    for name, value in exports.items():
        table.put(ctx.scope, Export(name=name, value=value, stack_id=stack.id))


def _name(stack_id: str) -> str:
    return stack_id.split("/")[1]
