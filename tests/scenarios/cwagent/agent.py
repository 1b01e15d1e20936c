"""``cloudarium agent`` on this machine, and what it has sent to a running cloud."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.aws import Account
from tests.support.cloud import until


class Agent:
    """``cloudarium agent`` with a folder of its own."""

    def __init__(self, account: Account, root: Path, prefix: tuple[str, ...] = (sys.executable,)) -> None:
        self.account, self.root, self.prefix = account, root, prefix
        self.environment = account.cloud.environment | account.environment

    def run(self, *words: str, fails: bool = False) -> str:
        line = [*self.prefix, "-m", "cloudarium", "agent", *words]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def control(self, *words: str, fails: bool = False) -> str:
        return self.run("--root", str(self.root), "--instance-id", "i-0abc", *words, fails=fails)

    def status(self) -> Any:
        return json.loads(self.control("-a", "status"))

    @property
    def pid(self) -> int:
        return int((self.root / "var/amazon-cloudwatch-agent.pid").read_text())

    @property
    def log(self) -> str:
        return (self.root / "logs/amazon-cloudwatch-agent.log").read_text()


def messages(account: Account, group: str, stream: str = "i-0abc") -> list[str]:
    """All messages of a stream, oldest first; none while it is not there."""
    found: list[str] = []
    request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
    try:
        while True:
            page = account.logs.get_log_events(**request)
            if not page["events"]:
                return found
            found += [event["message"] for event in page["events"]]
            request["nextToken"] = page["nextForwardToken"]
    except account.logs.exceptions.ResourceNotFoundException:
        return found


def newest(account: Account, group: str, stream: str = "i-0abc") -> str:
    """The last message of a stream; empty while it is not there."""
    try:
        page = account.logs.get_log_events(logGroupName=group, logStreamName=stream, limit=1)
    except account.logs.exceptions.ResourceNotFoundException:
        return ""
    return page["events"][0]["message"] if page["events"] else ""


def has(account: Account, group: str, expected: list[str], stream: str = "i-0abc") -> None:
    until(lambda: len(messages(account, group, stream)) >= len(expected), f"{group} has {len(expected)} events")
    assert messages(account, group, stream) == expected


def logs_config(path: Path, *entries: dict[str, Any], interval: int = 1) -> Path:
    document = {
        "logs": {"force_flush_interval": interval, "logs_collected": {"files": {"collect_list": list(entries)}}}
    }
    path.write_text(json.dumps(document))
    return path


def ended(pid: int) -> bool:
    """Whether a process is over; its entry stays until whoever adopted it looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def append(path: Path, *lines: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
