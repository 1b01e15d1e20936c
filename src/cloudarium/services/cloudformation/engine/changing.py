"""What an update would change about a stack: the plan that change sets show, and whether there is one at all."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation import schemas
from cloudarium.services.cloudformation.engine.changes import (
    UNKNOWN,
    Causes,
    Unknown,
    automatic,
    change,
    details,
    replacement,
    tags_changed,
)
from cloudarium.services.cloudformation.engine.evaluation import resolved, stored_resources, stored_template, values_of
from cloudarium.services.cloudformation.engine.wanted import tags
from cloudarium.services.cloudformation.resources import STACK_TYPE, Made, Settings, Stack
from cloudarium.services.cloudformation.template import Resource, Template, TemplateError, Values, dependencies


async def has_changes(ctx: Context, stack: Stack, template: Template, settings: Settings) -> bool:
    """Whether there is anything to do."""
    old = await _old_template(ctx, stack)
    if old is None or old.outputs != template.outputs or stack.settings.tags != settings.tags:
        return True
    if stack.settings.notification_arns != settings.notification_arns or stack.status.endswith("_FAILED"):
        return True
    if stack.settings.parameters != settings.parameters and template.outputs:
        # Outputs may refer to them; working them out is part of the update.
        return True
    return bool(await plan(ctx, stack, template, settings))


async def plan(ctx: Context, stack: Stack, template: Template, settings: Settings) -> list[dict[str, Any]]:
    """The changes of resources, in the order of the template; those that go come first, as on AWS."""
    planned = _Plan(ctx, stack, await _old_template(ctx, stack), template, settings)
    await planned.work_out()
    return planned.removed() + planned.changes


async def _old_template(ctx: Context, stack: Stack) -> Template | None:
    if not stack.template or stack.status == "REVIEW_IN_PROGRESS":
        return None
    return (await stored_template(ctx, stack.template, stack.settings)).template


class _Plan:
    def __init__(
        self, ctx: Context, stack: Stack, old: Template | None, template: Template, settings: Settings
    ) -> None:
        self._ctx = ctx
        self._template = template
        self._stack = stack.replace(settings=settings)
        self._rows = {
            each.logical_id: each for each in stored_resources(ctx, stack) if not each.left and each.made is not None
        }
        self._old = old
        name = (stack.id, stack.name)
        rows = self._rows.values()
        self._values = values_of(ctx, name, template, settings, rows)
        self._shown = values_of(ctx, name, template, settings, rows, hide=True)
        self._needs = dependencies(template, self._values.conditions)
        # Also what was hidden before: values that are there now are shown too.
        self._hidden = stack.settings.hidden | {name for name, each in template.parameters.items() if each.no_echo}
        self._parameters = frozenset(
            name
            for name in template.parameters
            if settings.parameters.get(name) != stack.settings.parameters.get(name)
            or settings.found.get(name) != stack.settings.found.get(name)
        )
        self._replaced: set[str] = set()
        self._perhaps: set[str] = set()
        self._modified: set[str] = set()
        self._changes: dict[str, dict[str, Any]] = {}

    @property
    def changes(self) -> list[dict[str, Any]]:
        """In the order of the template."""
        return [self._changes[name] for name in self._template.resources if name in self._changes]

    async def work_out(self) -> None:
        """Every resource, those first that others need: what becomes of them becomes of what refers to them."""
        left = dict(self._needs)
        while left:
            ready = [name for name, needs in left.items() if not any(need in left for need in needs)]
            for name in ready or list(left):
                del left[name]
                await self._one(self._template.resources[name])
                # Five hundred of them take a while.
                await asyncio.sleep(0)

    async def _one(self, resource: Resource) -> None:
        row, name = self._rows.get(resource.logical_id), resource.logical_id
        after = await self._properties(resource, self._values)
        if row is None or row.made is None:
            shown = await self._properties(resource, self._shown)
            self._changes[name] = change("Add", name, resource.type, after=shown)
            self._replaced.add(name)
            self._unknown(name)
            return
        made, schema = row.made, schemas.find(resource.type)
        if made.type != resource.type:
            raise TemplateError(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{name}]"
            )
        if schema is not None:
            after = schema.coerced(after)
        old = self._old.resources.get(name) if self._old is not None else None
        causes = Causes(
            parameters=self._parameters,
            replaced=frozenset(self._replaced),
            perhaps=frozenset(self._perhaps),
            modified=frozenset(self._modified),
        )
        found = details(made.properties, after, old or resource, resource, causes, schema, self._hidden)
        if not any(each["Target"]["Attribute"] == "Tags" for each in found):
            wanted = tags(self._stack, name, schema, after)
            found += [tags_changed()] if wanted != made.tags else []
        if resource.type == STACK_TYPE:
            found.append(automatic())
        if not found:
            return
        policy = resource.update_replace_policy or "Delete"
        makes_new = replacement(found, self._replaced)
        self._changes[name] = change(
            "Modify",
            name,
            resource.type,
            physical_id=made.physical_id,
            found=found,
            makes_new=makes_new,
            policy=f"ReplaceAnd{policy}" if makes_new != "False" else "",
            before=self._masked(made, old, resource),
            after=await self._properties(resource, self._shown),
        )
        if makes_new == "False":
            self._modified.add(name)
        else:
            (self._replaced if makes_new == "True" else self._perhaps).add(name)
            self._unknown(name)

    def _unknown(self, name: str) -> None:
        for values in (self._values, self._shown):
            values.made[name] = (UNKNOWN, Unknown())

    def _masked(self, made: Made, old: Resource | None, new: Resource) -> dict[str, Any]:
        """The properties it has, without those that come from a parameter nobody may see."""
        if not self._hidden:
            return made.properties
        parts = {**new.properties, **(old.properties if old is not None else {})}
        return {
            name: "****" if any(f'"{each}"' in msgspec.json.encode(parts.get(name)).decode() for each in self._hidden)
            else value
            for name, value in made.properties.items()
        }  # fmt: skip

    async def _properties(self, resource: Resource, values: Values) -> dict[str, Any]:
        """Properties as far as they can be told; what a function cannot work out of the unknown is unknown."""
        found: dict[str, Any] = {}
        for name, node in resource.properties.items():
            try:
                # Within a map, so that what is AWS::NoValue falls away.
                found |= await resolved(self._ctx, {name: node}, values)
            except TemplateError:
                if not self._replaced | self._perhaps:
                    raise
                found[name] = UNKNOWN
        return found

    def removed(self) -> list[dict[str, Any]]:
        """What the template does not have any more."""
        gone = []
        for name, row in self._rows.items():
            made = row.made
            if name in self._needs or made is None:
                continue
            policy = "Retain" if made.deletion_policy.startswith("Retain") else made.deletion_policy
            old = self._old.resources.get(name) if self._old is not None else None
            before = self._masked(made, old, old) if old is not None else made.properties
            gone.append(change("Remove", name, made.type, physical_id=made.physical_id, policy=policy, before=before))
        return gone
