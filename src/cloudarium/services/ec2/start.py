"""What runs while EC2 is in use."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ec2 import waking
from cloudarium.services.ec2.attachments import Attachments
from cloudarium.services.ec2.controllers import NETWORK, Networks
from cloudarium.services.ec2.dns import Names
from cloudarium.services.ec2.lifecycle import LIFECYCLE, Lifecycle


async def start(cloud: Cloud) -> None:
    """Register the controllers, the names and ``attach``/``detach``."""
    networks = Networks(cloud)
    lifecycle = Lifecycle(cloud, networks)
    lifecycle.watch()
    waking.watch(cloud.store, lambda key: cloud.enqueue(NETWORK, key))
    cloud.controller(NETWORK, networks.reconcile, networks.keys)
    cloud.controller(LIFECYCLE, lifecycle.reconcile, lifecycle.keys)
    cloud.name_servers.append(Names(cloud.store))
    attachments = Attachments(cloud, networks)
    cloud.extensions["attach"] = attachments.attach
    cloud.extensions["detach"] = attachments.detach
    cloud.on_close(networks.forget)
