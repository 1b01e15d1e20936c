"""Doing one action to one resource: create, update or delete, step by step.

Before the first call it is written down that one may have been made; after an interruption the kind is asked what it
has led to. An action that is not wanted any more, because the stack's operation has failed meanwhile, is cancelled
between two steps. Deletions are always brought to their end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation import kinds
from cloudarium.services.cloudformation.engine import names
from cloudarium.services.cloudformation.engine.failures import handler_message, passes, reason
from cloudarium.services.cloudformation.engine.journal import resource_state
from cloudarium.services.cloudformation.engine.leftovers import leave, leave_unless_former
from cloudarium.services.cloudformation.engine.secrets import hidden_values, masked, revealed
from cloudarium.services.cloudformation.engine.signals import seconds_to_wait
from cloudarium.services.cloudformation.engine.waking import ACTIONS, STACKS
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, NeedsReplacement, Work
from cloudarium.services.cloudformation.resources import Made, Stack, StackResource

log = logging.getLogger(__name__)

PRINCIPAL = "cloudformation"
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
_LOOK_AGAIN = 1.0
_MOST_ATTEMPTS = 12
_LONGEST_PAUSE = 30.0
_LONGEST = 13 * 3600.0
"""Cloud seconds after which what is still not ready never will be. A WaitCondition may take 12 hours."""


class Actions:
    """The controller; its keys are scope and key of a resource."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._resources = cloud.store.table(StackResource)
        self._stacks = cloud.store.table(Stack)

    def keys(self) -> list[tuple[Scope, str]]:
        """Every resource that something is being done to."""
        return [(scope, each.key) for scope, each in self._resources.everywhere() if each.action]

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """The next step of a resource's action."""
        scope, name = key
        resource = self._resources.get(scope, name)
        if resource is None or not resource.action:
            return None
        stack = self._stacks.get(scope, resource.stack_id)
        if stack is None:
            return None
        ctx = self._cloud.context(scope, PRINCIPAL)
        after = await _Action(ctx, stack, name).step()
        changed = self._resources.get(scope, name)
        if changed is None or not changed.action:
            self._cloud.enqueue(STACKS, (scope, stack.id))
            return None
        if after == 0:
            self._cloud.enqueue(ACTIONS, key)
            return None
        return after


class _Action:
    """One resource's action, from what is stored of it."""

    def __init__(self, ctx: Context, stack: Stack, key: str) -> None:
        self._ctx = ctx
        self._stack = stack
        self._key = key
        self._secrets = hidden_values(stack.settings)

    @property
    def _resource(self) -> StackResource:
        """As it is now: signals are written into it by others."""
        found = self._ctx.table(StackResource).get(self._ctx.scope, self._key)
        if found is None:
            raise LookupError(self._key)
        return found

    async def step(self) -> float | None:
        """Go on as far as it goes; after how many seconds to come back, if it is not over."""
        resource = self._resource
        kind, token = kinds.find(resource.type), self._token(resource)
        if kind is None:
            self._fail(f"{resource.type} cannot be made in Cloudarium any more.")
            return None
        try:
            if resource.action == "delete":
                return await self._delete(kind)
            if self._is_unwanted():
                return await self._cancel(kind)
            return await (self._create(kind) if resource.action == "create" else self._update(kind))
        except AwsError as error:
            if passes(error) and resource.attempts < _MOST_ATTEMPTS:
                log.warning("%s of %s: %s; trying again", resource.logical_id, self._stack.name, self._masked(error))
                attempts = self._put(attempts=resource.attempts + 1).attempts
                return float(min(_LONGEST_PAUSE, 0.25 * 2**attempts))
            if passes(error):
                with contextlib.suppress(AwsError):
                    await self._find_unanswered(kind)
            self._fail(reason(error, resource.type, token))
        except Failed as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("%s of %s of stack %s failed", resource.action, resource.logical_id, self._stack.name)
            defect = f"This is a defect in Cloudarium ({type(error).__name__}: {error}); its log has the trace."
            self._fail(handler_message(f"Internal Failure. {defect}", token, "InternalFailure"))
        return None

    # -- the actions -----------------------------------------------------------------------------------------------

    async def _create(self, kind: Kind) -> float | None:
        if not self._resource.asked:
            work = await self._work(self._target)
            physical_id = await kind.found(work) if self._resource.begun else ""
            if not physical_id:
                await self._begin()
                physical_id = await kind.create(work)
            self._created(physical_id)
            if self._is_unwanted():
                return await self._cancel(kind)
        return await self._finish(kind)

    def _created(self, physical_id: str) -> None:
        target = msgspec.structs.replace(self._target, physical_id=physical_id)
        status = "UPDATE_IN_PROGRESS" if self._resource.replaces else "CREATE_IN_PROGRESS"
        self._state(
            status,
            "Resource creation Initiated",
            made=target,
            target=target,
            physical_id=physical_id,
            asked=True,
            attempts=0,
            since=self._ctx.clock.now(),
        )

    async def _update(self, kind: Kind) -> float | None:
        if not self._resource.asked:
            work = await self._work(self._target)
            await self._begin()
            try:
                await kind.update(work)
            except NeedsReplacement:
                return self._create_instead()
            self._put(asked=True, attempts=0, since=self._ctx.clock.now())
        return await self._finish(kind)

    def _create_instead(self) -> float:
        with self._ctx.store.begin():
            resource = self._resource
            made = resource.made
            if self._is_going_back() and made is not None:
                leave(self._ctx, resource, made)
            else:
                leave_unless_former(self._ctx, resource)
            generation = resource.generation + 1
            changes: dict[str, Any] = {"physical_id": "", "attributes": {}, "generation": generation}
            self._state(
                "UPDATE_IN_PROGRESS",
                REPLACING,
                action="create",
                begun=False,
                attempts=0,
                generation=generation,
                replaces=made.physical_id if made is not None else "",
                target=msgspec.structs.replace(self._target, **changes),
            )
        return 0.0

    async def _finish(self, kind: Kind) -> float | None:
        work = await self._work(self._target)
        if not await kind.ready(work):
            if self._ctx.clock.now() - self._resource.since > _LONGEST:
                message = "Resource timed out waiting for completion"
                raise Failed(handler_message(message, work.token, "NotStabilized"))
            return _LOOK_AGAIN
        wait = seconds_to_wait(self._resource, self._ctx.clock.now()) if self._resource.action == "create" else None
        if wait is not None:
            return wait
        attributes = await kind.attributes(work)
        reference = kind.reference(msgspec.structs.replace(work, attributes=attributes))
        made = msgspec.structs.replace(self._target, attributes=attributes, reference=reference)
        resource = self._resource
        new = resource.action == "create" and not resource.replaces
        back: dict[str, Any] = {"changed": False, "former": None} if self._is_going_back() else {}
        self._state("CREATE_COMPLETE" if new else "UPDATE_COMPLETE", made=made, target=None, **_over(resource), **back)
        return None

    async def _delete(self, kind: Kind) -> float | None:
        made = self._resource.made
        if made is not None:
            work = await self._work(made)
            if not self._resource.asked:
                await kind.delete(work)
                self._put(asked=True, attempts=0, since=self._ctx.clock.now())
            if not await kind.gone(work):
                if self._ctx.clock.now() - self._resource.since > _LONGEST:
                    message = "Resource timed out waiting for completion"
                    raise Failed(handler_message(message, work.token, "NotStabilized"))
                return _LOOK_AGAIN
        self._state("DELETE_COMPLETE", made=None, target=None, **_over(self._resource))
        return None

    async def _cancel(self, kind: Kind) -> float | None:
        await self._find_unanswered(kind)
        self._fail(f"Resource {'creation' if self._resource.action == 'create' else 'update'} cancelled")
        return None

    async def _find_unanswered(self, kind: Kind) -> None:
        """What a creation whose answer nobody has seen may have made must not be forgotten: it is to be deleted."""
        resource = self._resource
        if resource.action != "create" or not resource.begun or resource.asked:
            return
        target = self._target
        try:
            work = await self._work(target)
        except (AwsError, Failed) as error:
            if isinstance(error, AwsError) and passes(error):
                raise
            # A secret is gone. What was made is known by its name or token all the same.
            work = await self._work(target, secrets=False)
        if physical_id := await kind.found(work):
            self._put(made=msgspec.structs.replace(target, physical_id=physical_id), physical_id=physical_id)

    def _fail(self, why: str) -> None:
        resource = self._resource
        changes: dict[str, Any] = {"target": None} | _over(resource, failed=True)
        status = "DELETE_FAILED"
        if resource.action == "create":
            status = "UPDATE_FAILED" if resource.replaces else "CREATE_FAILED"
        elif resource.action == "update":
            status = "UPDATE_FAILED"
            on_the_way = resource.begun and not self._is_going_back()
            if on_the_way and resource.made is not None and resource.target is not None:
                # How far it came is not known; what brings it back must not take it for unchanged.
                now, goal = resource.made, resource.target
                changes["made"] = msgspec.structs.replace(now, properties=goal.properties, tags=goal.tags)
        self._state(status, self._masked(why), **changes)

    def _masked(self, what: object) -> str:
        return masked(str(what), self._secrets)

    # -- what it works on ------------------------------------------------------------------------------------------

    @property
    def _target(self) -> Made:
        target = self._resource.target
        if target is None:
            raise LookupError(f"{self._key} has no target")
        return target

    def _is_unwanted(self) -> bool:
        """Whether the operation that wanted this action has failed, or made place for another one."""
        stack = self._ctx.table(Stack).get(self._ctx.scope, self._stack.id)
        operation = stack.operation if stack is not None else None
        return operation is None or operation.failing or operation.stage != self._resource.stage

    def _is_going_back(self) -> bool:
        return self._resource.stage.endswith(":back")

    def _token(self, resource: StackResource) -> str:
        generation = resource.target.generation if resource.target is not None else resource.generation
        return names.token(self._stack.id, resource.logical_id, generation, resource.action, resource.stage)

    async def _work(self, subject: Made, *, secrets: bool = True) -> Work:
        """The kind's view of it; secrets are looked up now, and kept nowhere."""
        resource, stack = self._resource, self._stack
        before: Mapping[str, Any] = {}
        tags_before: Mapping[str, str] = {}
        if resource.action == "update" and resource.made is not None:
            before, tags_before = await self._revealed_before(resource.made), resource.made.tags
        # What is deleted needs no secrets, which may be gone as well.
        plain = resource.action == "delete" or not secrets
        properties = subject.properties if plain else await revealed(self._ctx, subject.properties, self._secrets)
        name = names.physical_name(stack.id, stack.name, resource.logical_id, subject.generation)
        return Work(
            ctx=self._ctx,
            stack_id=stack.id,
            stack_name=stack.name,
            logical_id=resource.logical_id,
            properties=properties,
            before=before,
            physical_id=subject.physical_id,
            attributes=subject.attributes,
            tags=subject.tags,
            tags_before=tags_before,
            token=self._token(resource),
            name=name,
            replaces=resource.replaces,
        )

    async def _revealed_before(self, made: Made) -> Mapping[str, Any]:
        """What it was made with; a secret that is gone since then stays a reference."""
        try:
            return await revealed(self._ctx, made.properties, self._secrets)
        except (AwsError, Failed) as error:
            if isinstance(error, AwsError) and passes(error):
                raise
            return made.properties

    async def _begin(self) -> None:
        """Write down that a call may have been made, before it is."""
        if not self._resource.begun:
            self._put(begun=True)
            await self._ctx.store.durable()

    def _put(self, **changes: Any) -> StackResource:
        changed = self._resource.replace(**changes)
        self._ctx.table(StackResource).put(self._ctx.scope, changed)
        return changed

    def _state(self, status: str, why: str = "", **changes: Any) -> None:
        resource_state(self._ctx, self._resource, status, why, **changes)


def _over(resource: StackResource, *, failed: bool = False) -> dict[str, Any]:
    """What changes when an action has come to its end."""
    return {
        "action": "",
        "begun": False,
        "asked": False,
        "attempts": 0,
        "replaces": "",
        "settled": resource.stage,
        "failed": failed,
    }
