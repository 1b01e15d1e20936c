"""A machine whose log files are followed, driven by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudarium.agent.config.plan import FilePlan
from cloudarium.agent.logs.source import Source
from cloudarium.agent.logs.state import States

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Machine:
    """Sources of a folder, driven by hand: everything read counts as sent at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.tick = 0.0

    def source(self, path: str, *, older: bool = False, key: str = "k", **fields: Any) -> Source:
        plan = FilePlan(path=str(self.folder / path), group="g", stream="s", key=key, **fields)
        return Source(plan, States(str(self.folder / ".state"), self.said.append), self.said.append, older=older)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
        return path

    def ship(self, source: Source, seconds: float = 1.0) -> list[str]:
        """Let time pass in steps of half a second; returns what was sent."""
        sent = []
        for _ in range(int(seconds * 2)):
            self.tick += 0.5
            for _, events in source.scan(NOW, self.tick):
                sent += [event.message for event in events if event.message is not None]
            for tail in list(source.tails):
                if not tail.is_open:
                    continue
                for event in source.read(tail, NOW, self.tick):
                    sent += [event.message] if event.message is not None else []
                    tail.committed = event.end
            source.close_finished(self.tick)
            source.save()
        return sent
