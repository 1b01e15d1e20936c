"""AWS's own descriptions of its resource types: what properties each has, and what may be done to them.

They are CloudFormation's registry schemas, which the package cfn-lint ships as files; the package itself is not
imported. What cfn-lint knows beyond AWS (properties that exclude each other, and the like) is left to the services.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from cloudarium.services.cloudformation.schemas.problems import failure
from cloudarium.services.cloudformation.schemas.schema import Schema, find

__all__ = ["Schema", "failure", "find"]
