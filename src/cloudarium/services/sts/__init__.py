"""Security Token Service: who is calling, and credentials that pass."""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service("sts", operations="cloudarium.services.sts.operations")
