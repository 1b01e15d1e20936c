"""Input checked against the model before a service sees it.

A validator is compiled per shape into closures that answer None when all is well, so that good input costs little;
shapes without constraints below them have no validator at all. The texts are those of AWS's own framework:
``2 validation errors detected: Value 'x' at 'tags.1.member.key' failed to satisfy constraint: …; Value null at …``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.patterns import compiled
from cloudarium.kernel.errors import AwsError

MAX_PROBLEMS = 20
MAX_SHOWN = 1024


class Problem:
    """One violated constraint; ``path`` is completed on the way up."""

    __slots__ = ("constraint", "path", "sensitive", "value")

    def __init__(self, path: str, value: Any, constraint: str, sensitive: bool = False) -> None:
        self.path = path
        self.value = value
        self.constraint = constraint
        self.sensitive = sensitive

    def under(self, name: str) -> Problem:
        """The same problem seen from the parent."""
        self.path = f"{name}.{self.path}" if self.path else name
        return self

    def text(self) -> str:
        """The problem in AWS's words."""
        if self.value is None:
            shown = "Value null at"
        elif self.sensitive:
            shown = "Value at"
        else:
            shown = f"Value '{shown_value(self.value)}' at"
        return f"{shown} '{self.path}' failed to satisfy constraint: {self.constraint}"


Check = Callable[[Any], "list[Problem] | None"]
REQUIRED = "Member must not be null"


def shown_value(value: Any) -> str:
    """A value as AWS's framework prints it, cut where it gets long."""
    if isinstance(value, list | tuple):
        text = "[" + ", ".join(shown_value(item) for item in value[:50]) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}={shown_value(item)}" for key, item in list(value.items())[:50]) + "}"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, bytes):
        text = f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    else:
        text = str(value)
    return text[:MAX_SHOWN]


def number(value: float) -> str:
    """A bound of the model."""
    return str(int(value)) if value == int(value) else str(value)


class Validators:
    """Compiles the validators of one service; ``name_of`` and ``item`` spell paths as the protocol does."""

    def __init__(self, name_of: Callable[[Shape, str], str], item: str = "{}.member") -> None:
        self._name_of = name_of
        self._item = item
        self._structures: dict[str, Check | None] = {}

    def compile(self, shape: Shape) -> Check | None:
        """The validator of a shape, or None when it has no constraints."""
        match shape.type:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _scalar(shape)

    def _structure(self, shape: Shape) -> Check | None:
        name = shape.name
        if name in self._structures:
            return self._structures[name]
        # A recursive shape meets itself before it is finished: until then it looks itself up when called.
        self._structures[name] = lambda value: later(value) if (later := self._structures[name]) else None
        check = self._structure_check(shape)
        self._structures[name] = check
        return check

    def _structure_check(self, shape: Shape) -> Check | None:
        required = [(member, self._path(shape.members[member], member)) for member in shape.raw.required]
        below = []
        for member, used in shape.members.items():
            check = self.compile(used)
            if check is not None:
                below.append((member, self._path(used, member), check))
        union = list(shape.raw.members) if shape.raw.union else None
        if not required and not below and union is None:
            return None

        def check_structure(value: dict[str, Any]) -> list[Problem] | None:
            problems: list[Problem] | None = None
            for member, path in required:
                if value.get(member) is None:
                    problems = problems or []
                    problems.append(Problem(path, None, REQUIRED))
            for member, path, check in below:
                item = value.get(member)
                if item is not None:
                    found = check(item)
                    if found:
                        problems = (problems or []) + [problem.under(path) for problem in found]
            if union is not None and len(value) != 1:
                wanted = f"Member must have exactly one of its members set: [{', '.join(union)}]"
                problems = [*(problems or []), Problem("", value, wanted, True)]
            return problems

        return check_structure

    def _path(self, shape: Shape, name: str) -> str:
        return self._name_of(shape, name)

    def _list(self, shape: Shape) -> Check | None:
        own = _length(shape)
        if shape.member.type not in ("structure", "list", "map"):
            items, described = _scalar(shape.member), _described(shape.member)
            if items is None:
                return own

            def check_scalars(value: list[Any]) -> list[Problem] | None:
                problems = own(value) if own else None
                if any(items(item) for item in value):
                    wanted = f"Member must satisfy constraint: [{described}]"
                    problems = [*(problems or []), Problem("", value, wanted, shape.member.raw.sensitive)]
                return problems

            return check_scalars
        nested = self.compile(shape.member)
        if nested is None:
            return own

        def check_items(value: list[Any]) -> list[Problem] | None:
            problems = own(value) if own else None
            for index, item in enumerate(value, 1):
                found = nested(item) if item is not None else None
                if found:
                    path = self._item.format(index)
                    problems = (problems or []) + [problem.under(path) for problem in found]
                    if len(problems) > MAX_PROBLEMS:
                        break
            return problems

        return check_items

    def _map(self, shape: Shape) -> Check | None:
        own, keys = _length(shape), _scalar(shape.key)
        scalar = shape.value.type not in ("structure", "list", "map")
        values = _scalar(shape.value) if scalar else self.compile(shape.value)
        if own is None and keys is None and values is None:
            return None
        of_keys, of_values = _described(shape.key), _described(shape.value) if scalar else ""

        def check_map(value: dict[str, Any]) -> list[Problem] | None:
            problems = list(own(value) or ()) if own else []
            if keys is not None and any(keys(key) for key in value):
                problems.append(Problem("", value, f"Map keys must satisfy constraint: [{of_keys}]"))
            if values is not None:
                for key, item in value.items():
                    found = values(item) if item is not None else None
                    if found and scalar:
                        problems.append(Problem("", value, f"Map value must satisfy constraint: [{of_values}]"))
                        break
                    problems += [problem.under(f"{key[:64]}.member") for problem in found or ()]
                    if len(problems) > MAX_PROBLEMS:
                        break
            return problems or None

        return check_map


def _constraints(shape: Shape) -> list[tuple[str, Callable[[Any], bool]]]:
    """The constraints of a scalar or the size of a collection: AWS's words, and whether a value satisfies them."""
    raw = shape.raw
    rules: list[tuple[str, Callable[[Any], bool]]] = []
    least, most = raw.min, raw.max
    match shape.type:
        case "string" | "list" | "map" | "blob":
            if most is not None:
                words = f"Member must have length less than or equal to {number(most)}"
                rules.append((words, lambda v: len(v) <= most))
            if least is not None and least > 0:
                words = f"Member must have length greater than or equal to {number(least)}"
                rules.append((words, lambda v: len(v) >= least))
        case "integer" | "long" | "float" | "double":
            if most is not None:
                rules.append((f"Member must have value less than or equal to {number(most)}", lambda v: v <= most))
            if least is not None:
                rules.append((f"Member must have value greater than or equal to {number(least)}", lambda v: v >= least))
    if shape.type == "string":
        if raw.pattern is not None:
            pattern = compiled(raw.pattern)
            if pattern is not None:
                rules.append((f"Member must satisfy regular expression pattern: {raw.pattern}", pattern.accepts))
        if shape.enum:
            allowed = frozenset(shape.enum)
            rules.append((f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", allowed.__contains__))
    return rules


def _described(shape: Shape) -> str:
    return ", ".join(words for words, _ in _constraints(shape))


def _scalar(shape: Shape) -> Check | None:
    """The validator of one value by itself."""
    rules = _constraints(shape)
    if not rules:
        return None
    sensitive = shape.raw.sensitive

    def check(value: Any) -> list[Problem] | None:
        problems = None
        for words, satisfied in rules:
            if not satisfied(value):
                problems = [*(problems or []), Problem("", value, words, sensitive)]
        return problems

    least, most = shape.raw.min or 0, shape.raw.max
    if all(words.startswith("Member must have length") for words, _ in rules):
        # The usual rule, and requests have thousands of such members: one call for each.
        high = math.inf if most is None else most
        return lambda value: None if least <= len(value) <= high else check(value)
    if len(rules) == 1:
        satisfied = rules[0][1]
        return lambda value: None if satisfied(value) else check(value)
    return check


_length = _scalar


def coral_name(_: Shape, name: str) -> str:
    """A member in a path: AWS's framework writes it with a small first letter."""
    return name[:1].lower() + name[1:]


def coral_error(problems: list[Problem], code: str) -> AwsError:
    """The error of the query, JSON and REST families."""
    count = len(problems)
    texts = "; ".join(problem.text() for problem in problems[:MAX_PROBLEMS])
    return AwsError(code, f"{count} validation error{'s' if count > 1 else ''} detected: {texts}", 400)


def ec2_error(problems: list[Problem]) -> AwsError:
    """EC2 names the first parameter it does not like.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    for problem in problems:
        if problem.value is None:
            return AwsError("MissingParameter", f"The request must contain the parameter {problem.path}", 400)
    first = problems[0]
    message = f"Value ({shown_value(first.value)}) for parameter {first.path} is invalid. {first.constraint}"
    return AwsError("InvalidParameterValue", message, 400)
