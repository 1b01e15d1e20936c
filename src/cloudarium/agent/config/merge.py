"""Several configuration files become one: lists of things to collect add up, anything said twice must be the same.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/create-cloudwatch-agent-configuration-file.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.agent.config.problems import ConfigError, under

_ADDED = {"/logs/logs_collected/files/collect_list", "/metrics/metrics_collected/procstat"}
"""Arrays that hold things to collect: those of all files are collected."""


def merge(documents: Mapping[str, Any]) -> dict[str, Any]:
    """One document of many, by file name. Raises ConfigError naming what two files say differently."""
    merged: dict[str, Any] = {}
    problems: list[str] = []
    for name in sorted(documents):
        document = documents[name]
        if not isinstance(document, dict):
            problems.append(under("/", f"{name} holds no JSON object"))
            continue
        merged = _both(merged, document, "", name, problems)
    if problems:
        raise ConfigError(problems)
    return merged


def _both(
    one: Mapping[str, Any], other: Mapping[str, Any], path: str, name: str, problems: list[str]
) -> dict[str, Any]:
    result = dict(one)
    for key, value in other.items():
        here = f"{path}/{key}"
        if key not in result:
            result[key] = value
        elif isinstance(value, dict) and isinstance(result[key], dict):
            result[key] = _both(result[key], value, here, name, problems)
        elif here in _ADDED and isinstance(value, list) and isinstance(result[key], list):
            result[key] = result[key] + [item for item in value if item not in result[key]]
        elif result[key] != value:
            problems.append(under(here, f"Different values are specified for {key} (the second by {name})"))
    return result
