"""A template as it was read and checked, and the values that are put in for its references.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class NoValue:
    """What ``AWS::NoValue`` stands for: the property or member is as if it had not been written."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE: Final = NoValue()

PSEUDO_PARAMETERS: Final = frozenset(
    {
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    }
)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter as the template declares it."""

    name: str
    type: str
    default: str | None = None
    no_echo: bool = False
    allowed_values: tuple[str, ...] = ()
    allowed_pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    constraint_description: str = ""
    description: str = ""

    @property
    def from_ssm(self) -> bool:
        """Whether its value is the name of an SSM parameter, whose value is meant."""
        return self.type.startswith("AWS::SSM::Parameter::Value<")

    @property
    def item_type(self) -> str:
        """The type of the value that ``Ref`` gives, or of each of its members when it is a list."""
        inner = self.type[len("AWS::SSM::Parameter::Value<") : -1] if self.from_ssm else self.type
        if inner == "CommaDelimitedList":
            return "String"
        return inner[len("List<") : -1] if inner.startswith("List<") else inner

    @property
    def is_list(self) -> bool:
        """Whether ``Ref`` gives a list of texts."""
        inner = self.type[len("AWS::SSM::Parameter::Value<") : -1] if self.from_ssm else self.type
        return inner == "CommaDelimitedList" or inner.startswith("List<")


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the template has it; properties and the like still with their functions."""

    logical_id: str
    type: str
    properties: dict[str, Any] = {}
    condition: str = ""
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = ""
    """``Delete``, ``Retain``, ``Snapshot``, ``RetainExceptOnCreate``; empty when the template says nothing."""
    update_replace_policy: str = ""
    """``Delete``, ``Retain``, ``Snapshot``; empty when the template says nothing."""
    creation_policy: dict[str, Any] = {}
    update_policy: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """An output as the template has it; value and export name still with their functions."""

    name: str
    value: Any
    description: str = ""
    export_name: Any = None
    condition: str = ""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A whole template, checked."""

    description: str = ""
    metadata: dict[str, Any] = {}
    parameters: dict[str, Parameter] = {}
    rules: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    resources: dict[str, Resource]
    outputs: dict[str, Output] = {}
    transforms: tuple[str, ...] = ()


class Values(msgspec.Struct, kw_only=True):
    """What references stand for."""

    parameters: dict[str, Any] = {}
    """Texts; lists of texts for list types; of SSM types the value that was found."""
    pseudo: dict[str, Any] = {}
    """``AWS::Region`` and the others, except ``AWS::NoValue``."""
    mappings: dict[str, Any] = {}
    conditions: dict[str, bool] = {}
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    """What ``Ref`` and ``Fn::GetAtt`` give, by logical id, of the resources that are there."""
    outside: dict[tuple[str, str], Any] = {}
    """What was found for a ``Missing``, by its kind and key."""
