"""CloudFormation: stacks of resources, made by AWS's own API in the order in which they need each other.

An operation on a stack is a record. The engine's two controllers bring it to its end: one decides for a stack what is
next, the other does it to one resource, through the resource's kind. Both know no more than what is stored, so that
a cloud killed at any moment goes on where it was.
"""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "cloudformation",
    operations="cloudarium.services.cloudformation.operations",
    start="cloudarium.services.cloudformation.start:start",
    invalid_input="ValidationError",
)
