"""The router's generated configuration, as the ECS agent makes it.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html: inputs on a socket and on ports of
the task, ECS metadata added to records, the user's own configuration included, and one output per container that names
its own destination. The options of a container's log driver are the output's keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    for container, options in _routed(containers, "${%s}"):
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
    for container, options in _routed(containers, "\"#{ENV['%s']}\""):
        if "@type" in options:
            lines = "\n".join(f"    {key} {value}" for key, value in options.items())
            parts.append(f"<match {container['name']}-firelens**>\n{lines}\n</match>")
    return "\n\n".join(parts) + "\n"


def _listen(mode: str) -> str:
    return "127.0.0.1" if mode == "awsvpc" else "0.0.0.0"


def secret_options(containers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The router's variables for ``secretOptions``, and where their values come from.

    Secrets reach the router in its environment, as AWS's agent has it; its configuration only names them.
    """
    return {
        _variable(option["name"], index): option["valueFrom"]
        for index, container in enumerate(containers)
        if _is_routed(container)
        for option in container["logConfiguration"].get("secretOptions") or ()
    }


def _variable(option: str, index: int) -> str:
    return f"{option}_{index}"


def _is_routed(container: Mapping[str, Any]) -> bool:
    return (container.get("logConfiguration") or {}).get("logDriver") == "awsfirelens"


def _routed(
    containers: Sequence[Mapping[str, Any]], variable: str
) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    """Containers whose output goes through the router, with the options of theirs; ``variable`` refers to one."""
    for index, container in enumerate(containers):
        if _is_routed(container):
            given = container["logConfiguration"]
            options = {key: _one_line(value) for key, value in (given.get("options") or {}).items()}
            for option in given.get("secretOptions") or ():
                options[_one_line(option["name"])] = _one_line(variable % _variable(option["name"], index))
            yield container, {key: value for key, value in options.items() if key not in _NOT_OUTPUT}


def _section(name: str, values: Mapping[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"    {key} {value}" for key, value in values.items())])


def _one_line(value: str) -> str:
    """A value cannot begin a section of its own."""
    return " ".join(str(value).splitlines())
