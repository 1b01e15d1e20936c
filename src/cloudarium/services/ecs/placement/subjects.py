"""What a cluster query can ask of an instance, and how its values compare."""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudarium.services.ecs.placement.candidates import Candidate


class QueryError(ValueError):
    """An expression that is none."""


EQUALITY = ("==", "!=")
_LISTS = ("in", "!in", "=~", "!~")
_ORDER = (">", ">=", "<", "<=")
_ALL = (*EQUALITY, *_LISTS, *_ORDER, "exists", "!exists")


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to ask: its values on an instance (several for ``task:group``), and what an argument becomes."""

    values: Callable[[Candidate], Collection[Any]]
    operators: tuple[str, ...]
    convert: Callable[[str], Any] = str
    exists: Callable[[Candidate], bool] = lambda _: True


def subject_of(name: str) -> Subject:
    """The subject with this name."""
    if name.startswith("attribute:"):
        return _attribute(name.removeprefix("attribute:"))
    found = _SUBJECTS.get(name)
    if found is None:
        raise QueryError(f"'{name}' is not a subject of the cluster query language.")
    return found


def _attribute(name: str) -> Subject:
    if not name:
        raise QueryError("An attribute's name is missing.")

    def values(instance: Candidate) -> Collection[str]:
        value = instance.attribute(name)
        return () if value is None else (value,)

    return Subject(values, _ALL, exists=lambda instance: instance.has(name))


def compare(subject: Subject, operator: str, argument: str) -> Callable[[Candidate], bool]:
    """An order comparison; numbers as numbers, versions part by part, everything else as text."""
    test = {">": operators.gt, ">=": operators.ge, "<": operators.lt, "<=": operators.le}[operator]
    wanted = subject.convert(argument)

    def ordered(instance: Candidate) -> bool:
        for value in subject.values(instance):
            left, right = value, wanted
            if isinstance(left, str) and _NUMBER.fullmatch(left) and _NUMBER.fullmatch(str(right)):
                left, right = float(left), float(right)
            if test(left, right):
                return True
        return False

    return ordered


_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
_NESTED = re.compile(r"[+*}?]\)*[+*{]|\((?:[^()]*[+*}][^()]*)\)[+*{]")
_REPEATS = re.compile(r"[+*]|\{\d*,")
_MOST_REPEATS = 3


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches a regular expression.

    Python's engine could take exponential time where a repetition repeats, and the length to the power of the number
    of repetitions where several follow each other: such expressions are refused.
    """
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern)
    repeats = (
        max(len(_REPEATS.findall(each)) for each in bare.split("|")) if "(" not in bare else len(_REPEATS.findall(bare))
    )
    if _NESTED.search(bare) or repeats > _MOST_REPEATS or len(pattern) > 256:
        raise QueryError(f"The pattern '{pattern[:64]}' is too complex.")
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise QueryError(f"The pattern '{pattern[:64]}' is malformed: {error}.") from None
    return lambda text: found.fullmatch(text[:256]) is not None


def _version(text: str) -> tuple[int, ...]:
    parts = re.findall(r"[0-9]{1,9}", text)
    if not parts:
        raise QueryError(f"'{text[:64]}' is not a version.")
    return tuple(int(part) for part in parts[:6])


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise QueryError(f"'{text[:64]}' is not a number.")
    return int(text)


def _time(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"'{text[:64]}' is not a date such as 2018-06-18T22:28:28Z.") from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


_SUBJECTS = {
    "agentConnected": Subject(
        lambda instance: ("true" if instance.agent_connected else "false",), (*EQUALITY, *_LISTS), str.lower
    ),
    "agentVersion": Subject(
        lambda instance: (_version(instance.agent_version),) if instance.agent_version else (),
        (*EQUALITY, *_ORDER),
        _version,
    ),
    "ec2InstanceId": Subject(
        lambda instance: (instance.ec2_instance_id,) if instance.ec2_instance_id else (), (*EQUALITY, *_LISTS)
    ),
    "registeredAt": Subject(lambda instance: (instance.registered_at,), (*EQUALITY, *_ORDER), _time),
    "runningTasksCount": Subject(lambda instance: (instance.running,), (*EQUALITY, *_ORDER), _count),
    "task:group": Subject(
        lambda instance: [group for group, count in instance.groups.items() if count],
        _ALL,
        exists=lambda instance: any(instance.groups.values()),
    ),
}
