"""One health check of one target from one node."""

from __future__ import annotations

import logging

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.elbv2.health import states
from cloudarium.services.elbv2.health.matcher import Matcher
from cloudarium.services.elbv2.health.settings import TRAFFIC_PORT
from cloudarium.services.elbv2.health.states import Health
from cloudarium.services.elbv2.resources import HealthCheck, Target
from cloudarium.substrate.http.probe import ProbeFailure, probe, render_probe
from cloudarium.substrate.net import policy
from cloudarium.substrate.net.errors import NetworkError, NotSupported, UnknownInterface

log = logging.getLogger(__name__)


async def check(cloud: Cloud, eni_id: str, target: Target, settings: HealthCheck) -> Health:
    """Probe a target; healthy, or unhealthy with the reason. The timeout is cloud time and covers everything."""
    port = target.port if settings.port == TRAFFIC_PORT else int(settings.port)
    request = render_probe(settings.path, f"{target.address}:{port}" if port != 80 else target.address)
    try:
        if policy.decide(cloud.fabric.world, eni_id, target.address, "tcp", port).outcome == "dropped":
            # Nothing would ever come back. Sleeping on the cloud's clock lets an advancing clock pass over it at once.
            await cloud.clock.sleep(settings.timeout)
            return states.TIMEOUT
        async with cloud.clock.timeout(settings.timeout):
            # Both have timers of their own on the host's clock, which end the check while the cloud's stands still.
            connected = await cloud.fabric.dial(eni_id, target.address, port, float(settings.timeout))
            result = await probe(connected, request, float(settings.timeout))
    except TimeoutError:
        return states.TIMEOUT
    except (NotSupported, NetworkError, UnknownInterface) as error:
        log.debug("health check of %s from %s: %s", target.key, eni_id, error)
        return states.INTERNAL_ERROR
    except OSError:
        return states.FAILED
    if result.failure is ProbeFailure.TIMEOUT:
        return states.TIMEOUT
    if result.failure is not None:
        return states.FAILED
    return states.HEALTHY if result.status in Matcher(settings.matcher) else states.mismatch(result.status)
