"""The language of templates: texts in, checked templates and resolved values out. Pure: no I/O, no clock, no context.

``read`` makes a document of a text, ``parse`` a template of a document. ``parameter_values`` gives the parameters their
values, ``check_rules`` and ``conditions`` what follows from them. ``dependencies`` says which resources there will be,
and what must be there before each. ``resolve`` works out the functions in a part of it; what only the outside knows
it asks for by raising ``Missing``.
"""

from cloudarium.services.cloudformation.template.conditions import conditions
from cloudarium.services.cloudformation.template.dynamic import DynamicReference
from cloudarium.services.cloudformation.template.dynamic import parsed as dynamic_reference
from cloudarium.services.cloudformation.template.errors import Missing, TemplateError
from cloudarium.services.cloudformation.template.model import (
    NO_VALUE,
    Output,
    Parameter,
    Resource,
    Template,
    Values,
)
from cloudarium.services.cloudformation.template.parameters import as_value, parameter_values
from cloudarium.services.cloudformation.template.parsing import parse
from cloudarium.services.cloudformation.template.reading import read
from cloudarium.services.cloudformation.template.references import attributes_asked, dependencies
from cloudarium.services.cloudformation.template.resolving import resolve
from cloudarium.services.cloudformation.template.rules import check_rules

__all__ = [
    "NO_VALUE",
    "DynamicReference",
    "Missing",
    "Output",
    "Parameter",
    "Resource",
    "Template",
    "TemplateError",
    "Values",
    "as_value",
    "attributes_asked",
    "check_rules",
    "conditions",
    "dependencies",
    "dynamic_reference",
    "parameter_values",
    "parse",
    "read",
    "resolve",
]
