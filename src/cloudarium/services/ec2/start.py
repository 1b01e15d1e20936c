"""What runs while EC2 is in use."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2 import waking
from cloudarium.services.ec2.attachments import Attachments
from cloudarium.services.ec2.controllers import NETWORK, Networks
from cloudarium.services.ec2.dns import Names
from cloudarium.services.ec2.endpoint_doors import DOORS, EndpointDoors
from cloudarium.services.ec2.lifecycle import LIFECYCLE, Lifecycle
from cloudarium.services.ec2.resources import VpcEndpoint
from cloudarium.services.ec2.service_names import ServiceNames
from cloudarium.services.ec2.whereabouts import Whereabouts


async def start(cloud: Cloud) -> None:
    """Register the controllers, the names and ``attach``/``detach``."""
    networks = Networks(cloud)
    lifecycle = Lifecycle(cloud, networks)
    lifecycle.watch()
    waking.watch(cloud.store, lambda key: cloud.enqueue(NETWORK, key))
    cloud.controller(NETWORK, networks.reconcile, networks.keys)
    cloud.controller(LIFECYCLE, lifecycle.reconcile, lifecycle.keys)
    doors = EndpointDoors(cloud, networks)
    cloud.controller(DOORS, doors.reconcile, doors.keys)
    cloud.on_close(doors.close)
    cloud.store.table(VpcEndpoint).watch(lambda scope, _, old, new: _wake_doors(cloud, scope, new or old))
    vpcs = Whereabouts(cloud.store)
    cloud.name_servers += [Names(cloud.store, vpcs), ServiceNames(cloud.store, vpcs)]
    attachments = Attachments(cloud, networks)
    cloud.extensions["attach"] = attachments.attach
    cloud.extensions["detach"] = attachments.detach
    cloud.on_close(networks.forget)


def _wake_doors(cloud: Cloud, scope: Scope, endpoint: VpcEndpoint | None) -> None:
    if endpoint is not None:
        cloud.enqueue(DOORS, (scope, endpoint.vpc_id))
