"""AWS::Logs::*: groups, streams, filters, saved queries and policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Logs.html
"""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.kind import Kind
from cloudarium.services.cloudformation.kinds.logs.filters import MetricFilter, SubscriptionFilter
from cloudarium.services.cloudformation.kinds.logs.groups import LogGroup, LogStream
from cloudarium.services.cloudformation.kinds.logs.policies import AccountPolicy, ResourcePolicy
from cloudarium.services.cloudformation.kinds.logs.queries import QueryDefinition

_EVERY = (
    LogGroup,
    LogStream,
    MetricFilter,
    SubscriptionFilter,
    QueryDefinition,
    ResourcePolicy,
    AccountPolicy,
)

KINDS: dict[str, Kind] = {each.type: each() for each in _EVERY}
