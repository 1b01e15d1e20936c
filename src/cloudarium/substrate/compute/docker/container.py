"""A container as the cloud process knows it: its name in the engine, its end to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cloudarium.substrate.compute.docker.labels import Facts
from cloudarium.substrate.compute.runtime import State
from cloudarium.substrate.compute.spec import Exit


class Container:
    """One container; ``on_exit(container, exit)`` is called once, unless it is deleted before it ended."""

    def __init__(self, facts: Facts, engine_id: str, on_exit: Callable[[Container, Exit], object]) -> None:
        self.facts = facts
        self.id = facts.id
        self.engine_id = engine_id
        self.state: State = "created"
        self.begun = asyncio.Event()
        """Its output can be asked for: it runs, or never will."""
        self.exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.follower: asyncio.Task[None] | None = None
        self._on_exit = on_exit

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/containers/{self.engine_id}"

    def started(self) -> None:
        """Its program runs."""
        if self.state == "created":
            self.state = "running"
        self.begun.set()

    def ended(self, end: Exit) -> None:
        """It is over; told once."""
        self.state = "exited"
        self.begun.set()
        if not self.exit.done():
            self.exit.set_result(end)
            self._on_exit(self, end)

    def gone(self, end: Exit) -> None:
        """It is deleted: those who wait hear of it, watchers do not if it never ran."""
        if self.follower is not None:
            self.follower.cancel()
            self.follower = None
        if self.state == "created" and not self.exit.done():
            self.exit.set_result(end)
        self.ended(end)
