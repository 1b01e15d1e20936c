"""Parameters: how a template declares them, and the values that they are given.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.template.errors import TemplateError
from cloudarium.services.cloudformation.template.model import Parameter, Template
from cloudarium.services.cloudformation.template.patterns import BadPattern, matches
from cloudarium.services.cloudformation.template.texts import as_text

_MOST_BYTES = 4_096
_SPECIFIC = (
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
)
_PLAIN = frozenset(
    {"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"}
    | set(_SPECIFIC)
    | {f"List<{each}>" for each in _SPECIFIC}
)
TYPES = frozenset({"AWS::SSM::Parameter::Name"} | _PLAIN | {f"AWS::SSM::Parameter::Value<{each}>" for each in _PLAIN})
_KEYS = frozenset(
    {
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    }
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_DESCRIPTION = 4_000


def parameter(name: str, declared: Any) -> Parameter:
    """A parameter as one member of the Parameters section declares it. Raises ``TemplateError``."""
    if not isinstance(declared, dict):
        raise TemplateError("Template format error: Every Parameters member must be a map")
    for key in declared:
        if key not in _KEYS:
            raise TemplateError(f"Invalid template parameter property '{key}'")
    type_ = declared.get("Type")
    if not isinstance(type_, str):
        raise TemplateError("Template format error: Every Parameters object must contain a Type member.")
    if type_ not in TYPES:
        raise TemplateError(f"Template format error: Unrecognized parameter type: {type_[:100]}")
    allowed = declared.get("AllowedValues", [])
    if not isinstance(allowed, list) or any(as_text(each) is None for each in allowed):
        raise TemplateError("Template format error: Every AllowedValues member must be a list of strings.")
    made = Parameter(
        name=name,
        type=type_,
        default=_text(declared, "Default"),
        no_echo=(_text(declared, "NoEcho") or "").lower() == "true",
        allowed_values=tuple(as_text(each) or "" for each in allowed),
        allowed_pattern=_text(declared, "AllowedPattern"),
        min_length=_length(name, declared, "MinLength"),
        max_length=_length(name, declared, "MaxLength"),
        min_value=_bound(name, declared, "MinValue"),
        max_value=_bound(name, declared, "MaxValue"),
        constraint_description=_text(declared, "ConstraintDescription") or "",
        description=_text(declared, "Description") or "",
    )
    if len(made.description) > _LONGEST_DESCRIPTION:
        raise TemplateError(
            f"Template format error: Parameter '{name}' Description must be no longer than {_LONGEST_DESCRIPTION} "
            "characters."
        )
    _check_constraints(made)
    if made.default is not None and not made.from_ssm:
        check(made, made.default)
    return made


def parameter_values(template: Template, given: Mapping[str, str], previous: Mapping[str, str]) -> dict[str, str]:
    """The value of every parameter as a text: what is given, else what it was before, else its default.

    Those of the types AWS::SSM::Parameter::Value keep the name of the SSM parameter: whoever asks finds its value.
    Raises ``TemplateError``.
    """
    unknown = [name for name in given if name not in template.parameters]
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    found: dict[str, str] = {}
    for name, declared in template.parameters.items():
        value = given.get(name, previous.get(name, declared.default))
        if value is not None:
            found[name] = value
    absent = [name for name in template.parameters if name not in found]
    if absent:
        raise TemplateError(f"Parameters: [{', '.join(absent)}] must have values")
    for name, value in found.items():
        if len(value.encode(errors="surrogatepass")) > _MOST_BYTES:
            raise TemplateError(f"Parameter '{name}' must be no longer than {_MOST_BYTES} bytes")
        check(template.parameters[name], value)
    return found


def as_value(declared: Parameter, text: str) -> str | list[str]:
    """What ``Ref`` gives for a parameter's text: a list for the list types, whose members lose outer spaces."""
    if not declared.is_list:
        return text
    return [part.strip() for part in text.split(",")] if text.strip() else []


def check(declared: Parameter, text: str) -> None:
    """Raise ``TemplateError`` unless a text may be a parameter's value."""
    if declared.from_ssm or declared.type == "AWS::SSM::Parameter::Name":
        # The constraints are on the name, which is what the caller gives.
        members = [text]
    else:
        value = as_value(declared, text)
        members = value if isinstance(value, list) else [value]
    for member in members:
        problem = _problem(declared, member)
        if problem:
            name = declared.name
            if declared.constraint_description:
                problem = f"failed to satisfy constraint: {declared.constraint_description}"
            raise TemplateError(f"Parameter '{name}' {problem}")


def _problem(declared: Parameter, member: str) -> str:
    if declared.allowed_values and member not in declared.allowed_values:
        return "must be one of AllowedValues"
    if declared.item_type == "Number" and not declared.from_ssm:
        if _NUMBER.fullmatch(member) is None:
            return "must be a number"
        number = float(member)
        if declared.min_value is not None and number < declared.min_value:
            return f"must be a number not less than {_shown(declared.min_value)}"
        if declared.max_value is not None and number > declared.max_value:
            return f"must be a number not greater than {_shown(declared.max_value)}"
        return ""
    if declared.min_length is not None and len(member) < declared.min_length:
        return f"must contain at least {declared.min_length} characters"
    if declared.max_length is not None and len(member) > declared.max_length:
        return f"must contain at most {declared.max_length} characters"
    if declared.allowed_pattern is not None and not matches(declared.allowed_pattern, member):
        return f"must match pattern {declared.allowed_pattern}"
    return ""


def _check_constraints(declared: Parameter) -> None:
    name = f"Template error: Parameter '{declared.name}'"
    numeric = declared.item_type == "Number"
    for key, value, wanted in (
        ("MinLength", declared.min_length, False),
        ("MaxLength", declared.max_length, False),
        ("AllowedPattern", declared.allowed_pattern, False),
        ("MinValue", declared.min_value, True),
        ("MaxValue", declared.max_value, True),
    ):
        if value is not None and numeric is not wanted:
            raise TemplateError(f"{name} {key} must be on a parameter of type {'Number' if wanted else 'String'}")
    for key, least, most in (
        ("Length", declared.min_length, declared.max_length),
        ("Value", declared.min_value, declared.max_value),
    ):
        if least is not None and most is not None and least > most:
            raise TemplateError(f"{name} Min{key} must be less than Max{key}.")
    if declared.allowed_pattern is not None:
        try:
            matches(declared.allowed_pattern, "")
        except BadPattern:
            raise TemplateError(f"{name} AllowedPattern must be a valid regular expression.") from None


def _text(declared: dict[str, Any], key: str) -> str | None:
    if key not in declared:
        return None
    text = as_text(declared[key])
    if text is None:
        raise TemplateError(f"Template format error: Every {key} member must be a string.")
    return text


def _bound(name: str, declared: dict[str, Any], key: str) -> float | None:
    text = _text(declared, key)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None or not math.isfinite(float(text)):
        raise TemplateError(f"Template error: Parameter '{name}' {key} must be a number.")
    return float(text)


def _length(name: str, declared: dict[str, Any], key: str) -> int | None:
    value = _bound(name, declared, key)
    if value is None:
        return None
    if value < 0 or value != int(value):
        raise TemplateError(f"Template error: Parameter '{name}' {key} must be a whole number.")
    return int(value)


def _shown(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
