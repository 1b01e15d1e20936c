"""``cloudarium up``: claim the port and the data folder, then become the host agent of a new cloud."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys

from cloudarium import __version__
from cloudarium.cli.failure import OK, Failure
from cloudarium.cli.waiting import until
from cloudarium.substrate.host import proctree, runtime
from cloudarium.substrate.host.agent import CLOUD_ENTRY, Agent
from cloudarium.substrate.host.listeners import open_listener
from cloudarium.substrate.host.runtime import Lock, Locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import socket
    from typing import Any

_DYING_SECONDS = 5.0
"""How long the remains of a killed cloud may take to vanish."""


def up(options: argparse.Namespace, entry: str = CLOUD_ENTRY, modes: list[str] | None = None) -> int:
    """Run a cloud, in the foreground or detached. ``entry`` and ``modes`` are for tests of the process tree."""
    if sys.platform != "linux":
        raise Failure("Cloudarium runs on Linux only, so far", "use a Linux machine, virtual machine or container")
    if getattr(options, "compute", None):
        os.environ["CLOUDARIUM_COMPUTE"] = options.compute  # the whole process tree inherits it
    claim = Claim(options.port, None if options.ephemeral else options.data or runtime.default_data_dir(options.port))
    try:
        if options.detach:
            from cloudarium.cli.detach import detach

            return detach(claim, options.json, entry, modes)
        return run(claim, entry, modes, Announcer(claim, options.json))
    finally:
        claim.release()


class Claim:
    """What a cloud needs for itself: the port (``gateway`` listens), a runtime folder, a data folder, all locked."""

    def __init__(self, port: int, data_dir: str | None) -> None:
        """Raises Failure, having released what was taken."""
        self.port = port
        self.data_dir = os.path.abspath(data_dir) if data_dir is not None else None
        self.owner = os.getpid()
        self._locks: list[Lock] = []
        try:
            self.runtime_dir = _runtime_dir(port)
            self._take(os.path.join(self.runtime_dir, "lock"), self._port_is_taken)
            self.gateway = self._listen()
            if self.data_dir is not None:
                os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
                self._take(os.path.join(self.data_dir, "lock"), self._data_is_taken)
        except Failure:
            self.release()
            raise
        except OSError as error:
            self.release()
            raise Failure(str(error), "choose another data folder: --data DIR, or --ephemeral for none") from None
        self._folder_fd = _keep_from_cleaners(self.runtime_dir)
        self.log = os.path.join(self.data_dir or self.runtime_dir, "cloudarium.log")

    def hold(self) -> None:
        """Say that this process, forked from the one that made the claim, holds it now."""
        self.owner = os.getpid()
        for lock in self._locks:
            lock.rewrite({"pid": self.owner, "port": self.port})

    def _take(self, path: str, taken: Any) -> None:
        failure: list[Failure] = []

        def attempt() -> bool:
            try:
                self._locks.append(Lock(path, {"pid": self.owner, "port": self.port}))
            except Locked as locked:
                failure[:] = [taken(locked.holder)]
                # A dead holder's processes are still on their way out: worth a moment. A living one stays.
                return proctree.read(int(locked.holder.get("pid", 0))) is not None
            failure.clear()
            return True

        until(attempt, _DYING_SECONDS)
        if failure:
            raise failure[0]

    def _port_is_taken(self, holder: dict[str, Any]) -> Failure:
        return Failure(
            f"a cloud is already running on port {self.port} (process {holder.get('pid', 'unknown')})",
            f"use it, stop it with: cloudarium down --port {self.port}, or start another: cloudarium up --port N",
        )

    def _data_is_taken(self, holder: dict[str, Any]) -> Failure:
        return Failure(
            f"the data folder {self.data_dir} is in use by the cloud on port {holder.get('port', 'unknown')}",
            "choose another folder: --data DIR, or --ephemeral for none",
        )

    def _listen(self) -> socket.socket:
        try:
            return open_listener("127.0.0.1", self.port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                holder = proctree.listener(self.port)
                who = f"{holder.name} (process {holder.pid})" if holder else "another program"
                raise Failure(
                    f"port {self.port} is taken by {who}", "stop it, or choose another port: cloudarium up --port N"
                ) from None
            if error.errno == errno.EACCES:
                raise Failure(
                    f"this user may not listen on port {self.port}",
                    "choose a port from 1024 up: cloudarium up --port N",
                ) from None
            raise

    def release(self) -> None:
        """Give everything back, unless another process has taken the claim over."""
        if self.owner != os.getpid():
            return
        if hasattr(self, "gateway"):
            self.gateway.close()
        if self._locks:  # else the state is that of the cloud which has the lock
            runtime.remove_state(self.runtime_dir)
        while self._locks:
            self._locks.pop().release()


def _runtime_dir(port: int) -> str:
    try:
        return runtime.make_runtime_dir(port)
    except OSError as error:
        raise Failure(str(error), "set XDG_RUNTIME_DIR to a private folder of this user") from None


def _keep_from_cleaners(folder: str) -> int:
    """Lock a folder itself: what removes old files from temporary folders leaves locked ones alone."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_SH)
    return fd


class Announcer:
    """Tells the person, and other commands by ``state.json``, how the cloud is doing."""

    def __init__(self, claim: Claim, as_json: bool, log: str | None = None) -> None:
        """``log`` is the file the cloud's output goes to; None when it goes to the terminal."""
        self._claim = claim
        self._as_json = as_json
        self._facts = {
            "url": f"http://127.0.0.1:{claim.port}",
            "port": claim.port,
            "version": __version__,
            "data_dir": claim.data_dir,
            "log": log,
        }
        self._announced = False

    def on_state(self, state: dict[str, Any]) -> None:
        """Write the state down; say so when the cloud is ready, and when it is back."""
        facts = self._facts | state
        try:
            runtime.write_state(self._claim.runtime_dir, facts)
        except OSError as error:  # a full disk is no reason to take the cloud down
            print(f"cloudarium: {error}; `cloudarium status` will know less", file=sys.stderr, flush=True)
        if state["phase"] == "running":
            if self._announced:
                print("cloudarium: the cloud is back", file=sys.stderr, flush=True)
            else:
                self._announced = True
                self.announce(facts)

    def announce(self, facts: dict[str, Any]) -> None:
        """Say that the cloud is ready."""
        print(json.dumps(facts) if self._as_json else describe(facts), flush=True)


def describe(facts: dict[str, Any]) -> str:
    """A few lines for people: where to look, and what is not to be had here."""
    port = "" if facts["port"] == 4566 else f" --port {facts['port']}"
    where = f"data in {facts['data_dir']}" if facts["data_dir"] else "ephemeral: everything is in memory"
    lines = [
        f"Cloudarium {facts['version']} is running at {facts['url']} ({where})",
        f'  eval "$(cloudarium env{port})"   then use aws, boto3 or Terraform; stop it with '
        + (f"cloudarium down{port}" if facts["log"] else "Ctrl-C"),
    ]
    if not facts["namespaces"]:
        lines.append(
            f"  no private networks: {facts['reason'] or 'namespaces are switched off'}.\n"
            "  What needs one is refused by name; attached programs still work as targets."
        )
    return "\n".join(lines)


def run(
    claim: Claim, entry: str, modes: list[str] | None, announcer: Announcer, agent_options: dict[str, Any] | None = None
) -> int:
    """Be the host agent until the cloud ends. Raises Failure with the reason when it failed."""
    boot = {
        "port": claim.port,
        "data_dir": claim.data_dir,
        "ephemeral": claim.data_dir is None,
        "runtime_dir": claim.runtime_dir,
        "version": __version__,
    }
    agent = Agent(boot, claim.gateway, announcer.on_state, entry=entry, modes=modes, **(agent_options or {}))
    if agent.run() != OK:
        raise Failure(agent.reason, "the lines above say more")
    return OK
