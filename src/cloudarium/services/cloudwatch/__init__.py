"""CloudWatch: metrics that anybody records, and alarms that watch them."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "cloudwatch",
    operations="cloudarium.services.cloudwatch.operations",
    start="cloudarium.services.cloudwatch.start:start",
    event_source="monitoring.amazonaws.com",
)
