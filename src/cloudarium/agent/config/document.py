"""A whole configuration file of the CloudWatch agent: its ``agent``, ``logs`` and ``metrics`` sections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.agent.config import checks, logs, metrics
from cloudarium.agent.config.merge import merge
from cloudarium.agent.config.plan import Plan
from cloudarium.agent.config.problems import ConfigError, under

_AGENT: Mapping[str, checks.Check | None] = {
    "metrics_collection_interval": checks.interval,
    "region": checks.text(64),
    "credentials": None,
    "debug": checks.flag,
    "logfile": checks.text(4096, 0),
    "omit_hostname": checks.flag,
    "run_as_user": checks.text(255),
    "use_dualstack_endpoint": checks.flag,
}
_ENTITY = "entities of Application Signals are not built"
_AGENT_REFUSED = {
    "aws_sdk_log_level": "the log has no level of the SDK",
    "service.name": _ENTITY,
    "deployment.environment": _ENTITY,
    "user_agent": "the user agent is not configurable",
    "internal": "there is no small mode to choose",
}
_SECTIONS: Mapping[str, checks.Check | None] = {"agent": None, "logs": None, "metrics": None}
_SECTIONS_REFUSED = {
    "traces": "traces are not built",
    "opentelemetry": "OpenTelemetry is not built",
    "csm": "client-side monitoring is not built",
}
DEFAULT: Mapping[str, Any] = {
    "agent": {"run_as_user": "cwagent"},
    "metrics": {
        "metrics_collected": {
            "disk": {"measurement": ["used_percent"], "resources": ["*"]},
            "mem": {"measurement": ["mem_used_percent"]},
        },
        "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
    },
}
"""``-c default``: memory and disk space, as documented for the predefined set "basic"."""


def parse(texts: Mapping[str, str]) -> Plan:
    """The plan of some configuration files by name. Raises ConfigError with everything that is wrong."""
    problems: list[str] = []
    documents: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            documents[name] = json.loads(text)
        except (ValueError, RecursionError) as error:
            problems.append(under("/", f"{name} is no JSON: {error}"))
    if problems:
        raise ConfigError(problems)
    document = merge(documents)
    sections = checks.fields(document, "", _SECTIONS, problems, refused=_SECTIONS_REFUSED)
    agent = checks.fields(sections.get("agent", {}), "/agent", _AGENT, problems, refused=_AGENT_REFUSED)
    credentials = agent.get("credentials", {})
    role = checks.fields(credentials, "/agent/credentials", {"role_arn": checks.text(2048, 20)}, problems)
    interval = agent.get("metrics_collection_interval", 60)
    logs_plan = logs.parse(sections["logs"], problems) if "logs" in sections else None
    metrics_plan = metrics.parse(sections["metrics"], interval, problems) if "metrics" in sections else None
    if logs_plan is None and metrics_plan is None and not problems:
        problems.append(under("/", "there is nothing to collect: neither logs nor metrics"))
    if problems:
        raise ConfigError(problems)
    return Plan(
        region=agent.get("region"),
        logfile=agent.get("logfile"),
        debug=agent.get("debug", False),
        user=agent.get("run_as_user"),
        omit_hostname=agent.get("omit_hostname", False),
        dual_stack=agent.get("use_dualstack_endpoint", False),
        logs=_with_role(logs_plan, role.get("role_arn")),
        metrics=_with_role(metrics_plan, role.get("role_arn")),
    )


def _with_role(plan: Any, role: str | None) -> Any:
    from dataclasses import replace

    return replace(plan, role=role) if plan is not None and plan.role is None and role else plan
