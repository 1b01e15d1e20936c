"""States of a target as DescribeTargetHealth names them, and how checks move a target between them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states
"""

from __future__ import annotations

from typing import NamedTuple


class Health(NamedTuple):
    """A state with its reason code and description (both empty when healthy)."""

    state: str
    reason: str = ""
    description: str = ""


HEALTHY = Health("healthy")
REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
INITIAL = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
GROUP_NOT_IN_USE = Health(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
ZONE_NOT_IN_USE = Health(
    "unused", "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer"
)
IP_UNUSABLE = Health(
    "unused", "Target.IpUnusable", "The IP address cannot be used as a target, as it is in use by a load balancer"
)
TIMEOUT = Health("unhealthy", "Target.Timeout", "Request timed out")
FAILED = Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
INTERNAL_ERROR = Health("unhealthy", "Elb.InternalError", "Health checks failed due to an internal error")


def mismatch(code: int) -> Health:
    """A response, but not a code that means healthy."""
    return Health("unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")


def invalid_state(instance_state: str) -> Health:
    """An instance that does not run."""
    return Health("unused", "Target.InvalidState", f"Target is in the {instance_state} state")


class Verdicts:
    """What the checks of one target so far amount to.

    A target that was never decided becomes healthy with its first success; a decided one changes after as many equal
    results in a row as the threshold says.
    """

    __slots__ = ("health", "run")

    def __init__(self) -> None:
        self.health = INITIAL
        self.run = 0
        """Results in a row that speak against the state the target is in."""

    def take(self, result: Health, healthy_threshold: int, unhealthy_threshold: int) -> bool:
        """Count a check's result (``HEALTHY`` or an unhealthy state); whether the health shown changed."""
        before = self.health
        if result is HEALTHY:
            self._succeeded(healthy_threshold)
        else:
            self._failed(result, unhealthy_threshold)
        return self.health != before

    def _succeeded(self, threshold: int) -> None:
        if self.health is HEALTHY:
            self.run = 0
            return
        self.run = max(self.run, 0) + 1
        if self.health.state == "initial" or self.run >= threshold:
            self.health, self.run = HEALTHY, 0

    def _failed(self, result: Health, threshold: int) -> None:
        if self.health.state == "unhealthy":
            self.health, self.run = result, 0
            return
        self.run = self.run + 1
        if self.run >= threshold:
            self.health, self.run = result, 0
