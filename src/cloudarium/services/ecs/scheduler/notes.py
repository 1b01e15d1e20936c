"""The scheduler's notes in a service's record (``ServiceRecord.scheduler``): small, and plain enough to be stored.

begun      the id of the PRIMARY whose beginning was announced
steady     when the steady state was last announced, absent while there is none
launches   per deployment: failures in a row, and when the last one was
unplaced   when a placement failure was last counted
alarmed    the alarms that were in ALARM when the PRIMARY began
undoing    the service deployment that a rollback undoes
balancing  whether rebalancing was announced and is under way
said       complaints and when they were made
"""

from __future__ import annotations

from typing import Any

from cloudarium.services.ecs.resources import ServiceRecord
from cloudarium.services.ecs.scheduler.throttle import pause


def get(service: ServiceRecord, name: str) -> Any:
    """A note, or None."""
    return service.scheduler.get(name)


def put(service: ServiceRecord, name: str, value: Any) -> ServiceRecord:
    """The service with a note changed; None removes it."""
    if service.scheduler.get(name) == value:
        return service
    notes = {key: old for key, old in service.scheduler.items() if key != name}
    return service.replace(scheduler=notes if value is None else notes | {name: value})


def failures(service: ServiceRecord, workload: str) -> int:
    """How many launches in a row failed."""
    return int((get(service, "launches") or {}).get(workload, (0, 0.0))[0])


def launch_failed(service: ServiceRecord, workload: str, now: float) -> ServiceRecord:
    """One more launch failed."""
    launches = dict(get(service, "launches") or {})
    launches[workload] = [failures(service, workload) + 1, now]
    return put(service, "launches", launches)


def launch_worked(service: ServiceRecord, workload: str) -> ServiceRecord:
    """A task came to serve: the series is over."""
    launches = {k: v for k, v in (get(service, "launches") or {}).items() if k != workload}
    return put(service, "launches", launches or None)


def held_back(service: ServiceRecord, workload: str, now: float) -> float:
    """For how many seconds nothing may be launched."""
    count, at = (get(service, "launches") or {}).get(workload, (0, 0.0))
    return max(0.0, float(at) + pause(int(count)) - now)


def only(service: ServiceRecord, workloads: set[str]) -> ServiceRecord:
    """Without notes about workloads that are gone."""
    launches = {k: v for k, v in (get(service, "launches") or {}).items() if k in workloads}
    return put(service, "launches", launches or None)
