"""Runs the health checks of containers, on the cloud's clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs.tasks.health import Health, HealthCheck, after_check
from cloudarium.services.ecs.tasks.live import LiveContainer
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ExecSpec

log = logging.getLogger(__name__)


def follow(
    cloud: Cloud,
    container: LiveContainer,
    check: HealthCheck,
    started: float,
    changed: Callable[[Health], None],
) -> None:
    """Check a container until it ends; ``changed`` is told whenever its status is another one."""

    async def loop() -> None:
        while container.state == "running":
            await cloud.clock.sleep(check.interval)
            if container.state != "running":
                return
            passed = await run_once(cloud, container.runtime_id, check)
            before = container.health.status
            container.health = after_check(check, container.health, passed=passed, age=cloud.clock.now() - started)
            if container.health.status != before:
                changed(container.health)

    container.followers.append(cloud.clock.spawn(loop(), f"ecs health {container.runtime_id}"))


async def run_once(cloud: Cloud, runtime_id: str, check: HealthCheck) -> bool:
    """One check: whether the command ended with 0 in time."""
    try:
        session = await cloud.compute.exec(runtime_id, ExecSpec(argv=list(check.argv)))
    except ComputeError as error:
        log.debug("health check of %s: %s", runtime_id, error)
        return False
    try:
        async with cloud.clock.timeout(check.timeout):
            reader = asyncio.ensure_future(_drain(session))
            try:
                return bool(await session.wait() == 0)
            finally:
                reader.cancel()
    except TimeoutError:
        return False
    finally:
        await session.close()


async def _drain(session: object) -> None:
    while True:
        _, data = await session.read()  # type: ignore[attr-defined]
        if not data:
            return
