"""Where an agent's files are, below one folder, as the package of the CloudWatch agent lays them out."""

from __future__ import annotations

import os
from pathlib import Path

INSTALLED = "/opt/aws/amazon-cloudwatch-agent"
_NAME = "amazon-cloudwatch-agent"


class Layout:
    """The paths of one agent. There is one agent per folder."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()
        self.etc = self.root / "etc"
        self.documents = self.etc / f"{_NAME}.d"
        self.plan = self.etc / f"{_NAME}.json"
        """What the agent runs: all documents merged."""
        self.common = self.etc / "common-config.toml"
        self.mode = self.etc / "mode"
        self.logs = self.root / "logs"
        self.log = self.logs / f"{_NAME}.log"
        self.validation = self.logs / "configuration-validation.log"
        self.states = self.logs / "state"
        self.var = self.root / "var"
        self.pid = self.var / f"{_NAME}.pid"
        self.lock = self.var / f"{_NAME}.lock"

    def make(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self.documents, self.logs, self.states, self.var, self.root / "bin"):
            folder.mkdir(parents=True, exist_ok=True)


def default_root() -> str:
    """The folder of the package where it may be written, otherwise one of the user's."""
    probe = Path(INSTALLED)
    while not probe.exists():
        probe = probe.parent
    if os.access(probe, os.W_OK):
        return INSTALLED
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "cloudarium", _NAME)
