"""AWS::ECR::*: private and public repositories, and the registry itself.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECR.html
"""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.ecr.prefixes import PullThroughCacheRule, RepositoryCreationTemplate
from cloudarium.services.cloudformation.kinds.ecr.registry import (
    RegistryPolicy,
    RegistryScanningConfiguration,
    ReplicationConfiguration,
)
from cloudarium.services.cloudformation.kinds.ecr.repositories import PublicRepository, Repository
from cloudarium.services.cloudformation.kinds.kind import Kind

_EVERY = (
    Repository,
    PublicRepository,
    RegistryPolicy,
    ReplicationConfiguration,
    RegistryScanningConfiguration,
    PullThroughCacheRule,
    RepositoryCreationTemplate,
)

KINDS: dict[str, Kind] = {each.type: each() for each in _EVERY}
