"""Targets that are instances: out of use while their instance does not run."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.events import Event
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.resources import Target

_OUT = {"stopping": "stopped", "stopped": "stopped", "shutting-down": "terminated", "terminated": "terminated"}


def watch_instances(cloud: Cloud, board: Board) -> None:
    """Follow EC2's state-change events.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
    """

    def changed(event: Event) -> None:
        scope = Scope(event.account, event.region)
        state = _OUT.get(str(event.detail.get("state")))
        for target in cloud.store.table(Target).find(scope, "id", str(event.detail.get("instance-id"))):
            board.set_instance_state(scope, target, state)

    cloud.events.listen("aws.ec2", "EC2 Instance State-change Notification", changed)
