"""The ``metrics`` section of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.agent.config import checks
from cloudarium.agent.config.catalogue import ABSENT, STANDARD_UNITS, UNITS, full_name
from cloudarium.agent.config.plan import CollectorPlan, Measurement, MetricsPlan
from cloudarium.agent.config.problems import under
from cloudarium.agent.logs.events import compile_pattern

_SECTION: Mapping[str, checks.Check | None] = {
    "namespace": checks.text(255),
    "aggregation_dimensions": None,
    "append_dimensions": checks.dimensions,
    "metrics_collected": None,
    "metrics_destinations": None,
    "force_flush_interval": checks.interval,
    "credentials": None,
    "endpoint_override": checks.text(2048, 4),
}
_ENTITY = "entities of Application Signals are not built"
_SECTION_REFUSED = {"service.name": _ENTITY, "deployment.environment": _ENTITY}
_KIND_REFUSED = {
    "ethtool": "statistics of network drivers are not built",
    "nvidia_smi": "GPU metrics are not built",
    "efa": "Elastic Fabric Adapter metrics are not built",
    "jmx": "JMX is not built",
    "otlp": "OpenTelemetry is not built",
    "prometheus": "Prometheus is not built",
}
_COMMON: Mapping[str, checks.Check | None] = {
    "measurement": None,
    "metrics_collection_interval": checks.interval,
    "append_dimensions": checks.dimensions,
    "drop_original_metrics": checks.texts(least_items=1),
}
_RESOURCES: Mapping[str, checks.Check | None] = {"resources": checks.texts()}
_SAMPLED: Mapping[str, Mapping[str, checks.Check | None]] = {
    "cpu": {**_COMMON, "resources": checks.texts(1), "totalcpu": checks.flag},
    "disk": {**_COMMON, **_RESOURCES, "ignore_file_system_types": checks.texts(), "drop_device": checks.flag},
    "diskio": {**_COMMON, **_RESOURCES},
    "mem": _COMMON,
    "net": {**_COMMON, **_RESOURCES},
    "netstat": _COMMON,
    "processes": _COMMON,
    "swap": _COMMON,
    "procstat": {**_COMMON, "pid_file": checks.text(255), "exe": checks.text(255), "pattern": checks.text(255)},
}
_STATSD: Mapping[str, checks.Check | None] = {
    "service_address": checks.text(255),
    "metrics_collection_interval": checks.interval,
    "metrics_aggregation_interval": checks.interval_or_none,
    "allowed_pending_messages": checks.whole(1, 2**31 - 1),
    "metric_separator": checks.text(255),
    "drop_original_metrics": checks.texts(least_items=1),
}
_COLLECTD: Mapping[str, checks.Check | None] = {
    "service_address": checks.text(255),
    "name_prefix": checks.text(255),
    "collectd_security_level": checks.one_of("none", "sign", "encrypt"),
    "collectd_auth_file": checks.text(),
    "collectd_typesdb": checks.texts(10),
    "metrics_aggregation_interval": checks.interval_or_none,
    "append_dimensions": checks.dimensions,
    "drop_original_metrics": checks.texts(least_items=1),
}
MACHINE_VALUES = tuple(f"${{aws:{name}}}" for name in ("ImageId", "InstanceId", "InstanceType", "AutoScalingGroupName"))
TYPESDB = "/usr/share/collectd/types.db"


def parse(section: Any, interval: int, problems: list[str]) -> MetricsPlan:
    """The plan of the section; ``interval`` is the agent's ``metrics_collection_interval``."""
    path = "/metrics"
    good = checks.fields(section, path, _SECTION, problems, required=["metrics_collected"], refused=_SECTION_REFUSED)
    role = checks.fields(
        good.get("credentials", {}), f"{path}/credentials", {"role_arn": checks.text(2048, 20)}, problems
    )
    checks.fields(
        good.get("metrics_destinations", {}), f"{path}/metrics_destinations", {"cloudwatch": None}, problems,
        refused={"amp": "Amazon Managed Service for Prometheus is not built"},
    )  # fmt: skip
    for name, value in good.get("append_dimensions", {}).items():
        if value not in MACHINE_VALUES:
            here = f"{path}/append_dimensions/{name}"
            problems.append(under(here, f"Must be one of the following: {', '.join(MACHINE_VALUES)}"))
    table: dict[str, checks.Check | None] = dict.fromkeys([*_SAMPLED, "statsd", "collectd"])
    path = f"{path}/metrics_collected"
    collected = checks.fields(good.get("metrics_collected", {}), path, table, problems, refused=_KIND_REFUSED)
    if good.get("metrics_collected") == {}:
        problems.append(under(path, "Must have at least 1 properties"))
    collectors: list[CollectorPlan] = []
    for kind, value in collected.items():
        here = f"{path}/{kind}"
        if kind == "statsd":
            collectors.append(_statsd(value, here, problems))
        elif kind == "collectd":
            collectors.append(_collectd(value, here, problems))
        elif kind == "procstat":
            collectors += _procstat(value, here, interval, problems)
        else:
            collectors.append(_sampled(kind, value, here, interval, problems))
    return MetricsPlan(
        namespace=good.get("namespace", "CWAgent"),
        dimensions=tuple(good.get("append_dimensions", {}).items()),
        aggregations=_aggregations(good.get("aggregation_dimensions", []), problems),
        flush_seconds=good.get("force_flush_interval", 60),
        endpoint=good.get("endpoint_override"),
        role=role.get("role_arn"),
        collectors=tuple(collectors),
    )


def _sampled(kind: str, value: Any, path: str, interval: int, problems: list[str]) -> CollectorPlan:
    good = checks.fields(value, path, _SAMPLED[kind], problems, required=["measurement"])
    resources = good.get("resources")
    if kind == "cpu" and resources not in (None, [], ["*"]):
        problems.append(under(f"{path}/resources/0", "Must be one of the following: *"))
    return CollectorPlan(
        kind=kind,
        interval=good.get("metrics_collection_interval", interval),
        measurements=_measurements(kind, good.get("measurement", []), f"{path}/measurement", problems),
        resources=tuple(resources) if resources is not None else None,
        dimensions=tuple(good.get("append_dimensions", {}).items()),
        dropped=frozenset(good.get("drop_original_metrics", ())),
        total_cpu=good.get("totalcpu", True),
        ignored_file_systems=frozenset(good.get("ignore_file_system_types", ())),
        drop_device=good.get("drop_device", False),
        finder=next(((name, good[name]) for name in ("pid_file", "exe", "pattern") if name in good), ("", "")),
    )


def _procstat(value: Any, path: str, interval: int, problems: list[str]) -> list[CollectorPlan]:
    if not isinstance(value, list) or not 1 <= len(value) <= 255:
        problems.append(under(path, "Must be an array of 1 to 255 items"))
        return []
    found = []
    for number, item in enumerate(value):
        here = f"{path}/{number}"
        plan = _sampled("procstat", item, here, interval, problems)
        name, expression = plan.finder
        if not name:
            problems.append(under(here, "one of pid_file, exe and pattern is required"))
        elif name != "pid_file":
            try:
                compile_pattern(expression)
            except ValueError as error:
                problems.append(under(f"{here}/{name}", str(error)))
        if any(each.rename or each.unit for each in plan.measurements):
            problems.append(under(f"{here}/measurement", "procstat takes names only: no rename, no unit"))
        found.append(plan)
    return found


def _measurements(kind: str, listed: Any, path: str, problems: list[str]) -> tuple[Measurement, ...]:
    if not isinstance(listed, list):
        problems.append(under(path, f"Invalid type. Expected: array, given: {checks.kind(listed)}"))
        return ()
    table: Mapping[str, checks.Check | None] = {
        "name": checks.text(255),
        "rename": checks.text(255),
        "unit": checks.one_of(*sorted(STANDARD_UNITS)),
    }
    found = []
    for number, item in enumerate(listed):
        here = f"{path}/{number}"
        if isinstance(item, str):
            item = {"name": item}
        good = checks.fields(item, here, table, problems, required=["name"])
        name = good.get("name")
        if name is None:
            continue
        full = full_name(kind, name)
        if full is None:
            where = ABSENT.get(kind, {}).get(name.removeprefix(f"{kind}_"))
            reason = f"is measured on {where} only" if where else f"is no metric of {kind}: {', '.join(UNITS[kind])}"
            problems.append(under(here, f"{name} {reason}"))
            continue
        found.append(Measurement(full, good.get("rename"), good.get("unit")))
    return tuple(found)


def _statsd(value: Any, path: str, problems: list[str]) -> CollectorPlan:
    good = checks.fields(value, path, _STATSD, problems)
    if "allowed_pending_messages" in good:
        problems.append(under(path, "allowed_pending_messages is not supported: the kernel's buffer is the queue"))
    return CollectorPlan(
        kind="statsd",
        interval=good.get("metrics_collection_interval", 10),
        aggregation=good.get("metrics_aggregation_interval", 60),
        address=_address(good.get("service_address", ":8125"), f"{path}/service_address", problems),
        dropped=frozenset(good.get("drop_original_metrics", ())),
        separator=good.get("metric_separator", "_"),
    )


def _collectd(value: Any, path: str, problems: list[str]) -> CollectorPlan:
    good = checks.fields(value, path, _COLLECTD, problems)
    level = good.get("collectd_security_level", "encrypt")
    if level != "none":
        said = "" if "collectd_security_level" in good else " (the default)"
        problems.append(under(path, f"collectd_security_level {level}{said} is not supported: say none"))
    if "collectd_auth_file" in good:
        problems.append(under(path, "collectd_auth_file is not supported: nothing is verified or decrypted"))
    address = good.get("service_address", "udp://127.0.0.1:25826").removeprefix("udp://")
    return CollectorPlan(
        kind="collectd",
        interval=10,
        aggregation=good.get("metrics_aggregation_interval", 60),
        address=_address(address, f"{path}/service_address", problems),
        prefix=good.get("name_prefix", "collectd_"),
        typesdb=tuple(good.get("collectd_typesdb", [TYPESDB])),
        dimensions=tuple(good.get("append_dimensions", {}).items()),
        dropped=frozenset(good.get("drop_original_metrics", ())),
    )


def _address(text: str, path: str, problems: list[str]) -> str:
    port = text.rpartition(":")[2]
    if ":" not in text or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        problems.append(under(path, f"{text} is no ip:port"))
    return text


def _aggregations(listed: Any, problems: list[str]) -> tuple[tuple[str, ...], ...]:
    path = "/metrics/aggregation_dimensions"
    each = checks.texts(30, 1024)
    if not isinstance(listed, list) or len(listed) > 1024:
        problems.append(under(path, "Must be an array of at most 1024 items"))
        return ()
    for number, item in enumerate(listed):
        wrong = each(item)
        if wrong:
            problems.append(under(f"{path}/{number}", wrong))
            return ()
    return tuple(dict.fromkeys(tuple(sorted(set(item))) for item in listed))
