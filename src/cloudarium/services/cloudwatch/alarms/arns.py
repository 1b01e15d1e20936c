"""What an alarm's action may be: the forms of ARNs that AWS lists; pure.

That an action's service is not here is no fault of its ARN: it is tried, and the failure is in the history.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cloudarium.kernel.identity import PARTITION

_EC2 = "(Stop|Terminate|Reboot|Recover)"
_RESOURCES: Mapping[str, re.Pattern[str]] = {
    "sns": re.compile(r"[A-Za-z0-9_-]{1,256}(\.fifo)?"),
    "lambda": re.compile(r"function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?"),
    "ssm": re.compile(r"opsitem:[1-4](#CATEGORY=[A-Za-z]+)?"),
    "ssm-incidents": re.compile(r"response-plan/.+"),
    "aiops": re.compile(r"investigation-group[:/].+"),
    "autoscaling": re.compile(r"scalingPolicy:.+"),
    "automate": re.compile(_EC2, re.IGNORECASE),
    "swf": re.compile(rf"action/actions/AWS_EC2\.InstanceId\.{_EC2}/1\.0"),
}
_NOT_OF_COMPOSITES = frozenset({"autoscaling", "automate", "swf"})
"""A composite alarm scales nothing and touches no instance."""


def mistake(action: str, region: str, *, composite: bool) -> str:
    """What is wrong with an action, "" when nothing is."""
    parts = action.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return f"Invalid arn syntax: {action}"
    _, partition, service, where, _, resource = parts
    if partition != PARTITION:
        return f"Invalid partition {partition} specified. Only {PARTITION} is supported."
    form = _RESOURCES.get(service)
    if form is None or form.fullmatch(resource) is None:
        return f"Unsupported action: {action}"
    if composite and service in _NOT_OF_COMPOSITES:
        return f"Action {action} is not supported for composite alarms."
    if where != region and not (service == "ssm-incidents" and not where):
        return f"Invalid region {where} specified. Only {region} is supported."
    return ""
