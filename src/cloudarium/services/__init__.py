"""AWS services, one folder each. The registry below is all the rest of the cloud knows of them."""

from __future__ import annotations

from cloudarium.kernel.service import Service


def owned() -> list[Service]:
    """Every service the project owns; the others are answered by the mock library."""
    from cloudarium.services import (
        cloudformation,
        cloudtrail,
        cloudwatch,
        ec2,
        ecr,
        ecr_public,
        ecs,
        elbv2,
        logs,
        servicediscovery,
        sts,
    )

    modules = (cloudformation, cloudtrail, cloudwatch, ec2, ecr, ecr_public, ecs, elbv2, logs, servicediscovery, sts)
    return [module.SERVICE for module in modules]
