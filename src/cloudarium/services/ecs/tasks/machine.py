"""The life of a task as one table: from the record and from what is, the next step. No I/O here.

    PROVISIONING   the network interface is made (awsvpc)
    PENDING        images, secrets, containers in the order of their dependencies
    ACTIVATING     whoever registers the task elsewhere (a load balancer) may hold it here
    RUNNING        every container has started; ends when an essential one ends, or when it is to stop
    DEACTIVATING   whoever has registered the task may hold it here
    STOPPING       containers are stopped, those first on which no other depends
    DEPROVISIONING the network interface is deleted
    STOPPED

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from cloudarium.services.ecs.tasks import reasons
from cloudarium.services.ecs.tasks.dependencies import Standing, may_start, may_stop

Action = Literal[
    "wait", "enter", "end", "provision", "prepare", "start", "doom", "stop", "sweep", "deprovision", "forget"
]


class Seen(NamedTuple):
    """A container as it is. ``state``: ``none`` (not made), ``busy`` (being made, started or stopped), ``running``,
    ``again`` (ended, and its restart policy wants it back), ``ended``.
    """

    state: str = "none"
    standing: Standing = Standing()


class Facts(NamedTuple):
    """What the next step depends on."""

    last_status: str
    desired_status: str
    definitions: Sequence[Mapping[str, Any]]
    seen: Mapping[str, Seen]
    awsvpc: bool = True
    networked: bool = False
    """The network interface exists, with its namespace."""
    prepared: bool = False
    """Images and secrets are at hand."""
    held: bool = False
    """Somebody wants the task to stay in ACTIVATING or DEACTIVATING."""
    litter: bool = False
    """Something of the task is left on this machine: containers, files, a control group."""
    now: float = 0.0


class Step(NamedTuple):
    """What to do. ``names`` are containers; ``status`` is the one to enter; ``code`` and ``reason`` why it ends."""

    action: Action
    names: tuple[str, ...] = ()
    status: str = ""
    code: str = ""
    reason: str = ""
    look_again: float | None = None


WAIT = Step("wait")


def decide(facts: Facts) -> Step:
    """The next step of a task. ``wait`` when there is none until something changes (or ``look_again`` comes)."""
    if facts.last_status == "STOPPED":
        return Step("forget") if facts.litter else WAIT
    if facts.desired_status == "STOPPED":
        return _towards_stopped(facts)
    return _towards_running(facts)


def _towards_running(facts: Facts) -> Step:
    if (over := essential_ended(facts)) and facts.last_status != "PROVISIONING":
        return Step("end", (over,), code=reasons.ESSENTIAL_EXITED, reason=reasons.ESSENTIAL_CONTAINER)
    match facts.last_status:
        case "PROVISIONING":
            return Step("enter", status="PENDING") if facts.networked or not facts.awsvpc else Step("provision")
        case "PENDING":
            return _pending(facts)
        case "ACTIVATING":
            return WAIT if facts.held else Step("enter", status="RUNNING")
        case "RUNNING":
            again = tuple(name for name, seen in facts.seen.items() if seen.state == "again")
            if not again:
                return WAIT
            return Step("start", again) if facts.prepared else Step("prepare")
    return Step("end", code=reasons.FAILED_TO_START, reason=reasons.VANISHED)


def essential_ended(facts: Facts) -> str:
    """The name of an essential container that has ended, or empty."""
    for definition in facts.definitions:
        seen = facts.seen.get(definition["name"])
        if definition.get("essential", True) and seen is not None and seen.state == "ended":
            return str(definition["name"])
    return ""


def _pending(facts: Facts) -> Step:
    if facts.awsvpc and not facts.networked:
        # The interface's namespace went with the machine's last run and is being made again.
        return Step("provision")
    waiting = [each for each in facts.definitions if _state(facts, each) in ("none", "again")]
    if not waiting:
        busy = any(seen.state == "busy" for seen in facts.seen.values())
        return WAIT if busy else Step("enter", status="ACTIVATING")
    if not facts.prepared:
        return Step("prepare")
    standings = {name: seen.standing for name, seen in facts.seen.items()}
    timeouts = {each["name"]: float(each.get("startTimeout") or 0) for each in facts.definitions}
    ready = []
    look_again: float | None = None
    for definition in waiting:
        verdict = may_start(definition, standings, timeouts, facts.now)
        if verdict.failure:
            return Step("doom", (definition["name"],), reason=verdict.failure)
        if verdict.go:
            ready.append(str(definition["name"]))
        elif verdict.look_again is not None:
            look_again = verdict.look_again if look_again is None else min(look_again, verdict.look_again)
    return Step("start", tuple(ready)) if ready else Step("wait", look_again=look_again)


def _state(facts: Facts, definition: Mapping[str, Any]) -> str:
    return facts.seen.get(definition["name"], Seen()).state


def _towards_stopped(facts: Facts) -> Step:
    alive = {name for name, seen in facts.seen.items() if seen.state in ("running", "busy")}
    after = "DEPROVISIONING" if facts.awsvpc else "STOPPED"
    match facts.last_status:
        case "RUNNING" | "ACTIVATING":
            return Step("enter", status="DEACTIVATING")
        case "DEACTIVATING":
            return WAIT if facts.held else Step("enter", status="STOPPING")
        case "PROVISIONING" | "PENDING":
            return Step("enter", status="STOPPING" if alive or facts.litter else after)
        case "STOPPING":
            running = [name for name in alive if facts.seen[name].state == "running"]
            names = tuple(name for name in running if may_stop(name, facts.definitions, alive))
            if names:
                return Step("stop", names)
            if alive:
                return WAIT
            return Step("sweep") if facts.litter else Step("enter", status=after)
    return Step("deprovision")
