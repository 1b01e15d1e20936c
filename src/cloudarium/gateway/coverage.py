"""The ledger: for each operation, whether something real answers, what is missing, or that it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudarium.gateway.wire import models
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.service import Service


def coverage(cloud: Cloud, service: str | None, rest_operations: Callable[[str], dict[str, bool]]) -> dict[str, Any]:
    """Per service who owns it and what each operation does; all services of ours when ``service`` is None.

    Nothing for a service that AWS does not have.
    """
    if service is None:
        return {"services": {name: _ours(owned) for name, owned in sorted(cloud.services.items())}}
    if service not in models.service_names():
        return {"services": {}}
    owned = cloud.services.get(service)
    return {"services": {service: _ours(owned) if owned is not None else _theirs(service, rest_operations)}}


def _ours(service: Service) -> dict[str, Any]:
    operations = {}
    for name in sorted(models.load(service.name).operations):
        info = service.find(name)
        operations[name] = "refused" if info is None else f"partial: {info.partial}" if info.partial else "real"
    return {"owner": "cloudarium", "operations": operations}


def _theirs(service: str, rest_operations: Callable[[str], dict[str, bool]]) -> dict[str, Any]:
    answered = rest_operations(service)
    owner = "moto" if any(answered.values()) else "nobody"
    return {"owner": owner, "operations": {name: "moto" if answered[name] else "refused" for name in sorted(answered)}}
