"""What ``amazon-cloudwatch-agent-ctl`` does: bring configurations in, start, stop, tell how it is.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/install-CloudWatch-Agent-on-EC2-Instance-fleet.html
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudarium.agent import VERSION, daemon
from cloudarium.agent.config import common, document
from cloudarium.agent.config.merge import merge
from cloudarium.agent.config.problems import ConfigError
from cloudarium.agent.daemon import Lock, NotStarted
from cloudarium.agent.journal import Journal
from cloudarium.agent.layout import Layout

NAME = "amazon-cloudwatch-agent"
_TEMPORARY = ".tmp"


class Refused(Exception):
    """The action was not done. The text says why."""


class Control:
    """The actions on the agent of one folder. ``say`` prints a line."""

    def __init__(self, layout: Layout, say: Callable[[str], None], instance_id: str | None = None) -> None:
        self.layout, self._say, self._instance_id = layout, say, instance_id
        self.lock = Lock(layout.lock, layout.pid)

    def configure(self, action: str, location: str, mode: str, *, start: bool) -> None:
        """``fetch-config``, ``append-config`` or ``remove-config``. Raises Refused; then all is as it was."""
        self._say(f"****** processing {NAME} ******")
        try:
            self.layout.make()
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from None
        documents = {} if action == "fetch-config" else self._documents()
        if action == "remove-config":
            name = _name(location)
            if location != "all" and documents.pop(name, None) is None:
                raise Refused(f"there is no configuration {location} to remove")
            documents = {} if location == "all" else documents
        elif location == "all":
            raise Refused('"all" is only supported by action "remove-config"')
        else:
            documents[_name(location)] = self._fetch(location)
            self._say(
                f"Successfully fetched the config and saved in {self.layout.documents}/{_name(location)}{_TEMPORARY}"
            )
        if documents:
            self._validate(documents)
            self._replace(documents, mode)
        else:
            self._replace({}, mode)
            self._say(f"all {NAME} configurations have been removed")
        if start:
            self.stop()
            if documents:
                self.start(mode)

    def start(self, mode: str | None = None) -> None:
        """Start the agent in the background; without any configuration, with the default one. Raises Refused."""
        self._say(f"****** processing {NAME} ******")
        if self.lock.holder() is not None:
            self._say(f"{NAME} has already been started")
            return
        if not self.layout.plan.exists():
            self._say(f"{NAME} is not configured. Applying its default configuration.")
            self.configure("fetch-config", "default", mode or "ec2", start=False)
        try:
            daemon.start(lambda ready: self.run(mode, ready))
        except NotStarted as error:
            Journal(str(self.layout.log)).error(str(error))
            raise Refused(str(error)) from None
        self._say(f"{NAME} has been started")

    def stop(self) -> None:
        """Stop the agent and wait until it has ended. Raises Refused."""
        try:
            stopped = daemon.stop(self.lock)
        except NotStarted as error:
            raise Refused(str(error)) from None
        self._say(f"{NAME} has been stopped" if stopped else f"{NAME} has already been stopped")

    def status(self) -> dict[str, str]:
        """What ``-a status`` prints."""
        pid = self.lock.holder()
        return {
            "status": "stopped" if pid is None else "running",
            "starttime": "" if pid is None else daemon.started_at(pid),
            "configstatus": "configured" if self.layout.plan.exists() else "not configured",
            "version": VERSION,
        }

    def run(self, mode: str | None, ready: Callable[[], None]) -> int:
        """Be the agent, in this process. Raises NotStarted."""
        from cloudarium.agent.program import Setting, run

        # Before the agent becomes another user, who may not be allowed to read it.
        importlib.import_module("cloudarium.agent.metrics.runner")

        layout = self.layout
        try:
            plan = document.parse({layout.plan.name: layout.plan.read_text()})
            layout.make()
        except FileNotFoundError:
            raise NotStarted(f"there is no configuration: {layout.plan}") from None
        except ConfigError as error:
            raise NotStarted("\n".join(error.problems)) from None
        os.environ.update(common.variables(layout.common))
        self.lock.hold()
        try:
            logfile = str(layout.log) if plan.logfile is None else plan.logfile or None
            if plan.user is not None:
                daemon.become(plan.user, [layout.logs, layout.var])
            mode = mode or (layout.mode.read_text().strip() if layout.mode.exists() else "ec2")
            journal = Journal(logfile, debug=plan.debug)
            return run(plan, Setting(mode, self._instance_id, str(layout.states)), journal, ready)
        finally:
            self.lock.release()

    def _documents(self) -> dict[str, str]:
        found = sorted(self.layout.documents.iterdir())
        return {path.name: path.read_text() for path in found if path.suffix != _TEMPORARY}

    def _fetch(self, location: str) -> str:
        kind, _, rest = location.partition(":")
        if location == "default":
            return json.dumps(document.DEFAULT, indent=2)
        if kind == "file" and rest:
            try:
                return Path(rest).read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise Refused(f"cannot read {rest}: {error}") from None
        if kind == "ssm" and rest:
            return _parameter(rest)
        raise Refused(f"{location} is no location: write default, file:PATH or ssm:NAME")

    def _validate(self, documents: dict[str, str]) -> None:
        """Write ``configuration-validation.log`` and say what it says. Raises Refused."""
        self._say("Start configuration validation...")
        lines = [f"Reading json config file path: {self.layout.documents}/{name} ..." for name in sorted(documents)]
        wrong: list[str] = []
        try:
            plan = document.parse(documents)
        except ConfigError as error:
            wrong = error.problems
            lines += [
                "E! Invalid Json input schema.",
                *wrong,
                f"Configuration validation first phase failed. Agent version: {VERSION}.",
            ]
        else:
            user = plan.user or "root"
            lines += ["I! Valid Json input schema.", f"I! Detecting run_as_user... {user}"]
            lines += [f"Configuration validation {which}succeeded" for which in ("first phase ", "second phase ", "")]
        stamp = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S")
        with open(self.layout.validation, "a", encoding="utf-8") as file:
            file.writelines(f"{stamp} {line}\n" for line in lines)
        for line in lines:
            self._say(line)
        if wrong:
            raise Refused(f"the configuration is not valid: see {self.layout.validation}")

    def _replace(self, documents: dict[str, str], mode: str) -> None:
        """Make some documents the configuration. What runs is one file, which is replaced in one step."""
        folder = self.layout.documents
        for name, text in documents.items():
            new = folder / (name + _TEMPORARY)
            new.write_text(text)
            os.replace(new, folder / name)
        for path in folder.iterdir():
            if path.name not in documents:
                path.unlink()
        self.layout.mode.write_text(mode + "\n")
        if not documents:
            self.layout.plan.unlink(missing_ok=True)
            return
        merged = merge({name: json.loads(text) for name, text in documents.items()})
        new = self.layout.plan.with_suffix(_TEMPORARY)
        new.write_text(json.dumps(merged, indent=2) + "\n")
        os.replace(new, self.layout.plan)


def _name(location: str) -> str:
    """The name under which a configuration is kept: another one of the same name takes its place."""
    kind, _, rest = location.partition(":")
    return f"{kind}_{os.path.basename(rest) or rest}" if rest else kind


def _parameter(name: str) -> str:
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client: Any = botocore.session.Session().create_client("ssm", region_name=os.environ.get("AWS_REGION"))
        return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"cannot fetch ssm:{name}: {error}") from None
