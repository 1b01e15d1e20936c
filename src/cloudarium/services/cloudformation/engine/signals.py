"""Signals that a resource with a CreationPolicy waits for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
"""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.kind import Failed
from cloudarium.services.cloudformation.resources import StackResource


def seconds_to_wait(resource: StackResource, now: float) -> float | None:
    """For how many seconds at most signals are still to be waited for; None when enough have come.

    Raises ``Failed`` when they will not come any more.
    """
    target = resource.target
    if target is None or not target.signals_wanted:
        return None
    failures = sum(not success for success in resource.signals.values())
    successes, wanted = len(resource.signals) - failures, target.signals_wanted
    if failures:
        raise Failed(
            f"Received {failures} FAILURE signal(s) out of {wanted}. Unable to satisfy 100% "
            "MinSuccessfulInstancesPercent requirement"
        )
    if successes >= wanted:
        return None
    left = resource.since + target.signals_within - now
    if left <= 0:
        raise Failed(f"Failed to receive {wanted - successes} resource signal(s) within the specified duration")
    return left
