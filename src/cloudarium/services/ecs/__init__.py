"""Elastic Container Service: clusters, task definitions, tasks and services that run real containers.

The API writes records (``operations``); ``tasks`` makes each task run; ``scheduler`` keeps services at their count;
``agent`` is what containers ask about themselves. ``launch`` makes and stops task records for all of them.
"""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "ecs",
    operations="cloudarium.services.ecs.operations",
    start="cloudarium.services.ecs.start:start",
)
