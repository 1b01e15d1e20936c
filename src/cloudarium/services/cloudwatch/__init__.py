"""CloudWatch, the reading side: what the cloud's own data planes publish."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "cloudwatch", operations="cloudarium.services.cloudwatch.operations", event_source="monitoring.amazonaws.com"
)
