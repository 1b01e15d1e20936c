"""The router's generated configuration, as the ECS agent makes it.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html: inputs on a socket and on ports of
the task, ECS metadata added to records, the user's own configuration included, and one output per container that names
its own destination. The options of a container's log driver are the output's keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SOCKET = "/var/run/fluent.sock"
CONFIG = {"fluentbit": "/fluent-bit/etc/fluent-bit.conf", "fluentd": "/fluentd/etc/fluent.conf"}
EXTERNAL = {"fluentbit": "/fluent-bit/etc/external.conf", "fluentd": "/fluentd/etc/external.conf"}
"""Where a configuration of the type s3 is put in the router's container."""
_NOT_OUTPUT = ("log-driver-buffer-limit",)


def tag_of(container: str, task_id: str) -> str:
    """The tag of a container's records."""
    return f"{container}-firelens-{task_id}"


def external_path(firelens: Mapping[str, Any]) -> str | None:
    """The path in the router's container of the user's configuration, if there is one."""
    options = firelens.get("options") or {}
    if options.get("config-file-type") == "file":
        return str(options.get("config-file-value") or "")
    if options.get("config-file-type") == "s3":
        return EXTERNAL[firelens["type"]]
    return None


def fluent_bit(
    firelens: Mapping[str, Any], containers: Sequence[Mapping[str, Any]], metadata: Mapping[str, str], mode: str
) -> str:
    """``fluent-bit.conf``. ``metadata``: ecs_cluster, ecs_task_arn, ecs_task_definition; ``mode``: the network's."""
    parts = [
        _section("INPUT", {"Name": "forward", "unix_path": SOCKET}),
        _section("INPUT", {"Name": "forward", "Listen": _listen(mode), "Port": "24224"}),
        # The health check of the router: https://github.com/aws-samples/amazon-ecs-firelens-examples.
        _section("INPUT", {"Name": "tcp", "Tag": "firelens-healthcheck", "Listen": "127.0.0.1", "Port": "8877"}),
    ]
    if (firelens.get("options") or {}).get("enable-ecs-log-metadata", "true") != "false":
        lines = ["[FILTER]", "    Name record_modifier", "    Match *"]
        lines += [f"    Record {name} {value}" for name, value in metadata.items()]
        parts.append("\n".join(lines))
    if (path := external_path(firelens)) is not None:
        parts.append(f"@INCLUDE {path}")
    parts.append(_section("OUTPUT", {"Name": "null", "Match": "firelens-healthcheck"}))
    for container in _routed(containers):
        options = _output(container)
        if "Name" in options:
            name = options.pop("Name")
            parts.append(_section("OUTPUT", {"Name": name, "Match": f"{container['name']}-firelens*", **options}))
    return "\n\n".join(parts) + "\n"


def fluentd(
    firelens: Mapping[str, Any], containers: Sequence[Mapping[str, Any]], metadata: Mapping[str, str], mode: str
) -> str:
    """``fluent.conf``."""
    parts = [
        f"<source>\n    @type unix\n    path {SOCKET}\n</source>",
        f"<source>\n    @type forward\n    bind {_listen(mode)}\n    port 24224\n</source>",
    ]
    if (firelens.get("options") or {}).get("enable-ecs-log-metadata", "true") != "false":
        records = "\n".join(f"        {name} {value}" for name, value in metadata.items())
        parts.append(f"<filter **>\n    @type record_transformer\n    <record>\n{records}\n    </record>\n</filter>")
    if (path := external_path(firelens)) is not None:
        parts.append(f"@include {path}")
    for container in _routed(containers):
        options = _output(container)
        if "@type" in options:
            lines = "\n".join(f"    {key} {value}" for key, value in options.items())
            parts.append(f"<match {container['name']}-firelens**>\n{lines}\n</match>")
    return "\n\n".join(parts) + "\n"


def _listen(mode: str) -> str:
    return "127.0.0.1" if mode == "awsvpc" else "0.0.0.0"


def _routed(containers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        each for each in containers if (each.get("logConfiguration") or {}).get("logDriver") == "awsfirelens"
    ]  # fmt: skip


def _output(container: Mapping[str, Any]) -> dict[str, str]:
    options = (container["logConfiguration"].get("options") or {}).items()
    return {key: _one_line(value) for key, value in options if key not in _NOT_OUTPUT}


def _section(name: str, values: Mapping[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"    {key} {value}" for key, value in values.items())])


def _one_line(value: str) -> str:
    """A value cannot begin a section of its own."""
    return " ".join(str(value).splitlines())
