"""Limits of an account and of the resources in it: AWS's defaults, as DescribeAccountLimits names them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
"""

from __future__ import annotations

LOAD_BALANCERS = 50
TARGET_GROUPS = 3000
LISTENERS_PER_LOAD_BALANCER = 50
RULES_PER_LOAD_BALANCER = 100
TARGETS_PER_LOAD_BALANCER = 1000
TARGETS_PER_TARGET_GROUP = 1000
TARGET_GROUPS_PER_ACTION = 5
TARGET_GROUPS_PER_LOAD_BALANCER = 100
CONDITION_VALUES_PER_RULE = 5
WILDCARDS_PER_RULE = 6
REGISTRATIONS_PER_TARGET_ID = 100
"""How often one target (any port) can be registered with one load balancer."""
SECURITY_GROUPS_PER_LOAD_BALANCER = 5
TAGS_PER_RESOURCE = 50

ACCOUNT_LIMITS = (
    ("target-groups", TARGET_GROUPS),
    ("application-load-balancers", LOAD_BALANCERS),
    ("targets-per-target-group", TARGETS_PER_TARGET_GROUP),
    ("targets-per-application-load-balancer", TARGETS_PER_LOAD_BALANCER),
    ("listeners-per-application-load-balancer", LISTENERS_PER_LOAD_BALANCER),
    ("rules-per-application-load-balancer", RULES_PER_LOAD_BALANCER),
    ("network-load-balancers", 50),
    ("targets-per-network-load-balancer", 3000),
    ("targets-per-availability-zone-per-network-load-balancer", 500),
    ("listeners-per-network-load-balancer", 50),
    ("condition-values-per-alb-rule", CONDITION_VALUES_PER_RULE),
    ("condition-wildcards-per-alb-rule", WILDCARDS_PER_RULE),
    ("target-groups-per-action-on-application-load-balancer", TARGET_GROUPS_PER_ACTION),
    ("target-groups-per-action-on-network-load-balancer", 1),
    ("certificates-per-application-load-balancer", 25),
    ("certificates-per-network-load-balancer", 25),
    ("target-groups-per-application-load-balancer", TARGET_GROUPS_PER_LOAD_BALANCER),
    ("target-id-registrations-per-application-load-balancer", REGISTRATIONS_PER_TARGET_ID),
    ("gateway-load-balancers", 100),
    ("gateway-load-balancers-per-vpc", 100),
    ("geneve-target-groups", 100),
    ("targets-per-availability-zone-per-gateway-load-balancer", 300),
)
