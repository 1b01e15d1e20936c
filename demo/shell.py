"""Commands as a person would type them: shown, run, and their output used."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 4566


class DemoFailed(Exception):
    """Why the demo cannot go on, and what to do."""


class Shell:
    """Runs ``aws`` and ``cloudarium`` with the settings of one cloud."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._names: dict[str, str] = {}
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_PAGER": "",
            "CLOUDARIUM_PORT": str(port),
        }
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
            self.environment.pop(name, None)
        if importlib.util.find_spec("cloudarium") is None:
            self.environment["PYTHONPATH"] = str(ROOT / "src")

    def aws(self, *arguments: str, want: str = "", name: str = "") -> str:
        """An AWS CLI command; ``want`` is its ``--query``, whose text comes back. Raises DemoFailed.

        With ``name`` it is shown as setting that variable, by which later commands show the value.
        """
        program = Path(sys.executable).with_name("aws")
        if not program.exists():
            raise DemoFailed(f"the AWS CLI is missing beside {sys.executable}: run make install first")
        query = ("--query", want, "--output", "text") if want else ()
        self._show("aws", *arguments, *query, name=name)
        # Through this interpreter: the script's first line may name one that moved.
        output = self._run([sys.executable, str(program), *arguments, *query])
        if name:
            self.name(name, output)
            print(f"  {output}", flush=True)
        return output

    def cloudarium(self, *arguments: str, quiet: bool = False) -> str:
        """A cloudarium command. Raises DemoFailed."""
        if not quiet:
            self._show("cloudarium", *arguments)
        return self._run([sys.executable, "-m", "cloudarium", *arguments])

    def name(self, name: str, value: str) -> None:
        """Show ``value`` as ``$name`` from now on."""
        self._names[value] = name

    def _show(self, *words: str, name: str = "") -> None:
        """Print a command as it could be typed, one after another, in one shell."""
        line = " ".join(self._quoted(word) for word in words)
        print(f"$ {name}=$({line})" if name else f"$ {line}", flush=True)

    def _quoted(self, word: str) -> str:
        named = word
        for value in sorted(self._names, key=len, reverse=True):
            named = named.replace(value, f"${self._names[value]}")
        if named == word:
            return shlex.quote(word)
        if '"' in named:  # JSON: single quotes outside, the variable between them
            return "'" + re.sub(r"(\$[A-Z_]+)", r"'\1'", named) + "'"
        return f'"{named}"' if re.search(r"[^\w$.,:/=+-]", named) else named

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise DemoFailed(f"that ended with status {done.returncode}:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
