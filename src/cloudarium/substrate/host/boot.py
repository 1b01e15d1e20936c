"""What the cloud is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Boot:
    """The arguments of ``cloudarium.cloud:main``.

    Attributes:
        port: the one port, for telling people; the socket is ``gateway_fd``.
        data_dir: where state is kept, already locked for this tree; None with ``ephemeral``.
        ephemeral: keep everything in memory.
        channel_fd: SOCK_SEQPACKET socket to the host agent, for ``HostClient``.
        gateway_fd: listening TCP socket of the one port. Stays open in the agent when the cloud dies.
        namespaces: whether the cloud has a network (mount, pid) namespace of its own.
        reason: why there are no namespaces; empty when there are.
        private_proc: whether /proc shows the cloud's own pid namespace; when False it shows the host's ids.
        runtime_dir: a private (0700) folder for sockets and files that may vanish with the tree.
        version: of the package.
        restarts: how many times this tree started a cloud before this one.
        init_fd: SOCK_SEQPACKET socket to init, which forks keepers (see there); -1 where there can be none.
    """

    port: int
    data_dir: str | None
    ephemeral: bool
    channel_fd: int
    gateway_fd: int
    namespaces: bool
    reason: str
    private_proc: bool
    runtime_dir: str
    version: str
    restarts: int = 0
    init_fd: int = -1
