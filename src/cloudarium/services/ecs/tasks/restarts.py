"""Restart policies: whether a container that has ended is started again within its task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_PERIOD = 300.0
"""Seconds that a container must have run before it is restarted."""


def restarts(definition: Mapping[str, Any], exit_code: int, ran: float) -> bool:
    """Whether a container that ran ``ran`` seconds and ended with ``exit_code`` is started again."""
    policy = definition.get("restartPolicy") or {}
    if not policy.get("enabled") or exit_code in (policy.get("ignoredExitCodes") or ()):
        return False
    return ran >= float(policy.get("restartAttemptPeriod") or DEFAULT_PERIOD)
