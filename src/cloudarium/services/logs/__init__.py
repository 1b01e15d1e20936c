"""CloudWatch Logs: groups, streams and events on disk, filters that act on what comes in."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "logs",
    operations="cloudarium.services.logs.operations",
    start="cloudarium.services.logs.start:start",
    invalid_input="InvalidParameterException",
)
