"""Starting such a tree, as this user or as an ordinary one, and looking for what is left of it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.cloud import free_port, until

ROOT = Path(__file__).parent.parent.parent.parent
NOBODY = 65_534
_MARK = "CLOUDARIUM_TREE_MARK"


def python_for_everyone() -> str | None:
    """A Python, recent enough, that any user may run."""
    for candidate in (sys.executable, *(f"/usr/bin/python3.{minor}" for minor in (13, 12, 11))):
        path = os.path.realpath(candidate)
        if os.path.exists(path) and all(os.stat(step).st_mode & 0o001 for step in (path, *Path(path).parents)):
            return candidate
    return None


class Tree:
    """One tree with ``fake_cloud`` inside, on a port of its own."""

    def __init__(self, entry: str = "main", modes: str = "-", ordinary: bool = False) -> None:
        self.port = free_port()
        self._mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="cloudarium-tree-"))
        for name in ("run", "data", "home"):
            (self.folder / name).mkdir(mode=0o700)
        self._python: str | None = sys.executable
        self._as: dict[str, Any] = {}
        sources = ROOT
        if ordinary:
            self._python = python_for_everyone()
            self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            # The checkout may be in a private folder.
            sources = self.folder / "sources"
            for part in ("src/cloudarium", "tests/support"):
                shutil.copytree(ROOT / part, sources / part, ignore=shutil.ignore_patterns("__pycache__"))
            os.chmod(self.folder, 0o755)
            for name in ("run", "data", "home"):
                os.chown(self.folder / name, NOBODY, NOBODY)
        self._head = [str(self._python), str(sources / "tests/support/tree/launch.py")]
        self._entry = [f"tests.support.tree.fake_cloud:{entry}", modes]
        packages = [path for path in sys.path if path.endswith("site-packages")]
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "PYTHONPATH": os.pathsep.join([str(sources / "src"), str(sources), *packages]),
            _MARK: self._mark,
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``cloudarium ARGUMENTS`` for this tree, whatever its exit status."""
        return subprocess.run(
            [*self._head, *self._entry, "--port", str(self.port), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            cwd="/",
            **self._as,
        )

    def foreground(self, *arguments: str) -> subprocess.Popen[str]:
        """``cloudarium up`` in the foreground, its output in pipes."""
        return subprocess.Popen(
            [*self._head, *self._entry, "--port", str(self.port), "up", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            **self._as,
        )

    def up(self, *arguments: str) -> dict[str, Any]:
        """Start it detached; what ``--json`` printed."""
        done = self.command("up", "--detach", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        assert isinstance(facts, dict)
        return facts

    def get(self, path: str = "/_cloudarium/health") -> Any:
        """An answer of the fake cloud. Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def pids(self) -> dict[str, int]:
        """The host's process ids by name, as ``cloudarium status`` says them."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        return {process["name"]: process["pid"] for process in json.loads(done.stdout)["processes"]}

    def alive(self) -> list[int]:
        """Every living process of the tree, found by its environment."""
        return list(self._marked())

    def _marked(self) -> Iterable[int]:
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"{_MARK}={self._mark}".encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)
            except OSError:
                continue

    def assert_gone(self) -> None:
        """No process is left and the port is free."""
        until(lambda: not self.alive(), f"the processes {self.alive()} end", 5)
        # A dying process loses its environment, by which it is found, a moment before its sockets.
        until(self._port_is_free, f"port {self.port} is free", 5)

    def _port_is_free(self) -> bool:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def remove(self) -> None:
        """Kill what a failed test left, and remove the folders."""
        for pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)
