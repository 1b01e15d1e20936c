"""The older CloudWatch Logs agent (``awslogs``): one ini file, one state file, one log.

The state file is ``state/agent-state`` beside the folder of the configuration unless [general] says otherwise, the log
is ``log/awslogs.log`` beside that: ``/var/awslogs/etc/awslogs.conf`` has ``/var/log/awslogs.log``.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AgentReference.html
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cloudarium.agent import daemon
from cloudarium.agent.config import awslogs
from cloudarium.agent.config.plan import Plan
from cloudarium.agent.config.problems import ConfigError
from cloudarium.agent.daemon import Lock, NotStarted
from cloudarium.agent.journal import Journal


class OlderAgent:
    """The agent of one ``awslogs.conf``."""

    def __init__(self, path: str, instance_id: str | None = None) -> None:
        self.path = Path(path).absolute()
        self._root = self.path.parent.parent
        self._instance_id = instance_id
        self.states = self._root / "state"
        self.log = self._root.parent / "log" / "awslogs.log"
        self.lock = Lock(self.states / "awslogs.lock", self.states / "awslogs.pid")

    def plan(self) -> Plan:
        """What its files say. Raises NotStarted."""
        try:
            folder = self.path.parent / "config"
            more = (
                {each.name: each.read_text() for each in folder.iterdir() if each.is_file()} if folder.is_dir() else {}
            )
            return awslogs.parse(self.path.read_text(), more)
        except ConfigError as error:
            raise NotStarted("\n".join(error.problems)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise NotStarted(f"{self.path} cannot be read: {error}") from None

    def start(self) -> None:
        """Start it in the background. Raises NotStarted."""
        daemon.start(self.run)

    def run(self, ready: Callable[[], None], *, log: bool = True) -> int:
        """Be the agent, in this process. Raises NotStarted."""
        from cloudarium.agent.program import Setting, run

        plan = self.plan()
        assert plan.logs is not None
        states = Path(plan.logs.state_file or self.states / "agent-state")
        try:
            for folder in (self.states, self.log.parent, states.parent):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotStarted(f"{error.filename}: {error.strerror}") from None
        self.lock.hold()
        try:
            setting = Setting("ec2", self._instance_id, str(states), single=True)
            return run(plan, setting, Journal(str(self.log) if log else None), ready)
        finally:
            self.lock.release()
