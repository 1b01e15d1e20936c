"""What runs while CloudFormation is in use: the controllers that work off stacks and their resources."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.cloudformation.engine.actions import ACTIONS, STACKS, Actions
from cloudarium.services.cloudformation.engine.stacks import Stacks


async def start(cloud: Cloud) -> None:
    """Register the controllers."""
    stacks, actions = Stacks(cloud), Actions(cloud)
    cloud.controller(ACTIONS, actions.reconcile, actions.keys, workers=16)
    cloud.controller(STACKS, stacks.reconcile, stacks.keys, workers=16)
