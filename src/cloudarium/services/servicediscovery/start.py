"""What runs while Cloud Map is in use: its names, and the hosted zones of its namespaces."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.servicediscovery.changes import CHANGES, Changes
from cloudarium.services.servicediscovery.dns import MapNames


async def start(cloud: Cloud) -> None:
    """Register the name server and the controller."""
    cloud.name_servers.append(MapNames(cloud.store))
    changes = Changes(cloud)
    cloud.controller(CHANGES, changes.reconcile, changes.keys)
