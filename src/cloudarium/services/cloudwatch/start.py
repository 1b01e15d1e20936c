"""What runs while CloudWatch is in use: the evaluation of alarms, and what they set off."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.cloudwatch.alarms.actions import Actions
from cloudarium.services.cloudwatch.alarms.changes import ACTIONS
from cloudarium.services.cloudwatch.alarms.composites import COMPOSITES, Composites
from cloudarium.services.cloudwatch.alarms.evaluations import Evaluations
from cloudarium.services.cloudwatch.anomaly import training


async def start(cloud: Cloud) -> None:
    """Register controllers and timers."""
    actions = Actions(cloud)
    cloud.controller(ACTIONS, actions.reconcile, actions.keys)
    composites = Composites(cloud)
    composites.watch()
    cloud.controller(COMPOSITES, composites.reconcile, composites.keys)
    training.start(cloud)
    evaluations = Evaluations(cloud)
    evaluations.start()
    cloud.on_close(evaluations.stop)
