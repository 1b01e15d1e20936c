"""The transform AWS::LanguageExtensions: loops, and functions where otherwise only names can be.

It is worked out before the template is looked at any further, with the parameters' values, and bounded by what a
template may be: its limits are on what comes out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloudarium.services.cloudformation.template.conditions import evaluated
from cloudarium.services.cloudformation.template.errors import Missing, TemplateError
from cloudarium.services.cloudformation.template.model import Parameter, Values
from cloudarium.services.cloudformation.template.parameters import as_value
from cloudarium.services.cloudformation.template.reading import MOST_CHARACTERS
from cloudarium.services.cloudformation.template.resolving import Evaluation
from cloudarium.services.cloudformation.template.texts import as_text

NAME = "AWS::LanguageExtensions"
LOOP = "Fn::ForEach::"
_SECTIONS = ("Conditions", "Resources", "Outputs")
_MOST_LOOPS = 5
"""Loops within each other, as AWS's own tools have it."""
_PLACEHOLDER = re.compile(r"([$&])\{([A-Za-z0-9]+)\}")
_OTHER_THAN_LETTERS = re.compile(r"[^0-9A-Za-z]")


def expanded(
    document: dict[str, Any], parameters: Mapping[str, Parameter], given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A document without what the transform takes away. Raises ``TemplateError``.

    Without ``given`` nobody knows the parameters' values yet: what needs one that has no default is left out.
    """
    work = _Work(document, parameters, given)
    made = dict(document)
    for section in _SECTIONS:
        if isinstance(document.get(section), dict):
            made[section] = work.expanded(document[section], {})
    work.name_all(made)
    return made


class _Work:
    """One template on its way through the transform."""

    def __init__(
        self, document: dict[str, Any], parameters: Mapping[str, Parameter], given: Mapping[str, Any] | None
    ) -> None:
        known = given or {}
        values = {
            name: as_value(each, value) if isinstance(value, str) else value
            for name, each in parameters.items()
            if (value := known.get(name, None if each.from_ssm else each.default)) is not None
        }
        pseudo = {name: value for name, value in known.items() if name.startswith("AWS::")}
        mappings = document.get("Mappings")
        self._values = Values(parameters=values, pseudo=pseudo, mappings=mappings if isinstance(mappings, dict) else {})
        self._guesses = given is None
        self._size = 0

    # -- loops ---------------------------------------------------------------------------------------------------------

    def expanded(self, node: Any, bound: dict[str, str]) -> Any:
        """A part of the template with its loops unrolled; ``bound`` is what the loops around it have come to."""
        if isinstance(node, str):
            return self._text(node, bound)
        if isinstance(node, list):
            return [self.expanded(member, bound) for member in node]
        if not isinstance(node, dict):
            self._grow(1)
            return node
        if node.keys() == {"Ref"} and isinstance(node["Ref"], str) and node["Ref"] in bound:
            return bound[node["Ref"]]
        made: dict[str, Any] = {}
        for key, value in node.items():
            members = self._unrolled(value, bound) if key.startswith(LOOP) else iter([(key, value, bound)])
            for name, member, within in members:
                name = self._text(name, within)
                if name in made:
                    raise _failed(f"{name[:100]} is there more than once")
                made[name] = self.expanded(member, within)
        return made

    def _unrolled(self, loop: Any, bound: dict[str, str]) -> Iterator[tuple[str, Any, dict[str, str]]]:
        if not isinstance(loop, list) or len(loop) != 3 or len(bound) >= _MOST_LOOPS:
            raise _failed("Fn::ForEach layout is incorrect")
        identifier, collection, fragment = loop
        if not isinstance(identifier, str) or not isinstance(fragment, dict) or isinstance(collection, str):
            raise _failed("Fn::ForEach layout is incorrect")
        if identifier in bound or identifier in self._values.parameters:
            raise _failed(f"the identifier {identifier[:100]} of Fn::ForEach has another meaning already")
        for value in self._collection(collection, bound):
            within = {**bound, identifier: value}
            for key, member in fragment.items():
                if key.startswith(LOOP):
                    yield from self._unrolled(member, within)
                else:
                    yield key, member, within

    def _collection(self, node: Any, bound: dict[str, str]) -> list[str]:
        try:
            found = Evaluation(self._values).of(self.expanded(node, bound))
        except Missing:
            if self._guesses:
                return []
            found = None
        texts = [as_text(member) for member in found] if isinstance(found, list) else [None]
        if any(text is None for text in texts):
            raise _failed("Could not find a collection or could not be resolved for Fn::ForEach")
        return [text for text in texts if text is not None]

    def _text(self, text: str, bound: dict[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[2]
            if name not in bound:
                return found[0]
            return bound[name] if found[1] == "$" else _OTHER_THAN_LETTERS.sub("", bound[name])

        made = _PLACEHOLDER.sub(value, text) if bound else text
        self._grow(1 + len(made))
        return made

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > MOST_CHARACTERS:
            raise _failed(f"the template may not exceed {MOST_CHARACTERS} bytes in size")

    # -- names ---------------------------------------------------------------------------------------------------------

    def name_all(self, made: dict[str, Any]) -> None:
        """Work out the functions in ``Ref`` and ``Fn::GetAtt``, conditions' names and policies."""
        for section in _SECTIONS:
            if section in made:
                made[section] = self._named(made[section])
        conditions = made.get("Conditions")
        try:
            self._values.conditions = evaluated(conditions if isinstance(conditions, dict) else {}, self._values)
        except (Missing, TemplateError):
            # Whatever is wrong with them is said when the template itself is checked.
            self._values.conditions = {}
        for section, keys in (
            ("Resources", ("Condition", "DeletionPolicy", "UpdateReplacePolicy")),
            ("Outputs", ("Condition",)),
        ):
            members = made.get(section)
            for member in members.values() if isinstance(members, dict) else ():
                for key in keys:
                    if isinstance(member, dict) and isinstance(member.get(key), dict):
                        self._name(member, key)

    def _name(self, member: dict[str, Any], key: str) -> None:
        found = self._evaluated(member[key])
        if isinstance(found, str):
            member[key] = found
        elif found is None and self._guesses:
            del member[key]
        else:
            raise _failed(f"{key} could not be resolved")

    def _named(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._named(member) for member in node]
        if not isinstance(node, dict):
            return node
        made = {key: self._named(value) for key, value in node.items()}
        if made.keys() == {"Ref"} and isinstance(made["Ref"], dict):
            return {"Ref": self._must(made["Ref"], "Ref")}
        if made.keys() == {"Fn::GetAtt"} and isinstance(made["Fn::GetAtt"], list):
            parts = made["Fn::GetAtt"]
            return {"Fn::GetAtt": [self._must(part, "Fn::GetAtt") for part in parts[:1]] + parts[1:]}
        return made

    def _must(self, node: Any, function: str) -> Any:
        found = self._evaluated(node)
        if not isinstance(found, str):
            raise _failed(f"the name in {function} could not be resolved")
        return found

    def _evaluated(self, node: Any) -> Any:
        try:
            return Evaluation(self._values).of(node)
        except Missing:
            return None


def _failed(why: str) -> TemplateError:
    return TemplateError(f"Transform {NAME} failed with: {why}")
