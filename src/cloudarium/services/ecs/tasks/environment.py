"""The environment and the command line of a container: definition, overrides and image put together.

Precedence, lowest first: the image, environment files, ``environment``, secrets, the overrides' environment files and
``environment``, and what ECS itself sets.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def parse_file(data: bytes) -> dict[str, str]:
    """Variables of an environment file: ``NAME=value`` per line, ``#`` begins a comment; values are as they are."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and (name := name.strip()) and not name.startswith("#"):
            found[name] = value
    return found


def pairs(given: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """``[{name, value}]`` as a dict."""
    return {each["name"]: each.get("value", "") for each in given or () if "name" in each}


def merge(image: Sequence[str], *layers: Mapping[str, str], hostname: str = "") -> list[str]:
    """``NAME=value`` lines: the image's, then each layer over it."""
    merged: dict[str, str] = {"PATH": DEFAULT_PATH}
    if hostname:
        merged["HOSTNAME"] = hostname
    for line in image:
        name, _, value = line.partition("=")
        merged[name] = value
    for layer in layers:
        merged.update(layer)
    return [f"{name}={value}" for name, value in merged.items()]


def command_line(
    definition: Mapping[str, Any], override: Mapping[str, Any], entrypoint: Sequence[str], cmd: Sequence[str]
) -> list[str]:
    """What runs. As with Docker, an entry point of one's own takes the image's command away."""
    own = list(definition.get("entryPoint") or ())
    given = override.get("command")
    if given is None:
        given = definition.get("command")
    if not given:
        given = [] if own else list(cmd)
    return [*(own or entrypoint), *given]
