"""Application Load Balancers, their listeners and rules, and target groups."""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.elbv2.listeners import Listener
from cloudarium.services.cloudformation.kinds.elbv2.load_balancers import LoadBalancer
from cloudarium.services.cloudformation.kinds.elbv2.rules import ListenerRule
from cloudarium.services.cloudformation.kinds.elbv2.target_groups import TargetGroup
from cloudarium.services.cloudformation.kinds.kind import Kind

KINDS: dict[str, Kind] = {kind.type: kind for kind in (Listener(), ListenerRule(), LoadBalancer(), TargetGroup())}
