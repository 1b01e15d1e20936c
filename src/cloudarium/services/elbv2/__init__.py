"""Elastic Load Balancing v2: Application Load Balancers that carry real traffic."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "elbv2",
    operations="cloudarium.services.elbv2.operations",
    start="cloudarium.services.elbv2.start:start",
    event_source="elasticloadbalancing.amazonaws.com",
)
