"""The way forward: every resource of the template is made, changed, replaced or left as it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation import schemas
from cloudarium.services.cloudformation.engine import turning, watching
from cloudarium.services.cloudformation.engine.actions import REPLACING
from cloudarium.services.cloudformation.engine.evaluation import (
    Unresolved,
    imports,
    stored_resources,
    stored_template,
    values_of,
)
from cloudarium.services.cloudformation.engine.existence import absent
from cloudarium.services.cloudformation.engine.failures import passes
from cloudarium.services.cloudformation.engine.journal import resource_state
from cloudarium.services.cloudformation.engine.leftovers import leave_unless_former
from cloudarium.services.cloudformation.engine.outcome import arrive
from cloudarium.services.cloudformation.engine.parsed import Known
from cloudarium.services.cloudformation.engine.planning import decide, kept, startable
from cloudarium.services.cloudformation.engine.policy import checked, denied
from cloudarium.services.cloudformation.engine.secrets import hidden_values, masked
from cloudarium.services.cloudformation.engine.wanted import wanted
from cloudarium.services.cloudformation.resources import (
    Made,
    Operation,
    Stack,
    StackResource,
    resource_key,
)
from cloudarium.services.cloudformation.template import Resource, Template, TemplateError, Values

log = logging.getLogger(__name__)


async def step(ctx: Context, stack: Stack) -> float | None:
    """Start what can be started; once nothing is left to start, the stack has arrived, or turns back."""
    known = await stored_template(ctx, stack.template, stack.settings)
    way = _Way(ctx, stack, known)
    if way.is_left():
        return None
    if not await way.check_parameters():
        return 0.0
    way.refuse_removals()
    more = True
    while more:
        more = await way.start_some()
        await asyncio.sleep(0)
    if stack.triggers and (problem := await watching.problem(ctx, stack)):
        turning.give_up(ctx, stack, problem)
    if way.is_left():
        return None
    if way.has_failed:
        return turning.turn(ctx, way.stack) if not way.under_way else None
    if way.is_through:
        if (left := watching.seconds_left(ctx, way.stack)) > 0:
            return left
        await arrive(ctx, way.stack, way.template)
        return 0.0
    return watching.EVERY if stack.triggers else way.seconds_left


class _Way:
    """The way of one operation. Whatever is awaited, another one may have taken its place then (``is_left``)."""

    def __init__(self, ctx: Context, stack: Stack, known: Known) -> None:
        self._ctx = ctx
        self._id = stack.id
        self._stage = stack.operation.stage if stack.operation is not None else ""
        self.template: Template = known.template
        name = (stack.id, stack.name)
        conditions = values_of(ctx, name, self.template, stack.settings).conditions
        self._needs = known.needs(frozenset(name for name, holds in conditions.items() if holds))

    @property
    def stack(self) -> Stack:
        """As it is now."""
        found = self._ctx.table(Stack).get(self._ctx.scope, self._id)
        if found is None:
            raise LookupError(self._id)
        return found

    @property
    def _operation(self) -> Operation:
        operation = self.stack.operation
        if operation is None:
            raise LookupError(f"{self._id} has no operation")
        return operation

    def is_left(self) -> bool:
        """Whether the stack is not on this way any more: it is to be deleted, say."""
        operation = self.stack.operation
        return operation is None or operation.stage != self._stage

    @property
    def _rows(self) -> dict[str, StackResource]:
        return {each.logical_id: each for each in stored_resources(self._ctx, self.stack) if not each.left}

    @property
    def under_way(self) -> bool:
        """Whether an action is still to come to its end."""
        return any(each.action for each in self._rows.values())

    @property
    def has_failed(self) -> bool:
        """Whether the operation goes on no more; remembered as soon as it is so."""
        operation = self._operation
        if operation.failing:
            return True
        cause = ""
        if operation.deadline and self._ctx.clock.now() >= operation.deadline:
            cause = "Stack creation time exceeded the specified timeout."
        elif not any(each.failed and each.settled == operation.stage for each in self._rows.values()):
            return False
        turning.give_up(self._ctx, self.stack, cause)
        return True

    @property
    def is_through(self) -> bool:
        """Whether every resource is as the template says."""
        rows, stage = self._rows, self._stage
        return all(name in rows and rows[name].settled == stage for name in self._needs)

    @property
    def seconds_left(self) -> float | None:
        """Until the operation takes too long, if it may."""
        deadline = self._operation.deadline
        return max(0.0, deadline - self._ctx.clock.now()) if deadline else None

    async def check_parameters(self) -> bool:
        """Before the first resource is begun: what parameters name must be there. False: another operation has come."""
        rows = self._rows.values()
        if self._operation.failing or any(each.action or each.settled == self._stage for each in rows):
            return True
        problem = await absent(self._ctx, self.template, self.stack.settings)
        if self.is_left():
            return False
        if problem:
            turning.give_up(self._ctx, self.stack, problem)
        return True

    async def start_some(self) -> bool:
        """Start what can be started now; whether that made an end of some, so that there may be more."""
        if self.is_left() or self.has_failed:
            return False
        rows, stage = self._rows, self._stage
        done = {name for name, row in rows.items() if row.settled == stage and not row.failed}
        begun = {name for name, row in rows.items() if row.settled == stage or row.action}
        settled = False
        names = startable(self._needs, done, begun)
        if not names:
            return False
        # Once for all of them: what each of them needs is there already.
        values, hidden = self._values(rows, hide=False), self._values(rows, hide=True)
        for name in names:
            settled |= await self._start(self.template.resources[name], rows.get(name), values, hidden)
            if self.is_left():
                return False
        return settled

    def _values(self, rows: Mapping[str, StackResource], *, hide: bool) -> Values:
        stack = self.stack
        name = (stack.id, stack.name)
        return values_of(self._ctx, name, self.template, stack.settings, rows.values(), hide=hide)

    async def _start(self, resource: Resource, row: StackResource | None, values: Values, hidden: Values) -> bool:
        """Start the action of one resource; whether it came to its end at once."""
        ctx, stack, stage = self._ctx, self.stack, self._stage
        problem: Exception | None = None
        try:
            needs = self._needs[resource.logical_id]
            target, shown = await wanted(ctx, stack, resource, needs, values, hidden)
        except (Unresolved, TemplateError) as error:
            problem = error
        except AwsError as error:
            if passes(error):
                raise
            problem = Unresolved(error.message)
        except Exception as error:
            log.exception("%s of stack %s cannot be worked out", resource.logical_id, stack.name)
            defect = f"This is a defect in Cloudarium ({type(error).__name__}: {error}); its log has the trace."
            problem = Unresolved(f"Internal Failure. {defect}")
        operation = self.stack.operation
        if operation is None or operation.failing or operation.stage != stage:
            # Values were looked up meanwhile, and what they are for is not wanted any more.
            return False
        if problem is not None:
            self._fail(resource, row, problem)
            return True
        self._import(imports(values))
        decision = decide(row.made if row is not None else None, target, schemas.find(resource.type))
        if row is None:
            row = self._new(resource)
        if decision == "keep" and row.made is not None:
            self._keep(row, target, stage)
            return True
        if decision != "create" and (why := self._denied("Replace" if decision == "replace" else "Modify", row)):
            self._refuse(row, why)
            return True
        with ctx.store.begin():
            if not row.changed:
                row = row.replace(changed=True, former=row.made)
            changes: dict[str, Any] = {"action": decision, "stage": stage, "settled": "", "failed": False}
            changes |= {"shown": shown, "type": resource.type, "signals": {}}
            if decision == "update" and row.made is not None:
                made = row.made
                target = msgspec.structs.replace(
                    target,
                    physical_id=made.physical_id,
                    generation=made.generation,
                    created_by=made.created_by,
                    attributes=made.attributes,
                    reference=made.reference,
                )
                resource_state(ctx, row, "UPDATE_IN_PROGRESS", target=target, **changes)
                return False
            generation = row.generation + 1
            target = msgspec.structs.replace(target, generation=generation, created_by=operation.id)
            changes |= {"action": "create", "generation": generation, "target": target}
            if decision == "replace" and row.made is not None:
                leave_unless_former(ctx, row)
                changes["replaces"] = row.made.physical_id
                resource_state(ctx, row, "UPDATE_IN_PROGRESS", REPLACING, **changes)
            else:
                resource_state(ctx, row, "CREATE_IN_PROGRESS", physical_id="", **changes)
        return False

    def _keep(self, row: StackResource, target: Made, stage: str) -> None:
        """Nothing is to be done; what only CloudFormation knows of it may be new."""
        made = row.made
        if made is None:
            return
        now = kept(made, target)
        if now != made and not row.changed:
            row = row.replace(changed=True, former=made)
        self._ctx.table(StackResource).put(self._ctx.scope, row.replace(made=now, settled=stage, failed=False))

    def _denied(self, what: str, row: StackResource) -> str:
        """Why the stack's policy does not let the update do this, if so."""
        text = self._operation.policy or self.stack.policy
        return denied(checked(text), f"Update:{what}", row.logical_id, row.type) if text else ""

    def refuse_removals(self) -> None:
        """What the template does not have any more and the policy protects fails the update before it begins."""
        stage = self._stage
        for row in self._rows.values():
            gone = row.logical_id not in self._needs and row.made is not None and row.settled != stage
            if gone and (why := self._denied("Delete", row)):
                self._refuse(row, why)

    def _refuse(self, row: StackResource, why: str) -> None:
        changes: dict[str, Any] = {"settled": self._stage, "failed": True}
        if not row.changed:
            changes |= {"changed": True, "former": row.made}
        resource_state(self._ctx, row, "UPDATE_FAILED", why, **changes)

    def _fail(self, resource: Resource, row: StackResource | None, error: Exception) -> None:
        """What the resource should be has no value, or not a valid one."""
        ctx, stage = self._ctx, self._stage
        why = masked(str(error), hidden_values(self.stack.settings))
        with ctx.store.begin():
            if isinstance(error, Unresolved) and error.whole:
                turning.give_up(ctx, self.stack, why)
                return
            row = row if row is not None else self._new(resource)
            if row.made is not None:
                self._refuse(row, why)
            else:
                changes: dict[str, Any] = {"settled": stage, "failed": True, "changed": True}
                resource_state(ctx, row, "CREATE_FAILED", why, **changes)

    def _new(self, resource: Resource) -> StackResource:
        return StackResource(
            key=resource_key(self._id, resource.logical_id),
            stack_id=self._id,
            logical_id=resource.logical_id,
            type=resource.type,
            updated=self._ctx.clock.now(),
        )

    def _import(self, names: frozenset[str]) -> None:
        """Remember at once which exports are used, so that nobody takes them away."""
        stack = self.stack
        if not names <= set(stack.imports):
            used = tuple(sorted({*stack.imports, *names}))
            self._ctx.table(Stack).put(self._ctx.scope, stack.replace(imports=used))
