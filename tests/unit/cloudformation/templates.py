"""Templates for tests, by their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cloudarium.services.cloudformation.template import (
    Template,
    TemplateError,
    Values,
    as_value,
    conditions,
    parameter_values,
    parse,
    read,
)

QUEUE = {"Type": "AWS::SQS::Queue"}
PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "app",
    "AWS::Partition": "aws",
    "AWS::NotificationARNs": ["arn:a", "arn:b"],
}


def template(text: str = "", given: Mapping[str, Any] | None = None, **sections: Any) -> Template:
    """A template of a YAML text and of sections; one queue stands for resources where none are given."""
    document = {**(read(text) if text.strip() else {}), **sections}
    document.setdefault("Resources", {"Q": QUEUE})
    return parse(document, given)


def refused(text: str = "", given: Mapping[str, Any] | None = None, **sections: Any) -> str:
    """What is said of such a template."""
    with pytest.raises(TemplateError) as caught:
        template(text, given, **sections)
    return str(caught.value)


def values(of: Template, **given: str) -> Values:
    """What its references stand for, with these parameters."""
    texts = parameter_values(of, given, {})
    made = Values(
        parameters={name: as_value(of.parameters[name], text) for name, text in texts.items()},
        pseudo=dict(PSEUDO),
        mappings=of.mappings,
    )
    made.conditions = conditions(of, made)
    return made
