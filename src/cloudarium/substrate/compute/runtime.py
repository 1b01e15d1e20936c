"""What any runtime can be asked. Callers know this file and ``spec``; drivers differ in what they can do, and say so.

    compute = cloud.compute
    await compute.create(ContainerSpec(id=…, lowers=…, argv=["nginx"]))
    await compute.start(id)
    exit = await compute.wait(id)
    await compute.delete(id)

Ids are the caller's. Each operation may be repeated: ``create`` of an id that exists is a conflict, ``delete`` of one
that does not is nothing. Containers outlive the cloud process; after a start ``recovered()`` tells of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, Protocol

import msgspec

from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec, Exit, LogRecord, Resources, Stats

State = Literal["created", "running", "exited", "unknown"]
Watcher = Callable[[str, Exit], object]


class RuntimeCapabilities(msgspec.Struct, kw_only=True, frozen=True):
    """What this machine lets the driver do.

    Attributes:
        driver: ``runc``, ``docker`` or ``none``.
        available: whether containers can be made at all; ``reason`` says why not.
        limits: which of ``cpu``, ``memory``, ``pids``, ``blkio`` are enforced.
        users: whether other users than root can run (a user namespace with one id has no others).
        networks: whether containers can join network namespaces of the fabric.
        survives: whether containers outlive the cloud process.
        reasons: what is missing, for people, by what is missing.
    """

    driver: str
    available: bool
    reason: str = ""
    limits: frozenset[str] = frozenset()
    users: bool = True
    networks: bool = True
    survives: bool = True
    reasons: dict[str, str] = {}


class Recovered(msgspec.Struct, kw_only=True):
    """A container that an earlier cloud process made.

    ``exit`` is there when it ended meanwhile. ``network`` is a descriptor of its network namespace, which belongs to
    whoever takes it out (``take_network``).
    """

    id: str
    state: State
    labels: dict[str, str] = {}
    network_key: str = ""
    network: int | None = None
    exit: Exit | None = None

    def take_network(self) -> int | None:
        """The descriptor, once; the caller closes it."""
        fd, self.network = self.network, None
        return fd


class ExecSession(Protocol):
    """A process of ``Runtime.exec``."""

    pid: int

    async def read(self) -> tuple[str, bytes]:
        """Some output: ``("stdout" | "stderr", data)``; ``("", b"")`` at the end. A terminal has ``stdout`` only."""

    async def write(self, data: bytes) -> None:
        """Give input; waits while the process does not read. BrokenPipeError when it does not read any more."""

    def close_stdin(self) -> None:
        """End its input; on a terminal send end-of-file (Ctrl-D)."""

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size; nothing without one."""

    async def signal(self, number: int) -> None:
        """Send a signal to the process."""

    async def wait(self) -> int:
        """Its exit code, 128 + signal when killed."""

    async def close(self) -> None:
        """Forget it: kills the process when it still runs."""


class LogStream(Protocol):
    """A container's output from the first record not acknowledged; ends when the container's output has ended."""

    @property
    def dropped(self) -> int:
        """Bytes of output lost in mode ``non-blocking`` since the container began."""

    def __aiter__(self) -> AsyncIterator[list[LogRecord]]:
        """Batches of records, each at most some MiB."""

    def ack(self) -> None:
        """Everything yielded so far was delivered: it is deleted, and not yielded again after a restart."""

    def close(self) -> None:
        """Stop; an iteration under way ends."""


class Runtime(Protocol):
    """Containers. Every operation raises ``ComputeError``."""

    @property
    def capabilities(self) -> RuntimeCapabilities:
        """What can be done here; found out on first use."""

    async def recover(self) -> list[Recovered]:
        """Once after a start: take over what an earlier cloud process left. Costs nothing when that is nothing."""

    def recovered(self) -> list[Recovered]:
        """What ``recover`` found, for whoever made those containers to claim; unclaimed ones are to be deleted."""

    async def group(self, name: str, resources: Resources) -> None:
        """Make (or change the limits of) a group of containers, as of a task. Not enforced where capabilities say."""

    async def ungroup(self, name: str) -> None:
        """Remove a group; its containers must be deleted."""

    async def create(self, spec: ContainerSpec) -> None:
        """Prepare a container up to the moment before its program runs."""

    async def start(self, id: str) -> None:
        """Run its program. A program that cannot be executed is ``failed``, in the runtime's words."""

    async def signal(self, id: str, signal: int) -> None:
        """Send a signal to its first process."""

    async def stop(self, id: str, timeout: float) -> None:
        """Its stop signal, then SIGKILL after ``timeout`` cloud seconds; returns when it has ended."""

    async def wait(self, id: str) -> Exit:
        """How it ended, as soon as it has."""

    async def delete(self, id: str) -> None:
        """End it at once if it runs, and remove all there is of it, logs included. Nothing when there is none."""

    async def exec(self, id: str, spec: ExecSpec) -> ExecSession:
        """Run a further process in it."""

    async def stats(self, id: str) -> Stats:
        """Counters now."""

    def logs(self, id: str) -> LogStream:
        """Its output; one reader at a time."""

    def state(self, id: str) -> State:
        """``unknown``: there is no such container."""

    def watch(self, callback: Watcher) -> None:
        """Call ``callback(id, exit)`` whenever a container ends."""

    async def reset(self) -> None:
        """Delete every container and group."""

    async def close(self) -> None:
        """The cloud stops in order: end every container (their programs are asked first), keep their exits."""
