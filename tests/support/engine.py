"""A container engine of a test's own: Podman's service, which speaks Docker's API, with all it keeps in one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cloud import until

_CONFIGURATION = """
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


class EngineProcess:
    """``podman system service``; ``url`` is its DOCKER_HOST."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "engine.sock")
        self.url = f"unix://{self.path}"
        (folder / "containers.conf").write_text(_CONFIGURATION)
        places = [item for name in ("root", "runroot", "tmpdir") for item in (f"--{name}", str(folder / name))]
        self._command = ["podman", *places, "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"]
        # Whoever looks for the processes of a cloud by a mark in the environment must not find these.
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        self._environment = kept | {"CONTAINERS_CONF": str(folder / "containers.conf")}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        with open(self.folder / "engine.log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "system", "service", "-t", "0", self.url],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self._answers, "the engine answers")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(self.path) == 0

    def stop(self) -> None:
        """End the service; containers go on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def run(self, *arguments: str) -> str:
        """A podman command on what the engine has."""
        line = [*self._command, *arguments]
        done = subprocess.run(line, env=self._environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def names(self) -> list[str]:
        """Of all containers."""
        return sorted(self.run("ps", "--all", "--format", "{{.Names}}").split())

    def remove(self) -> None:
        """Leave nothing."""
        self.stop()
        for id in self.run("ps", "--all", "--quiet", "--sort", "created").split()[::-1]:
            self.run("rm", "--force", "--time", "0", "--depend", "--ignore", id)
        # Those of exec sessions would stay for five minutes more.
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
        # Podman has mounted its storage onto itself.
        subprocess.run(["umount", "--lazy", str(self.folder / "root" / "overlay")], capture_output=True, check=False)
        shutil.rmtree(self.folder)


def engine() -> Iterator[EngineProcess]:
    """For fixtures; skips where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("an engine of one's own needs root")
    for program in ("podman", "conmon", "runc"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is needed")
    made = EngineProcess(Path(tempfile.mkdtemp(prefix="cloudarium-engine-")))
    try:
        made.start()
        yield made
    finally:
        made.remove()
