"""CloudTrail, the reading side: every call that the gateway answered."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service("cloudtrail", operations="cloudarium.services.cloudtrail.operations")
