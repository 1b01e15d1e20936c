"""What is next for a stack, decided from values alone.

Resources are made once what they depend on is there, and deleted once nothing is there any more that depends on them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, Protocol

from cloudarium.services.cloudformation.resources import STACK_TYPE, Made

MOST_AT_ONCE = 24
"""Resources of one stack under way at a time."""

Decision = Literal["create", "update", "replace", "keep"]


class Immutable(Protocol):
    """The part of a resource schema that tells what cannot be changed."""

    def replaced(self, before: Mapping[str, object], after: Mapping[str, object]) -> Collection[str]:
        """Changed properties that only a new resource can have."""


class Doomed(Protocol):
    """Something to delete."""

    @property
    def logical_id(self) -> str:
        """Its name in the template."""

    @property
    def made(self) -> Made | None:
        """What is there of it."""


def startable(dependencies: Mapping[str, Collection[str]], done: Collection[str], begun: Collection[str]) -> list[str]:
    """Logical ids to start now, in the template's order: not begun, and all that they depend on done."""
    found = [each for each, needs in dependencies.items() if each not in begun and all(need in done for need in needs)]
    return found[: max(0, MOST_AT_ONCE - len(set(begun) - set(done)))]


def deletable(waiting: Iterable[Doomed], alive: Iterable[Doomed]) -> list[Doomed]:
    """Which of those that wait to be deleted nothing alive depends on."""
    needed = {need for each in alive if each.made is not None for need in each.made.depends_on}
    return [each for each in waiting if each.logical_id not in needed]


def decide(made: Made | None, wanted: Made, schema: Immutable | None) -> Decision:
    """What brings a resource to what is wanted."""
    if made is None:
        return "create"
    if made.properties == wanted.properties and made.tags == wanted.tags:
        # The template of a nested stack may be another one at the same address; whoever updates it looks.
        return "update" if made.type == wanted.type == STACK_TYPE else "keep"
    if made.type != wanted.type or (schema is not None and schema.replaced(made.properties, wanted.properties)):
        return "replace"
    return "update"


def kept(made: Made, wanted: Made) -> Made:
    """What is there, with those attributes of the template that are nobody's but CloudFormation's."""
    return Made(
        type=made.type,
        physical_id=made.physical_id,
        reference=made.reference,
        attributes=made.attributes,
        properties=made.properties,
        tags=made.tags,
        depends_on=wanted.depends_on,
        deletion_policy=wanted.deletion_policy,
        update_replace_policy=wanted.update_replace_policy,
        generation=made.generation,
        created_by=made.created_by,
        signals_wanted=wanted.signals_wanted,
        signals_within=wanted.signals_within,
    )
