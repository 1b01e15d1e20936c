"""Stacks and change sets as CloudFormation has them, where moto's would mislead CDK and ``aws cloudformation deploy``.

Change sets belong to their stack: moto keeps all under their bare names, and CDK gives every stack's the same one. What
fails while it is made is taken back, and the stack's state and events say so: moto leaves a stack that the next deploy
takes for made. A deleted stack stays deleted: moto makes its resources again when it is described. A stack made by a
change set has outputs and exports like any other. And a parameter that is kept as it was is the name of an SSM
parameter, not what was found there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

_DEAD_ENDS = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED")
"""States from which a stack can only be deleted."""
_NAMED = re.compile(r"\$\{([^!}.]+)[^}]*\}")


def install() -> None:
    """Put this in place of moto's."""
    import moto.cloudformation.parsing as parsing
    from moto.cloudformation.exceptions import CloudFormationError, ValidationError
    from moto.cloudformation.models import CloudFormationBackend, Stack
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.core.responses import ActionResult, EmptyResult

    class ChangeSetNotFound(CloudFormationError):
        code = "ChangeSetNotFound"

    class InvalidChangeSetStatus(CloudFormationError):
        code = "InvalidChangeSetStatus"

    class AlreadyExists(CloudFormationError):
        code = "AlreadyExistsException"

    make_change_set = CloudFormationBackend.create_change_set
    plan = CloudFormationResponse.create_change_set
    delete_stack = Stack.delete
    make_stack, renew_stack = CloudFormationResponse.create_stack, CloudFormationResponse.update_stack

    def living(stack: Any) -> Any:
        if stack is not None and stack.status in _DEAD_ENDS:
            raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
        return stack

    def create_change_set(self: Any) -> Any:
        # One without changes is made, and has failed; only UpdateStack answers with an error.
        self._validate_different_update = lambda *_: None
        try:
            return plan(self)
        finally:
            del self._validate_different_update

    def create_change_set_of(self: Any, stack_name: str, change_set_name: str, *args: Any, **kwargs: Any) -> Any:
        stack = living(_stack(self, stack_name))
        same = _change_set(self, stack_name, change_set_name)
        if same is not None and same.execution_status == "AVAILABLE":
            raise AlreadyExists(f"ChangeSet {change_set_name} already exists")
        if same is not None:
            del self.change_sets[same.change_set_id]
        if stack is None or kwargs.get("change_set_type") == "UPDATE":
            return make_change_set(self, stack_name, change_set_name, *args, **kwargs)
        if stack.status != "REVIEW_IN_PROGRESS":
            again = f"already exists and cannot be created again with the changeSet [{change_set_name}]."
            raise ValidationError(message=f"Stack [{stack_name}] {again}")
        # moto would make another stack of the same name.
        identifier, made = make_change_set(self, stack_name, change_set_name, *args, **kwargs)
        del self.stacks[made]
        change_set = self.change_sets[identifier]
        change_set.stack, change_set.stack_id = stack, stack.stack_id
        return identifier, stack.stack_id

    def meant(self: Any) -> Any:
        stack, name = self._get_param("StackName"), self._get_param("ChangeSetName")
        found = _change_set(self.cloudformation_backend, stack, name)
        if found is None:
            raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")
        return found

    def describe_change_set(self: Any) -> Any:
        return ActionResult(meant(self))

    def delete_change_set(self: Any) -> Any:
        backend = self.cloudformation_backend
        found = _change_set(backend, self._get_param("StackName"), self._get_param("ChangeSetName"))
        if found is not None:
            del backend.change_sets[found.change_set_id]
        return EmptyResult()

    def list_change_sets(self: Any) -> Any:
        stack = self._get_param("StackName")
        return ActionResult(
            {"Summaries": [e for e in self.cloudformation_backend.list_change_sets() if _is_of(e, stack)]}
        )

    def execute_change_set(self: Any) -> Any:
        change_set, backend = meant(self), self.cloudformation_backend
        if change_set.execution_status != "AVAILABLE":
            state = f"cannot be executed in its current execution status of [{change_set.execution_status}]"
            raise InvalidChangeSetStatus(f"ChangeSet [{change_set.change_set_id}] {state}")
        stack, creates = living(change_set.stack), change_set.change_set_type == "CREATE"

        def execute() -> None:
            stack.cross_stack_resources = stack.resource_map.cross_stack_resources = backend.exports
            backend.execute_change_set(change_set_name=change_set.change_set_id)
            stack.parameters = change_set.parameters
            for gone in [
                name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id
            ]:
                del backend.exports[gone]
            stack._parse_template()
            stack.description = stack.template_dict.get("Description")
            stack.output_map = stack._create_output_map()
            backend._validate_export_uniqueness(stack)
            backend.exports.update({export.name: export for export in stack.exports})

        keeps = bool(self._get_bool_param("DisableRollback"))
        if not _done(backend, lambda: stack, execute, creates=creates, keeps=keeps):
            change_set.execution_status = "EXECUTE_FAILED"
        for other in [each for each in backend.change_sets.values() if each.stack_id == stack.stack_id]:
            if other is not change_set:
                del backend.change_sets[other.change_set_id]
        return EmptyResult()

    def create_stack(self: Any) -> Any:
        backend, name = self.cloudformation_backend, self._get_param("StackName")
        before = set(backend.stacks)

        def made() -> Any:
            return next((s for s in backend.stacks.values() if s.name == name and s.stack_id not in before), None)

        keeps = bool(self._get_bool_param("DisableRollback")) or self._get_param("OnFailure") == "DO_NOTHING"
        _done(backend, made, lambda: make_stack(self), creates=True, keeps=keeps)
        return ActionResult({"StackId": made().stack_id})

    def update_stack(self: Any) -> Any:
        stack = living(_stack(self.cloudformation_backend, self._get_param("StackName")))
        events = len(stack.events) if stack is not None else 0

        def begun() -> Any:
            return stack if stack is not None and len(stack.events) > events else None

        _done(self.cloudformation_backend, begun, lambda: renew_stack(self), creates=False)
        return ActionResult({"StackId": stack.stack_id})

    def delete(self: Any) -> None:
        delete_stack(self)
        _forget(self)

    def stack_parameters(self: Any) -> dict[str, Any]:
        declared = self.template_dict.get("Parameters") or {}
        return {
            name: self.resource_map.input_parameters.get(name, declared.get(name, {}).get("Default", value))
            if str(declared.get(name, {}).get("Type", "")).startswith("AWS::SSM::Parameter::")
            else value
            for name, value in self.resource_map.resolved_parameters.items()
        }

    parsing.get_references_from_template = _references
    CloudFormationBackend.create_change_set = create_change_set_of  # type: ignore[method-assign]
    Stack.delete = delete  # type: ignore[method-assign]
    Stack.stack_parameters = property(stack_parameters)  # type: ignore[assignment, method-assign]
    for method in (
        create_change_set,
        describe_change_set,
        delete_change_set,
        list_change_sets,
        execute_change_set,
        create_stack,
        update_stack,
    ):
        setattr(CloudFormationResponse, method.__name__, method)


def _done(
    backend: Any, stack: Callable[[], Any], work: Callable[[], object], *, creates: bool, keeps: bool = False
) -> bool:
    """Whether work on a stack went well. What went wrong before there was a stack to work on is raised.

    ``stack`` answers the stack once work on it has begun; ``keeps``: what was made stays when the rest fails.
    """
    before = set(backend.stacks)
    try:
        work()
    except Exception as error:
        begun = stack()
        if begun is None:
            raise
        why = f"{type(error).__name__}: {getattr(error, 'message', '') or error}"
        log.warning("stack %s: %s", begun.name, why)
        if creates and keeps:
            begun._add_stack_event("CREATE_FAILED", why)
            begun.status = "CREATE_FAILED"
            _forget(begun)
            return False
        nested = [each for each in backend.stacks.values() if each is not begun and each.stack_id not in before]
        _take_back(begun, nested, why, creates=creates)
        for each in nested:
            del backend.stacks[each.stack_id]
        return False
    return True


def _take_back(stack: Any, nested: list[Any], why: str, *, creates: bool) -> None:
    if not creates:
        # moto does not know any more what there was before.
        stack._add_stack_event("UPDATE_FAILED", why)
        stack._add_stack_event("UPDATE_ROLLBACK_FAILED", "What had been changed by then stays changed.")
        stack.status = "UPDATE_ROLLBACK_FAILED"
        return
    stack._add_stack_event("CREATE_FAILED", why)
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", "The resources that had been made are deleted.")
    stack.status = "ROLLBACK_COMPLETE"
    for each in [*nested, stack]:
        try:
            each.resource_map.delete()
        except Exception as error:
            stack.status = "ROLLBACK_FAILED"
            log.warning("stack %s cannot be taken back: %s", each.name, error)
    _forget(stack)
    stack._add_stack_event(stack.status)


def _forget(stack: Any) -> None:
    """Keep to the resources that are there: others come about when they are first looked at, be it by a Describe."""
    from moto.cloudformation.parsing import OutputMap

    resources = stack.resource_map
    there = {name: each for name, each in resources._resource_json_map.items() if name in resources._parsed_resources}
    resources._resource_json_map = there
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _references(template: Any) -> list[str]:
    """What a part of a template refers to, also within the texts of ``Fn::Sub``."""
    if isinstance(template, list):
        return [name for each in template for name in _references(each)]
    if not isinstance(template, dict):
        return []
    found = []
    for key, value in template.items():
        if key == "Ref":
            found.append(str(value))
            continue
        if key == "Fn::Sub":
            found += _NAMED.findall(value if isinstance(value, str) else str(value[0]))
        found += _references(value)
    return found


def _stack(backend: Any, name: str) -> Any:
    return next((each for each in backend.stacks.values() if name in (each.name, each.stack_id)), None)


def _is_of(change_set: Any, stack: str | None) -> bool:
    return stack in (change_set.stack_name, change_set.stack_id)


def _change_set(backend: Any, stack: str | None, name: str) -> Any:
    """The change set meant by an ARN, or by a stack and a name: the latest of that name."""
    if (found := backend.change_sets.get(name)) is not None:
        return found
    named = [each for each in backend.change_sets.values() if each.change_set_name == name and _is_of(each, stack)]
    return next((each for each in reversed(named) if each.stack_id in backend.stacks), None)
