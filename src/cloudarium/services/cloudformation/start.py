"""What runs while CloudFormation is in use: controllers of stacks, resources and notices, and where signals arrive."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.cloudformation.engine.actions import Actions
from cloudarium.services.cloudformation.engine.notices import Notices
from cloudarium.services.cloudformation.engine.stacks import Stacks
from cloudarium.services.cloudformation.engine.waking import ACTIONS, NOTICES, STACKS
from cloudarium.services.cloudformation.wait_conditions import PATH, SignalDoor


async def start(cloud: Cloud) -> None:
    """Register them."""
    stacks, actions = Stacks(cloud), Actions(cloud)
    notices = Notices(cloud)
    cloud.doors[PATH] = SignalDoor(cloud).answer
    cloud.controller(NOTICES, notices.reconcile, notices.keys)
    cloud.controller(ACTIONS, actions.reconcile, actions.keys, workers=16)
    cloud.controller(STACKS, stacks.reconcile, stacks.keys, workers=16)
