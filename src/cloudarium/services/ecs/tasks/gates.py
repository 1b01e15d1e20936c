"""Who may hold a task in ACTIVATING or DEACTIVATING: whoever has to register it elsewhere, or take it back from there.

A gate is asked again whenever the task is reconciled, so it must be answerable from records alone; whoever's answer
changes enqueues the task (``cloud.enqueue("ecs.tasks", (scope, task id))``).
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.resources import Task

Gate = Callable[[Scope, Task], bool]
"""Whether the task, which is ACTIVATING or DEACTIVATING, must stay so."""

_gates: WeakKeyDictionary[Cloud, list[Gate]] = WeakKeyDictionary()


def add_gate(cloud: Cloud, gate: Gate) -> None:
    """Ask ``gate`` too, until the cloud's services are stopped."""
    known = _gates.setdefault(cloud, [])
    known.append(gate)
    if len(known) == 1:
        cloud.on_close(lambda: _forget(cloud))


def held(cloud: Cloud, scope: Scope, task: Task) -> bool:
    """Whether anybody holds the task where it is."""
    if task.last_status not in ("ACTIVATING", "DEACTIVATING"):
        return False
    return any(gate(scope, task) for gate in _gates.get(cloud, ()))


async def _forget(cloud: Cloud) -> None:
    _gates.pop(cloud, None)
